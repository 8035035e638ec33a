import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { cell, run, RunServer, sweep, verdict } from '../../test/runserver';
import { ApiError } from '../api';
import { RunList } from './runlist';

let server: RunServer;
let list: RunList;

beforeEach(() => {
  server = new RunServer();
  list = new RunList(server.store);
});

afterEach(() => server.store.dispose());

const keys = (): string[] => list.items.map(({ key }) => key);
const watched = async (): Promise<void> => {
  list.watch();
  await vi.waitFor(() => expect(list.loaded).toBe(true));
};

describe('the list of runs', () => {
  it('is read when somebody looks, newest first', async () => {
    server.runs = [run('a', 'succeeded', {}, 1), run('b', 'failed', {}, 2)];
    expect(server.asks).toEqual([]);
    await watched();
    expect(keys()).toEqual(['b', 'a']);
    expect(list.complete).toBe(true);
  });

  it('shows a sweep in the place of its runs', async () => {
    const spec = { sweep: 's1' };
    server.sweeps = [sweep('s1', {}, 5)];
    server.runs = [
      run('a', 'succeeded', {}, 1),
      run('b', 'succeeded', { spec }, 6),
      run('c', 'succeeded', {}, 9)
    ];
    await watched();
    expect(keys()).toEqual(['c', 's1', 'a']);
  });

  it('is not filled by the runs of a sweep', async () => {
    const spec = { sweep: 's1' };
    server.sweeps = [sweep('s1', {}, 1000)];
    server.runs = [
      run('old', 'succeeded', {}, 1),
      ...Array.from({ length: 400 }, (_, at) =>
        run(`r${at}`, 'succeeded', { spec }, 1001 + at)
      )
    ];
    await watched();
    expect(keys()).toEqual(['s1', 'old']);
    expect(list.complete).toBe(true);
  });

  it('asks for no run of a sweep that goes on, unless it is open', async () => {
    const spec = { sweep: 's1' };
    server.sweeps = [sweep('s1', {}, 1000)];
    server.runs = ['a', 'b'].map(id => run(id, 'running', { spec }, 1001));
    await watched();
    await list.show('b');
    await list.read('a');
    server.asks = [];
    server.say({ what: 'run', name: 'a', state: 'running' });
    server.say({ what: 'run', name: 'b', state: 'running' });
    await vi.waitFor(() => expect(server.asks).not.toEqual([]));
    expect(server.asks.map(({ target }) => target)).toEqual(['api/runs/b']);
    expect(keys()).toEqual(['s1']);
  });

  it('has the verdict on a repeat that comes after its end', async () => {
    const spec = { trigger: { kind: 'rerun' as const, of: 'a' } };
    server.runs = [run('b', 'succeeded', { spec, cells: [cell(0)] })];
    await watched();
    list.setOpen('b', true);
    await list.read('b');
    server.runs[0].record = { verdict: verdict('identical') };
    await list.refresh();
    expect(list.run('b')?.record.verdict).toMatchObject({ kind: 'identical' });
    expect(list.run('b')?.cells).toHaveLength(1);
  });

  it('takes a change of one run without reading the others', async () => {
    server.runs = [run('a', 'running'), run('b', 'running')];
    await watched();
    server.asks = [];
    server.runs[0] = run('a', 'succeeded');
    server.say({ what: 'run', name: 'a', state: 'succeeded' });
    await vi.waitFor(() => expect(list.run('a')?.state).toBe('succeeded'));
    expect(server.asks.map(({ target }) => target)).toEqual(['api/runs/a']);
  });

  it('finds a new run at its head, and one page does for many changes', async () => {
    server.runs = [run('a', 'running', {}, 1)];
    await watched();
    server.asks = [];
    for (let at = 0; at < 40; at++) {
      server.runs.push(run(`n${at}`, 'queued', {}, 2 + at));
      server.say({ what: 'run', name: `n${at}`, state: 'queued' });
    }
    await vi.waitFor(() => expect(list.items).toHaveLength(41));
    expect(server.asks.length).toBeLessThanOrEqual(2);
  });

  it('keeps the cells of what is open when a list has none', async () => {
    server.runs = [run('a', 'running', { cells: [cell(0)] })];
    await watched();
    list.setOpen('a', true);
    await list.read('a');
    await list.refresh();
    expect(list.run('a')?.cells).toHaveLength(1);
  });

  it('forgets what was dropped from the history', async () => {
    server.runs = [run('a', 'succeeded', {}, 1), run('b', 'failed', {}, 2)];
    await watched();
    server.runs = server.runs.slice(1);
    server.say({ what: 'hub' });
    await vi.waitFor(() => expect(keys()).toEqual(['b']));
  });

  it('reads nothing while nobody looks, and all when somebody does again', async () => {
    server.runs = [run('a')];
    const watching = list.watch();
    await vi.waitFor(() => expect(list.loaded).toBe(true));
    watching.dispose();
    server.asks = [];
    server.say({ what: 'run', name: 'a', state: 'failed' });
    await new Promise(resolve => setTimeout(resolve, 300));
    expect(server.asks).toEqual([]);
    server.runs[0] = run('a', 'failed');
    list.watch();
    await vi.waitFor(() => expect(list.run('a')?.state).toBe('failed'));
  });

  it('says why it cannot be read, and recovers', async () => {
    server.refusal = new ApiError(503, 'hub_stopped', 'Stopped.', '', '');
    list.watch();
    await vi.waitFor(() => expect(list.error?.code).toBe('hub_stopped'));
    server.refusal = undefined;
    await list.refresh();
    expect(list.error).toBeUndefined();
    expect(list.loaded).toBe(true);
  });
});
