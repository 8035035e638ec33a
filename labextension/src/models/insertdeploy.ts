import { JupyterFrontEnd } from '@jupyterlab/application';
import { NotebookPanel } from '@jupyterlab/notebook';

import { plain, Trans } from '../react';
import { Store } from '../store';
import { deployCell, insertCell, knowsMagics, modelsOf } from './deploycell';

/** Insert the cell, or say why there is none. */
export async function insertDeploy(
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
