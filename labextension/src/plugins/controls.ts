import {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';

import { IMlops } from '../tokens';

/** Screen readers can tell the sliders of our controls apart, and keys move through their lists. */
export const controls: JupyterFrontEndPlugin<void> = {
  id: '@mlops-jupyter/labextension:controls',
  description: 'Names and keys for the controls in notebooks.',
  autoStart: true,
  requires: [IMlops],
  optional: [INotebookTracker],
  activate: (
    _: JupyterFrontEnd,
    __: IMlops,
    notebooks: INotebookTracker | null
  ): void => {
    const watch = async ({ content }: NotebookPanel): Promise<void> =>
      (await import('../controls')).watchControls(content);
    // one that the address names is there before its plugins are
    notebooks?.forEach(panel => void watch(panel));
    notebooks?.widgetAdded.connect((_, added) => void watch(added));
  }
};
