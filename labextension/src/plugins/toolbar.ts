import {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';

import { CommandIDs } from '../commands';
import { mlopsIcon } from '../icons';
import {
  deployCell,
  insertCell,
  knowsMagics,
  modelsOf
} from '../models/deploycell';
import { plain, Trans } from '../react';
import { Store } from '../store';
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
          const problem = await insert(app, panel, store, trans);
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

/** Insert the cell, or say why there is none. */
async function insert(
  app: JupyterFrontEnd,
  panel: NotebookPanel,
  store: Store,
  trans: Trans
): Promise<string | undefined> {
  if (panel.context.model.readOnly) {
    return trans.__('This notebook is read-only, so no cell can be inserted.');
  }
  const kernel = panel.sessionContext.session?.kernel ?? null;
  const language = (await kernel?.info)?.language_info.name;
  if (language !== undefined && language !== 'python') {
    return trans.__('%deploy needs a Python kernel.');
  }
  const [magics] = await Promise.all([
    kernel === null ? undefined : knowsMagics(kernel),
    store.versions.refresh()
  ]);
  const { value, error } = store.versions;
  if (error !== undefined) {
    return `${plain(error.message, 80)} ${plain(error.fix, 80)}`;
  }
  const path = app.serviceManager.contents.localPath(panel.context.path);
  const models = modelsOf(value ?? [], path);
  if (!models.length) {
    return trans.__(
      'This notebook has registered no model yet: %register NAME --model VARIABLE does.'
    );
  }
  insertCell(panel, deployCell(models, magics));
  return undefined;
}
