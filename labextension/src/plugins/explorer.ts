import {
  ILabShell,
  ILayoutRestorer,
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import {
  ICommandPalette,
  MainAreaWidget,
  WidgetTracker
} from '@jupyterlab/apputils';
import { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { CommandIDs } from '../commands';
import { countAsked, IAsked, readAsked } from '../explorer/asked';
import { Explorer } from '../explorer/explorer';
import { mlopsIcon } from '../icons';
import { IMlops } from '../tokens';

const EXPLORER_ID = 'mlops-jupyter-explorer';

const FILTER_ARGUMENTS = {
  args: {
    type: 'object',
    properties: {
      endpoint: { type: 'string' },
      model: { type: 'string' },
      version: { type: 'integer' },
      caller: { type: 'string' },
      kind: { type: 'string' },
      action: { type: 'string' },
      status: { type: 'integer' },
      failed: { type: 'boolean' },
      since: { type: 'number', description: 'Epoch seconds.' },
      until: { type: 'number', description: 'Epoch seconds.' },
      last: { type: 'number', description: 'Seconds before now.' },
      text: { type: 'string', description: 'Part of a name or an id.' }
    }
  }
};

const RECORD_ARGUMENTS = {
  args: {
    type: 'object',
    required: ['key'],
    properties: {
      key: { type: 'string', description: 'Id or index of the record.' }
    }
  }
};

/** The audit history in a tab of its own. */
export const explorer: JupyterFrontEndPlugin<void> = {
  id: '@mlops-jupyter/labextension:explorer',
  description: 'The audit history as a table with filter, detail and export.',
  autoStart: true,
  requires: [IMlops],
  optional: [ILabShell, ILayoutRestorer, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    mlops: IMlops,
    labShell: ILabShell | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null
  ): void => {
    const { trans } = mlops;
    const tab = new Tab(app, mlops, labShell);
    app.commands.addCommand(CommandIDs.openAudit, {
      label: trans.__('Open the Audit History'),
      describedBy: FILTER_ARGUMENTS,
      execute: args => {
        tab.show(readAsked(args));
      }
    });
    app.commands.addCommand(CommandIDs.openRecord, {
      label: trans.__('Open an Audit Record'),
      describedBy: RECORD_ARGUMENTS,
      execute: args => {
        tab.show({}).open(String(args.key));
      }
    });
    palette?.addItem({
      command: CommandIDs.openAudit,
      category: trans.__('MLOps')
    });
    void restorer?.restore(tab.tracker, {
      command: CommandIDs.openAudit,
      args: widget =>
        ({ ...widget.content.asked }) as ReadonlyPartialJSONObject,
      name: () => EXPLORER_ID
    });
  }
};

/** The one tab, made when it is first wanted and again after it was closed. */
class Tab {
  constructor(
    private readonly app: JupyterFrontEnd,
    private readonly mlops: IMlops,
    private readonly labShell: ILabShell | null
  ) {}

  readonly tracker = new WidgetTracker<MainAreaWidget<Explorer>>({
    namespace: EXPLORER_ID
  });

  /** Show it; a question that asks for nothing leaves the one that stands. */
  show(asked: IAsked): Explorer {
    let widget = this.tracker.currentWidget;
    if (widget === null || widget.isDisposed) {
      widget = this.make(asked);
    } else if (countAsked(asked) > 0) {
      widget.content.ask(asked);
    }
    this.app.shell.activateById(widget.id);
    return widget.content;
  }

  private make(asked: IAsked): MainAreaWidget<Explorer> {
    const { store, trans } = this.mlops;
    const { commands, shell } = this.app;
    const content = new Explorer({ store, trans, commands }, asked);
    const widget = new MainAreaWidget({ content });
    widget.id = EXPLORER_ID;
    // its own name for the content is "main area content"
    content.node.setAttribute('aria-label', trans.__('Audit explorer'));
    widget.title.label = trans.__('Audit history');
    widget.title.icon = mlopsIcon;
    widget.title.closable = true;
    widget.toolbar.hide();
    content.changed.connect(() => void this.tracker.save(widget));
    void this.tracker.add(widget);
    if (this.labShell !== null) {
      shell.add(widget, 'main');
    } else {
      // outside of JupyterLab the main area is taken by the one document
      content.addClass('mj-ExplorerDown');
      shell.add(widget, 'down');
    }
    return widget;
  }
}
