import { CommandRegistry } from '@lumino/commands';
import {
  cleanup,
  fireEvent,
  render,
  screen,
  waitFor,
  within
} from '@testing-library/react';
import React from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { AT, cell, run, RunServer, sweep, verdict } from '../../test/runserver';
import { accepting, status, trans } from '../../test/samples';
import { ApiError } from '../api';
import { CommandIDs } from '../commands';
import { RunsSection } from '../sections/runs';

let server: RunServer;
let commands: CommandRegistry;
let ran: [string, unknown][];

beforeEach(() => {
  server = new RunServer();
  commands = new CommandRegistry();
  ran = [];
  for (const id of [
    CommandIDs.startHub,
    CommandIDs.openNotebook,
    CommandIDs.compareRuns
  ]) {
    commands.addCommand(id, {
      execute: args => {
        ran.push([id, args]);
      }
    });
  }
});

afterEach(() => {
  cleanup();
  server.store.dispose();
  document.body.replaceChildren();
  vi.restoreAllMocks();
});

function show(): void {
  render(
    <RunsSection
      store={server.store}
      trans={trans}
      commands={commands}
      state={null}
    />
  );
}

const item = (name: string): Promise<HTMLElement> =>
  screen.findByRole('article', { name });

/** Unfold the run of `fit`. */
async function open(name = 'fit'): Promise<ReturnType<typeof within>> {
  show();
  const shown = within(await item(name));
  fireEvent.click(shown.getByRole('button', { name }));
  return shown;
}

type Within = ReturnType<typeof within>;

const click = (place: Within, name: string | RegExp): void => {
  fireEvent.click(place.getByRole('button', { name }));
};

describe('the section of runs', () => {
  it('says what to do when there is none', async () => {
    show();
    expect(
      await screen.findByText('No notebook has been run yet.')
    ).toBeTruthy();
    expect(screen.getByText(/^%train/)).toBeTruthy();
  });

  it('says that the hub is stopped, and starts it', async () => {
    server.refusal = new ApiError(503, 'hub_stopped', 'Stopped.', '', '');
    show();
    fireEvent.click(
      await screen.findByRole('button', { name: 'Start the Hub' })
    );
    expect(ran.map(([id]) => id)).toEqual([CommandIDs.startHub]);
  });

  it('shows how far a run is: cells, the cell that runs and its last line', async () => {
    vi.spyOn(Date, 'now').mockReturnValue((AT + 104) * 1000);
    server.runs = [
      run(
        'a',
        'running',
        {
          cell: cell(3, { title: '## Fit', last_line: 'epoch 3 loss 0.2' }),
          spec: { parameters: { lr: 0.1 } },
          metrics: { auc: 0.93123 }
        },
        100
      ),
      run('b', 'succeeded', { ended_at: AT + 10 })
    ];
    show();
    const [shown] = await screen.findAllByRole('article', { name: 'fit' });
    const text = shown.textContent ?? '';
    expect(text).toContain('3 of 12 cells · 4.0 s · about 6.0 s left');
    expect(text).toContain('## Fit');
    expect(text).toContain('epoch 3 loss 0.2');
    expect(text).toContain('lr=0.1');
    expect(text).toContain('auc 0.9312');
    expect(within(shown).getByRole('progressbar')).toBeTruthy();
  });

  it('shows the place in the queue, and why a run failed', async () => {
    server.runs = [
      run('a', 'queued', { place: 3, cells_total: 0 }, 2),
      run('b', 'failed', { reason: 'Cell 7 raised ValueError.' })
    ];
    show();
    expect(await screen.findByText('place 3 in the queue')).toBeTruthy();
    expect(screen.getByText('Cell 7 raised ValueError.')).toBeTruthy();
  });

  it('follows a run to its end', async () => {
    server.runs = [run('a', 'running')];
    show();
    await screen.findByText('running');
    server.runs[0] = run('a', 'succeeded');
    server.say({ what: 'run', name: 'a', state: 'succeeded' });
    expect(await screen.findByText('succeeded')).toBeTruthy();
  });

  it('unfolds to cells, the error and the record, as text', async () => {
    server.runs = [
      run('a', 'failed', {
        cells: [cell(0), cell(1, { state: 'failed', title: '<b>x</b>' })],
        error: {
          cell: 1,
          name: 'ValueError',
          value: '',
          traceback: '\u001b[31mValueError\u001b[0m <img src=x>'
        },
        record: {
          git: { commit: 'c'.repeat(40), branch: 'main', dirty: true },
          environment: { language: 'Python', version: '3.12', sha256: 'e1' },
          data: [{ name: 'train', sha256: 'f'.repeat(64), rows: 1797 }]
        }
      })
    ];
    await open();
    const cells = within(await screen.findByRole('list', { name: 'Cells' }));
    expect(cells.getAllByRole('listitem')).toHaveLength(2);
    expect(cells.getByText('<b>x</b>')).toBeTruthy();
    expect(screen.getByText('ValueError <img src=x>')).toBeTruthy();
    fireEvent.click(screen.getByText('Record'));
    const record = screen.getByLabelText('Record of run a').textContent;
    expect(record).toContain('cccccccccccc');
    expect(record).toContain('main and changes not committed');
    expect(record).toContain('Python 3.12');
    expect(record).toContain('1,797 rows');
    expect(document.querySelector('img')).toBeNull();
  });

  it('offers the files that were kept, and warns of what was found', async () => {
    server.runs = [
      run('a', 'succeeded', {
        cells: [cell(0)],
        record: {
          artifacts: [
            { name: 'plots/r ü.png', sha256: 'a'.repeat(64), bytes: 2048 },
            { name: 3 }
          ],
          warnings: ['Others can read <b>it</b>.']
        }
      })
    ];
    await open();
    const files = await screen.findByRole('list', { name: 'Files of the run' });
    const link = within(files).getByRole('link');
    expect(link.getAttribute('href')).toContain(
      'mlops/api/runs/a/artifacts/plots%2Fr%20%C3%BC.png'
    );
    expect(files.textContent).toContain('2.0 kB');
    const warnings = screen.getByRole('list', { name: 'Warnings' });
    expect(warnings.textContent).toBe('Others can read <b>it</b>.');
  });

  it('shows what was printed, of either stream', async () => {
    server.runs = [run('a')];
    server.logs = { stdout: 'one\ntwo\n', stderr: 'warning\n' };
    const shown = await open();
    click(shown, 'Log');
    await waitFor(() =>
      expect(screen.getByRole('log').textContent).toBe('one\ntwo\n')
    );
    click(shown, 'stderr');
    await waitFor(() =>
      expect(screen.getByRole('log').textContent).toBe('warning\n')
    );
  });

  it('cancels after asking', async () => {
    server.runs = [run('a', 'running')];
    const shown = await open();
    click(shown, 'Cancel…');
    const accept = await accepting();
    expect(server.sent('POST', 'api/runs/a/cancel')).toEqual([]);
    fireEvent.click(accept);
    expect(await screen.findByText('cancelled')).toBeTruthy();
    expect(server.sent('POST', 'api/runs/a/cancel')).toHaveLength(1);
  });

  it('runs again from the record, and shows the repeat', async () => {
    server.runs = [run('a', 'failed', { spec: { parameters: { lr: 0.1 } } })];
    const shown = await open();
    click(shown, /^Run again/);
    expect(
      await screen.findByText('repeat of a', { selector: 'p' })
    ).toBeTruthy();
    expect(server.sent('POST', 'api/runs/a/rerun')).toEqual([{}]);
    expect(screen.getAllByRole('article')).toHaveLength(2);
    expect(screen.getByRole('button', { name: 'Cancel…' })).toBeTruthy();
  });

  it('does not repeat what was never started', async () => {
    server.runs = [run('a', 'skipped')];
    const shown = await open();
    const again = shown.getByRole('button', { name: /^Run again/ });
    expect(again.getAttribute('aria-disabled')).toBe('true');
  });

  it('says how a repeat came out, what it was not given and what is gone', async () => {
    server.runs = [
      run('b', 'succeeded', {
        spec: { trigger: { kind: 'rerun', of: 'a' } },
        cells: [cell(0)],
        record: {
          verdict: verdict('differs', {
            differences: [{ what: 'metric auc', detail: '0.9 vs 0.8' }],
            close: [{ what: 'metric loss', detail: '1 vs 1.0000001' }],
            causes: ['data train'],
            not_compared: ['The file /data/train.csv is gone.']
          })
        }
      })
    ];
    show();
    const row = await item('fit');
    expect(row.textContent).toContain('repeat of a differs');
    const shown = within(row);
    click(shown, 'fit');
    const said = within(await shown.findByRole('group', { name: 'Verdict' }));
    const lines = (name: string): string[] =>
      within(said.getByRole('list', { name }))
        .getAllByRole('listitem')
        .map(line => line.textContent ?? '');
    expect(lines('Differs in')).toEqual(['metric auc (0.9 vs 0.8)']);
    expect(lines('Differs by less than 0.000001')).toHaveLength(1);
    expect(lines('Not given the same')).toEqual(['data train']);
    expect(lines('Gone, or not compared')).toEqual([
      'The file /data/train.csv is gone.'
    ]);
    click(shown, 'Compare with the original');
    expect(ran).toEqual([
      [CommandIDs.compareRuns, { first: 'a', second: 'b' }]
    ]);
  });

  it('opens a long log at its end, and reads back', async () => {
    const lines = Array.from({ length: 9000 }, (_, at) => `line ${at}\n`);
    server.runs = [run('a')];
    server.logs = { stdout: lines.join('') };
    const shown = await open();
    click(shown, 'Log');
    const log = await screen.findByRole('log');
    await waitFor(() => expect(log.textContent).toContain('line 8999'));
    expect(log.textContent).not.toContain('line 0\n');
    const back = shown.getByRole('button', { name: 'Show what was before' });
    fireEvent.click(back);
    await waitFor(() => expect(log.textContent).toBe(lines.join('')));
    expect(back.isConnected).toBe(false);
  });

  it('keeps the first of two runs that are compared', async () => {
    server.runs = [
      run('a', 'succeeded', {}, 1),
      run('b', 'succeeded', { spec: { notebook: '/work/other.ipynb' } }, 2)
    ];
    const first = await open();
    click(first, 'Compare');
    expect(await screen.findByText(/^To be compared: fit a/)).toBeTruthy();
    const second = within(await item('other'));
    click(second, 'other');
    click(second, 'Compare');
    expect(ran).toEqual([
      [CommandIDs.compareRuns, { first: 'a', second: 'b' }]
    ]);
    expect(screen.queryByText(/^To be compared/)).toBeNull();
  });

  it('says what may not be done', async () => {
    server.server.answers.status = status({ rights: ['read'] });
    server.runs = [run('a', 'running')];
    const shown = await open();
    const cancel = shown.getByRole('button', { name: 'Cancel…' });
    expect(cancel.getAttribute('aria-disabled')).toBe('true');
    expect(cancel.title).toContain('right to run');
  });

  it('reads older runs when asked', async () => {
    server.runs = Array.from({ length: 60 }, (_, at) =>
      run(`r${at}`, 'succeeded', {}, at)
    );
    show();
    fireEvent.click(
      await screen.findByRole('button', { name: 'Show older runs' })
    );
    await waitFor(() =>
      expect(
        screen.queryByRole('button', { name: 'Show older runs' })
      ).toBeNull()
    );
    expect(server.asks.at(-1)?.target).toContain('before=50');
  });
});

describe('a sweep', () => {
  const point = (id: string, lr: number, auc: number, at: number) =>
    run(
      id,
      'succeeded',
      { spec: { sweep: 's1', parameters: { lr } }, metrics: { auc } },
      at
    );

  beforeEach(() => {
    server.sweeps = [
      sweep('s1', { best_run: 'b', best_value: 0.95, total: 3, done: 3 })
    ];
    server.runs = [
      point('a', 0.1, 0.9, 1),
      point('b', 0.01, 0.95, 2),
      point('c', 0.001, 0.8, 3)
    ];
  });

  it('is one row with its best', async () => {
    show();
    const shown = await item('Sweep of fit');
    expect(screen.getAllByRole('article')).toHaveLength(1);
    expect(shown.textContent).toContain('3 of 3 runs');
    expect(shown.textContent).toContain('best auc 0.95');
  });

  it('unfolds to its runs, the best first, and a chart in words too', async () => {
    const shown = await open('Sweep of fit');
    const runs = await shown.findByRole('list', { name: 'Runs, best first' });
    expect(
      within(runs)
        .getAllByRole('heading')
        .map(one => one.textContent)
    ).toEqual(['lr=0.01', 'lr=0.1', 'lr=0.001']);
    const chart = shown.getByRole('img');
    expect(chart.getAttribute('aria-label')).toBe(
      'auc from 0.8 to 0.95 over lr from 0.001 to 0.1, 3 runs; best 0.95'
    );
    expect(chart.querySelectorAll('circle')).toHaveLength(3);
  });
});
