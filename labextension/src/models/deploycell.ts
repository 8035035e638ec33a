/** A cell that deploys what a notebook registered. */

import { NotebookPanel } from '@jupyterlab/notebook';
import { Kernel } from '@jupyterlab/services';

import { IModelVersion } from '../api';
import { servedPath } from './place';

/** A kernel that is busy is not waited for. */
const PATIENCE_MS = 1500;

const LOADED =
  '"mlops_jupyter" in __import__("sys").modules' +
  ' and "deploy" in get_ipython().magics_manager.magics["line"]';

/** Names of the models that have a version from this notebook, the first registered first. */
export function modelsOf(versions: IModelVersion[], path: string): string[] {
  const own = versions.filter(
    ({ lineage }) =>
      lineage.notebook !== null && servedPath(lineage.notebook) === path
  );
  own.sort((one, two) => one.created_at - two.created_at);
  return [...new Set(own.map(({ model }) => model))];
}

/**
 * Whether the kernel knows our magics; undefined when it does not say so soon. It is asked without
 * running code, and nothing of it shows in its history or among its variables.
 */
export async function knowsMagics(
  kernel: Kernel.IKernelConnection
): Promise<boolean | undefined> {
  const future = kernel.requestExecute({
    code: '',
    silent: true,
    store_history: false,
    stop_on_error: false,
    user_expressions: { loaded: LOADED }
  });
  const patience = new Promise<undefined>(resolve => {
    window.setTimeout(() => resolve(undefined), PATIENCE_MS);
  });
  const reply = await Promise.race([
    future.done.catch(() => undefined),
    patience
  ]);
  if (reply === undefined) {
    future.dispose();
    return undefined;
  }
  if (reply.content.status !== 'ok') {
    return undefined;
  }
  const { loaded } = reply.content.user_expressions as {
    loaded?: { data?: Record<string, unknown> };
  };
  const said = loaded?.data?.['text/plain'];
  return said === 'True' ? true : said === 'False' ? false : undefined;
}

/** What the cell says: the newest of each model, so that it stays true when the notebook runs anew. */
export function deployCell(
  models: string[],
  magics: boolean | undefined
): string {
  return [
    ...(magics === false ? ['%load_ext mlops_jupyter'] : []),
    ...models.map(model => `%deploy ${model}`)
  ].join('\n');
}

/** Put the cell below the active one and select it; it is not run. */
export function insertCell(panel: NotebookPanel, source: string): void {
  const { content } = panel;
  const index = content.activeCellIndex + 1;
  content.model?.sharedModel.insertCell(index, { cell_type: 'code', source });
  content.activeCellIndex = index;
  content.deselectAll();
  void content.scrollToItem(index);
}
