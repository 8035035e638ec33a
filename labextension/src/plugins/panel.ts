import {
  ILayoutRestorer,
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { IStateDB } from '@jupyterlab/statedb';

import { CommandIDs } from '../commands';
import { Panel, PANEL_ID } from '../panel';
import { IMlops } from '../tokens';

/** The sidebar. */
export const panel: JupyterFrontEndPlugin<void> = {
  id: '@mlops-jupyter/labextension:panel',
  description: 'The sidebar: endpoints, models, audit history, hub.',
  autoStart: true,
  requires: [IMlops],
  optional: [IStateDB, ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    mlops: IMlops,
    state: IStateDB | null,
    restorer: ILayoutRestorer | null
  ): void => {
    const { store, trans } = mlops;
    const widget = new Panel({ store, trans, state, commands: app.commands });
    app.shell.add(widget, 'right', { rank: 900, type: 'MLOps' });
    restorer?.add(widget, PANEL_ID);
    app.commands.addCommand(CommandIDs.openPanel, {
      label: trans.__('Show the MLOps Sidebar'),
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => app.shell.activateById(PANEL_ID)
    });
  }
};
