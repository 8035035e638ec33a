/** Opening the notebook that a version or a record came from. */

import { JupyterFrontEnd } from '@jupyterlab/application';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { ServerConnection } from '@jupyterlab/services';

import { ApiError } from '../api';
import { plain, Trans } from '../react';
import { servedPath, unreachable } from './place';

export interface INotebookPlace {
  /** As recorded. */
  path: string;
  /** Id of a cell. */
  cell?: string | null;
}

/** Show the notebook, and its cell if it still has it; throws an ApiError that says why not. */
export async function openNotebook(
  app: JupyterFrontEnd,
  notebooks: INotebookTracker | null,
  place: INotebookPlace,
  trans: Trans
): Promise<void> {
  const path = servedPath(place.path);
  const reason = unreachable(place.path, trans);
  if (path === null || reason) {
    throw new ApiError(
      0,
      'notebook_elsewhere',
      trans.__('The notebook cannot be opened.'),
      [plain(place.path, 300), reason || ''].filter(part => part).join(': '),
      trans.__('Start Jupyter in a folder that holds it.')
    );
  }
  await checkThere(app, path, trans);
  const open = notebooks?.find(panel => panel.context.path === path);
  if (open) {
    app.shell.activateById(open.id);
  } else {
    await app.commands.execute('docmanager:open', { path });
  }
  if (place.cell) {
    // Notebook 7 opens it in a tab of its own, where it is not ours to scroll
    const shown =
      open ?? notebooks?.find(({ context }) => context.path === path);
    if (shown) {
      await showCell(shown, place.cell, trans);
    }
  }
}

async function checkThere(
  app: JupyterFrontEnd,
  path: string,
  trans: Trans
): Promise<void> {
  try {
    await app.serviceManager.contents.get(path, { content: false });
  } catch (error) {
    const status =
      error instanceof ServerConnection.ResponseError
        ? error.response.status
        : 0;
    throw new ApiError(
      status,
      'notebook_gone',
      trans.__('The notebook cannot be opened.'),
      status === 404
        ? trans.__('%1 is not there any more.', plain(path, 300))
        : plain(String(error), 300),
      trans.__('Look for it where it may have been moved, or in its commit.')
    );
  }
}

async function showCell(
  panel: NotebookPanel,
  cell: string,
  trans: Trans
): Promise<void> {
  await panel.context.ready;
  await panel.revealed;
  const { content } = panel;
  const index = content.widgets.findIndex(({ model }) => model.id === cell);
  if (index < 0) {
    throw new ApiError(
      404,
      'cell_gone',
      trans.__('The notebook has no such cell any more.'),
      trans.__('It was deleted or replaced since.'),
      trans.__('Look at the notebook as it was in its commit.')
    );
  }
  content.activeCellIndex = index;
  content.deselectAll();
  await content.scrollToItem(index, 'center');
}
