import {
  ILayoutRestorer,
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStateDB } from '@jupyterlab/statedb';

import { CommandIDs } from '../commands';
import { Panel, PANEL_ID, SECTIONS } from '../panel';
import { IMlops } from '../tokens';
import { followSettings } from './shown';

/** The sidebar. */
export const panel: JupyterFrontEndPlugin<void> = {
  id: '@mlops-jupyter/labextension:panel',
  description: 'The sidebar: endpoints, models, audit history, hub.',
  autoStart: true,
  requires: [IMlops],
  optional: [IStateDB, ILayoutRestorer, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    mlops: IMlops,
    state: IStateDB | null,
    restorer: ILayoutRestorer | null,
    settings: ISettingRegistry | null
  ): void => {
    const { store, trans } = mlops;
    const widget = new Panel({ store, trans, state, commands: app.commands });
    void followSettings(settings, wants => {
      widget.sections = SECTIONS.filter(id => wants(`${id}Section`));
    });
    app.shell.add(widget, 'right', { rank: 900, type: 'MLOps' });
    restorer?.add(widget, PANEL_ID);
    app.commands.addCommand(CommandIDs.openPanel, {
      label: trans.__('Show the MLOps Sidebar'),
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => app.shell.activateById(PANEL_ID)
    });
  }
};
