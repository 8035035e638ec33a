import { JupyterFrontEnd } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import { INotebookTracker } from '@jupyterlab/notebook';
import { CommandRegistry } from '@lumino/commands';
import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { run, RunServer } from '../../test/runserver';
import { trans } from '../../test/samples';
import { CommandIDs } from '../commands';
import { runListOf } from '../runs/runlist';
import { runs } from './runs';

let server: RunServer;
let app: JupyterFrontEnd;
let shown: string[];
let added: [Widget, string][];

beforeEach(() => {
  server = new RunServer();
  shown = [];
  added = [];
  app = {
    commands: new CommandRegistry(),
    shell: {
      activateById: (id: string) => shown.push(id),
      add: (widget: Widget, area: string) => added.push([widget, area])
    }
  } as unknown as JupyterFrontEnd;
});

afterEach(() => {
  Notification.dismiss();
  server.store.dispose();
  document.body.replaceChildren();
});

function start(selected: { type: string; path: string }[] = []): void {
  const notebooks = {
    currentWidget: null,
    currentChanged: new Signal({})
  } as unknown as INotebookTracker;
  const browsers = {
    tracker: { currentWidget: { selectedItems: () => selected } }
  } as unknown as IFileBrowserFactory;
  void runs.activate(
    app,
    { store: server.store, trans },
    notebooks,
    browsers,
    null,
    null
  );
}

describe('the commands on runs', () => {
  it('are on for the one notebook that is chosen in the file browser', () => {
    const can = (selected: { type: string; path: string }[]): boolean => {
      app = { ...app, commands: new CommandRegistry() } as JupyterFrontEnd;
      start(selected);
      return app.commands.isEnabled(CommandIDs.runJob, { browser: true });
    };
    const notebook = { type: 'notebook', path: 'fit.ipynb' };
    expect(can([notebook])).toBe(true);
    expect(can([{ type: 'file', path: 'fit.py' }])).toBe(false);
    expect(can([notebook, notebook])).toBe(false);
    expect(app.commands.isEnabled(CommandIDs.runJob)).toBe(false);
  });

  it('unfold a run in the sidebar', async () => {
    server.runs = [run('a')];
    start();
    await app.commands.execute(CommandIDs.openRun, { id: 'a' });
    const list = runListOf(server.store);
    expect(shown).toEqual(['mlops-jupyter-panel']);
    expect(list.isOpen('a')).toBe(true);
    expect(list.takeShown()).toBe('a');
    expect(list.takeShown()).toBeUndefined();
  });

  it('open a tab that compares two runs', async () => {
    start();
    await app.commands.execute(CommandIDs.compareRuns, {
      first: 'a',
      second: 'b'
    });
    expect(added.map(([, area]) => area)).toEqual(['down']);
    added[0][0].dispose();
  });
});

describe('the end of a run', () => {
  it('is told when its event comes, with a way to the run', async () => {
    server.runs = [
      run('ends', 'succeeded', { ended_at: Date.now() / 1000 + 9 })
    ];
    start();
    server.say({ what: 'run', name: 'ends', state: 'running' });
    expect(server.asks).toEqual([]);
    server.say({ what: 'run', name: 'ends', state: 'succeeded' });
    await vi.waitFor(() =>
      expect(Notification.manager.notifications).toHaveLength(1)
    );
  });
});
