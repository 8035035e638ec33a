import {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';

import { CommandIDs } from '../commands';
import { mlopsIcon } from '../icons';
import { IMlops } from '../tokens';

/** The command of the notebook toolbar's button; the button itself is in the settings' schema. */
export const toolbar: JupyterFrontEndPlugin<void> = {
  id: '@mlops-jupyter/labextension:toolbar',
  description: 'Insert a cell that deploys the models of a notebook.',
  autoStart: true,
  requires: [IMlops],
  optional: [INotebookTracker],
  activate: (
    app: JupyterFrontEnd,
    mlops: IMlops,
    notebooks: INotebookTracker | null
  ): void => {
    const { store, trans } = mlops;
    if (notebooks === null) {
      return;
    }
    app.commands.addCommand(CommandIDs.insertDeploy, {
      label: args =>
        args.toolbar ? '' : trans.__('Insert a Cell That Deploys the Models'),
      caption: trans.__(
        'Insert a cell that deploys the models that this notebook registered'
      ),
      icon: mlopsIcon,
      describedBy: {
        args: {
          type: 'object',
          properties: {
            toolbar: {
              type: 'boolean',
              description: 'Whether it is a button without a text.'
            }
          }
        }
      },
      isEnabled: () => notebooks.currentWidget !== null,
      execute: async () => {
        const panel = notebooks.currentWidget;
        if (panel !== null) {
          const { insertDeploy } = await import('../models/insertdeploy');
          const problem = await insertDeploy(app, panel, store, trans);
          if (problem) {
            Notification.warning(problem, { autoClose: 8000 });
          }
        }
      }
    });
    notebooks.currentChanged.connect(() => {
      app.commands.notifyCommandChanged(CommandIDs.insertDeploy);
    });
  }
};
