import {
  ILabShell,
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette, MainAreaWidget } from '@jupyterlab/apputils';
import { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import { INotebookTracker } from '@jupyterlab/notebook';

import { CommandIDs } from '../commands';
import { mlopsIcon } from '../icons';
import { PANEL_ID } from '../panel';
import { IChange, Store } from '../store';
import { IMlops } from '../tokens';
import { telling } from './telling';

const GOING = ['queued', 'starting', 'running', ''];

const argument = (name: string, description: string, required = true) => ({
  args: {
    type: 'object',
    properties: { [name]: { type: 'string', description } },
    ...(required && { required: [name] })
  }
});

const PATH = argument('path', 'Path of a notebook below the root.', false);

/** Running notebooks as jobs, and by schedules; all but the commands is loaded when it is wanted. */
export const runs: JupyterFrontEndPlugin<void> = {
  id: '@mlops-jupyter/labextension:runs',
  description: 'Run a notebook as a job, schedule it, compare its runs.',
  autoStart: true,
  requires: [IMlops],
  optional: [INotebookTracker, IFileBrowserFactory, ICommandPalette, ILabShell],
  activate: (
    app: JupyterFrontEnd,
    mlops: IMlops,
    notebooks: INotebookTracker | null,
    browsers: IFileBrowserFactory | null,
    palette: ICommandPalette | null,
    labShell: ILabShell | null
  ): void => {
    const { store, trans } = mlops;
    const { commands } = app;
    const context = { app, store, trans, notebooks };
    const show = (id: string | undefined): void => {
      if (id !== undefined) {
        void commands.execute(CommandIDs.openRun, { id });
      }
    };
    const jobs = [
      {
        id: CommandIDs.runJob,
        label: trans.__('Run as Job…'),
        short: trans.__('Job…'),
        caption: trans.__('Run the notebook in the background'),
        ask: async (path: string) =>
          show(await (await import('../jobs/jobs')).runJob(context, path))
      },
      {
        id: CommandIDs.scheduleJob,
        label: trans.__('Schedule…'),
        short: trans.__('Schedule…'),
        caption: trans.__('Run the notebook by a rule, again and again'),
        ask: async (path: string) => {
          if (await (await import('../jobs/jobs')).scheduleJob(context, path)) {
            app.shell.activateById(PANEL_ID);
          }
        }
      }
    ];
    for (const { id, label, short, caption, ask } of jobs) {
      commands.addCommand(id, {
        label: args => (args.toolbar ? short : label),
        caption,
        icon: args => (args.toolbar ? undefined : mlopsIcon),
        describedBy: PATH,
        isEnabled: ({ path, browser }) =>
          pathOf({ path, browser }, notebooks, browsers) !== undefined,
        execute: args =>
          telling(trans, async () => {
            const path = pathOf(args, notebooks, browsers);
            await (path && ask(path));
          })
      });
      palette?.addItem({ command: id, category: trans.__('MLOps') });
    }
    notebooks?.currentChanged.connect(() => {
      jobs.forEach(({ id }) => commands.notifyCommandChanged(id));
    });
    commands.addCommand(CommandIDs.editSchedule, {
      label: trans.__('Change a Schedule…'),
      describedBy: argument('name', 'Name of the schedule.'),
      execute: ({ name }) =>
        telling(trans, async () =>
          (await import('../jobs/jobs')).editSchedule(context, String(name))
        )
    });
    commands.addCommand(CommandIDs.openRun, {
      label: trans.__('Show a Run'),
      describedBy: argument('id', 'Id of the run.'),
      execute: async ({ id }) => {
        app.shell.activateById(PANEL_ID);
        const { runListOf } = await import('../runs/runlist');
        await runListOf(store).show(String(id));
      }
    });
    commands.addCommand(CommandIDs.compareRuns, {
      label: trans.__('Compare Two Runs'),
      describedBy: {
        args: {
          type: 'object',
          required: ['first', 'second'],
          properties: {
            first: { type: 'string', description: 'Id of a run.' },
            second: { type: 'string', description: 'Id of another.' }
          }
        }
      },
      execute: async ({ first, second }) => {
        const { Compare } = await import('../compare/compare');
        const ids = [String(first), String(second)] as const;
        const content = new Compare(mlops, ...ids);
        const widget = new MainAreaWidget({ content });
        widget.title.label = trans.__('Two runs');
        widget.title.icon = mlopsIcon;
        widget.title.closable = true;
        widget.toolbar.hide();
        // outside of JupyterLab the main area is taken by the one document
        app.shell.add(widget, labShell === null ? 'down' : 'main');
        app.shell.activateById(widget.id);
      }
    });
    followEnds(store, id =>
      telling(trans, async () => {
        const { tellEnd } = await import('../runs/ended');
        await tellEnd(store, trans, id, STARTED, () => show(id));
      })
    );
  }
};

/** What ended before the page was there is no news. */
const STARTED = Date.now();

function followEnds(store: Store, tell: (id: string) => unknown): void {
  store.told.connect((_: unknown, { what, name, state = '' }: IChange) => {
    if (what === 'run' && name !== undefined && !GOING.includes(state)) {
      tell(name);
    }
  });
}

/** The notebook that is meant: one that is named, chosen in the file browser, or shown. */
function pathOf(
  { path, browser }: { path?: unknown; browser?: unknown },
  notebooks: INotebookTracker | null,
  browsers: IFileBrowserFactory | null
): string | undefined {
  if (typeof path === 'string') {
    return path;
  }
  if (browser === true) {
    const chosen = [
      ...(browsers?.tracker.currentWidget?.selectedItems() ?? [])
    ].filter(({ type }) => type === 'notebook');
    return chosen.length === 1 ? chosen[0].path : undefined;
  }
  return notebooks?.currentWidget?.context.path;
}
