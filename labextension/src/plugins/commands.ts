import {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { Right } from '../api';
import { CommandIDs } from '../commands';
import { startHub, stopHub } from '../hub/switch';
import type { INotebookPlace } from '../models/opening';
import { Trans } from '../react';
import { Store } from '../store';
import { IMlops } from '../tokens';
import { telling } from './telling';

const NO_ARGUMENTS = { args: { type: 'object', properties: {} } };

const NOTEBOOK_ARGUMENTS = {
  args: {
    type: 'object',
    required: ['path'],
    properties: {
      path: {
        type: 'string',
        description: 'Path of the notebook, absolute or below the root.'
      },
      cell: { type: 'string', description: 'Id of the cell to show.' }
    }
  }
};

/** What can be done from the palette, by shortcuts, and from our views. */
export const commands: JupyterFrontEndPlugin<void> = {
  id: '@mlops-jupyter/labextension:commands',
  description: 'Commands for the hub and for notebooks that models came from.',
  autoStart: true,
  requires: [IMlops],
  optional: [ICommandPalette, INotebookTracker],
  activate: (
    app: JupyterFrontEnd,
    mlops: IMlops,
    palette: ICommandPalette | null,
    notebooks: INotebookTracker | null
  ): void => {
    const { store, trans } = mlops;
    addHubCommands(app, store, trans);
    app.commands.addCommand(CommandIDs.refresh, {
      label: trans.__('Refresh the MLOps Sidebar'),
      describedBy: NO_ARGUMENTS,
      execute: () => store.refreshAll()
    });
    app.commands.addCommand(CommandIDs.openNotebook, {
      label: trans.__('Open the Notebook of a Model'),
      describedBy: NOTEBOOK_ARGUMENTS,
      execute: args =>
        telling(trans, async () => {
          const { openNotebook } = await import('../models/opening');
          await openNotebook(app, notebooks, placeIn(args), trans);
        })
    });
    for (const command of [
      CommandIDs.openPanel,
      CommandIDs.insertDeploy,
      CommandIDs.startHub,
      CommandIDs.stopHub,
      CommandIDs.refresh
    ]) {
      palette?.addItem({ command, category: trans.__('MLOps') });
    }
  }
};

function addHubCommands(
  app: JupyterFrontEnd,
  store: Store,
  trans: Trans
): void {
  // what is not yet known is for the server to refuse
  const may = (right: Right): boolean =>
    store.status.value?.rights.includes(right) ?? true;
  app.commands.addCommand(CommandIDs.startHub, {
    label: trans.__('Start the Hub'),
    caption: trans.__('Start the process that serves models and keeps history'),
    describedBy: NO_ARGUMENTS,
    isEnabled: () => may('hub'),
    execute: () => telling(trans, () => startHub(store))
  });
  app.commands.addCommand(CommandIDs.stopHub, {
    label: trans.__('Stop the Hub…'),
    caption: trans.__('Stop all endpoints; what is deployed is kept'),
    describedBy: NO_ARGUMENTS,
    isEnabled: () => may('hub'),
    execute: () => telling(trans, () => stopHub(store, trans))
  });
}

function placeIn(args: ReadonlyPartialJSONObject): INotebookPlace {
  const { path, cell } = args;
  return {
    path: typeof path === 'string' ? path : '',
    cell: typeof cell === 'string' ? cell : undefined
  };
}
