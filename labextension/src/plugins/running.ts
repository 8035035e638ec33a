import {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { IRunningSessionManagers } from '@jupyterlab/running';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { DisposableSet } from '@lumino/disposable';

import { CommandIDs } from '../commands';
import { fleetOf } from '../hub/fleet';
import { RunningEndpoints } from '../hub/runningendpoints';
import { IMlops } from '../tokens';
import { whileShown } from './shown';

/** Endpoints among kernels and terminals. */
export const running: JupyterFrontEndPlugin<void> = {
  id: '@mlops-jupyter/labextension:running',
  description: 'The deployed endpoints in the Running panel.',
  autoStart: true,
  requires: [IMlops],
  optional: [IRunningSessionManagers, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    mlops: IMlops,
    managers: IRunningSessionManagers | null,
    settings: ISettingRegistry | null
  ): void => {
    const { store, trans } = mlops;
    if (managers === null) {
      return;
    }
    const fleet = fleetOf(store, app.serviceManager.events);
    void whileShown(settings, 'running', () =>
      DisposableSet.from([
        fleet.watch(),
        managers.add(
          new RunningEndpoints(fleet, store, trans, () => {
            void app.commands.execute(CommandIDs.openPanel);
          })
        )
      ])
    );
  }
};
