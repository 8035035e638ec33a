import {
  cleanup,
  fireEvent,
  render,
  screen,
  within
} from '@testing-library/react';
import React from 'react';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { run, RunServer, verdict } from '../../test/runserver';
import { trans } from '../../test/samples';
import { CompareView } from './compareview';

let server: RunServer;

const notebook = (...cells: [string, string][]) => ({
  cells: cells.map(([source, text]) => ({
    cell_type: 'code',
    source,
    outputs: [{ output_type: 'stream', text }]
  }))
});

beforeEach(() => {
  server = new RunServer();
  const change = (lr: number, auc: number) => ({
    spec: { parameters: { lr, seed: 1 } },
    metrics: { auc }
  });
  server.runs = [
    run('first', 'succeeded', change(0.1, 0.9)),
    run('second', 'succeeded', change(0.2, 0.95))
  ];
  server.verdict = verdict('differs', {
    differences: [{ what: 'metric auc', detail: '0.9 vs 0.95' }],
    causes: ['parameter lr']
  });
  server.outputs = {
    first: notebook(['lr = 0.1', ''], ['fit()', 'auc 0.9'], ['x = 1', 'same']),
    second: notebook(['lr = 0.2', ''], ['fit()', 'auc 0.95'], ['x = 1', 'same'])
  };
});

afterEach(() => {
  cleanup();
  server.store.dispose();
});

function show(): void {
  render(
    <CompareView
      store={server.store}
      trans={trans}
      first="first"
      second="second"
    />
  );
}

const row = async (name: string): Promise<HTMLElement> => {
  const header = await screen.findByRole('rowheader', { name });
  return header.closest('tr')!;
};

describe('two runs side by side', () => {
  it('mark the parameters and metrics that differ', async () => {
    show();
    expect((await row('lr')).querySelectorAll('mark')).toHaveLength(2);
    expect((await row('auc')).textContent).toBe('auc0.90.95');
    expect((await row('seed')).querySelector('mark')).toBeNull();
  });

  it('show the cells that differ, and all when asked', async () => {
    show();
    expect(await screen.findByText(/2 of 3 cells differ/)).toBeTruthy();
    expect(
      screen.getByRole('heading', { name: 'Cell 0 code differs' })
    ).toBeTruthy();
    expect(
      screen.getByRole('heading', { name: 'Cell 1 output differs' })
    ).toBeTruthy();
    expect(screen.queryByRole('heading', { name: /^Cell 2/ })).toBeNull();
    fireEvent.click(screen.getByRole('button', { name: 'Show all cells' }));
    expect(
      screen.getByRole('heading', { name: 'Cell 2 the same' })
    ).toBeTruthy();
  });

  it('have the verdict that the hub gives', async () => {
    show();
    const said = within(await screen.findByRole('group', { name: 'Verdict' }));
    expect(said.getByText('differs')).toBeTruthy();
    expect(said.getByText('metric auc (0.9 vs 0.95)')).toBeTruthy();
    expect(said.getByText('parameter lr')).toBeTruthy();
  });

  it('are the same within the tolerance where the hub says so', async () => {
    const close = [{ what: "cell 1 'fit()'", detail: 'its output' }];
    server.verdict = verdict('within_tolerance', { close });
    show();
    expect(
      await screen.findByRole('heading', {
        name: 'Cell 1 output within tolerance'
      })
    ).toBeTruthy();
  });

  it('are shown side by side even if there is no verdict', async () => {
    server.verdict = undefined;
    show();
    expect((await screen.findByRole('alert')).textContent).toContain('failed');
    expect(await row('lr')).toBeTruthy();
  });

  it('mark the lines that differ', async () => {
    show();
    const code = within(
      await screen.findByRole('table', { name: 'Code of cell 0' })
    );
    expect(code.getAllByLabelText(/^differs: /)).toHaveLength(2);
  });

  it('are compared without outputs where a run never came so far', async () => {
    delete server.outputs.second;
    show();
    expect(await screen.findByText(/3 of 3 cells differ/)).toBeTruthy();
    expect(screen.getAllByText('only in the first')).toHaveLength(3);
  });

  it('say why one cannot be read', async () => {
    server.runs.pop();
    show();
    expect((await screen.findByRole('alert')).textContent).toContain(
      'There is no such run.'
    );
  });
});
