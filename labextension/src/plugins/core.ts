import {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { Api } from '../api';
import { Store } from '../store';
import { IMlops } from '../tokens';

/** The state that all views share. */
export const core: JupyterFrontEndPlugin<IMlops> = {
  id: '@mlops-jupyter/labextension:core',
  description: 'What the views of mlops-jupyter show, kept fresh by events.',
  autoStart: true,
  provides: IMlops,
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, translator: ITranslator | null): IMlops => {
    const trans = (translator ?? nullTranslator).load('mlops_jupyter');
    const api = new Api(app.serviceManager.serverSettings);
    return { store: new Store(api, app.serviceManager.events), trans };
  }
};
