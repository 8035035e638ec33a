import {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStatusBar } from '@jupyterlab/statusbar';
import { DisposableSet } from '@lumino/disposable';

import { CommandIDs } from '../commands';
import { fleetOf } from '../hub/fleet';
import { StatusItem } from '../hub/statusitem';
import { IMlops } from '../tokens';
import { whileShown } from './shown';

/** Endpoints up and alarms. */
export const statusbar: JupyterFrontEndPlugin<void> = {
  id: '@mlops-jupyter/labextension:statusbar',
  description: 'How many endpoints are up, and alarms, in the status bar.',
  autoStart: true,
  requires: [IMlops],
  optional: [IStatusBar, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    mlops: IMlops,
    bar: IStatusBar | null,
    settings: ISettingRegistry | null
  ): void => {
    const { store, trans } = mlops;
    if (bar === null) {
      return;
    }
    const fleet = fleetOf(store, app.serviceManager.events);
    void whileShown(settings, 'statusBar', () => {
      const item = new StatusItem(fleet, trans, () => {
        void app.commands.execute(CommandIDs.openPanel);
      });
      return DisposableSet.from([
        fleet.watch(),
        bar.registerStatusItem(statusbar.id, {
          item,
          align: 'left',
          rank: 5,
          // a server without our part has nothing to say
          isActive: () => fleet.status !== undefined,
          activeStateChanged: fleet.changed
        }),
        item
      ]);
    });
  }
};
