import {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ILauncher } from '@jupyterlab/launcher';
import { ISettingRegistry } from '@jupyterlab/settingregistry';

import { CommandIDs } from '../commands';
import { mlopsIcon } from '../icons';
import { IMlops } from '../tokens';
import { whileShown } from './shown';

/** A command of its own, since a card needs a short name and an icon. */
const LAUNCH = 'mlops:launch';

/** The card. */
export const launcher: JupyterFrontEndPlugin<void> = {
  id: '@mlops-jupyter/labextension:launcher',
  description: 'A card in the launcher that shows the sidebar.',
  autoStart: true,
  requires: [IMlops],
  optional: [ILauncher, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    mlops: IMlops,
    cards: ILauncher | null,
    settings: ISettingRegistry | null
  ): void => {
    const { trans } = mlops;
    if (cards === null) {
      return;
    }
    app.commands.addCommand(LAUNCH, {
      label: trans.__('MLOps'),
      caption: trans.__('Endpoints, models and the audit history'),
      icon: mlopsIcon,
      describedBy: { args: { type: 'object', properties: {} } },
      execute: async () => {
        await app.commands.execute(CommandIDs.openPanel);
      }
    });
    void whileShown(settings, 'launcher', () =>
      cards.add({ command: LAUNCH, category: trans.__('Other'), rank: 5 })
    );
  }
};
