import {
  act,
  cleanup,
  fireEvent,
  render,
  screen,
  waitFor,
  within
} from '@testing-library/react';
import React from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { ApiError } from '../api';
import { CommandIDs } from '../commands';
import { IAsked } from './asked';
import { ExplorerView } from './explorerview';
import { FakeFrame, FakeServer } from './fakeserver';

const EVIL = '<img src=x onerror=alert(1)>';

let frame: FakeFrame;
let server: FakeServer;

beforeEach(() => {
  frame = new FakeFrame();
  server = frame.server;
});
afterEach(() => {
  cleanup();
  frame.store.dispose();
});

function Tab(props: { asked?: IAsked; opened?: string }): JSX.Element {
  const [asked, ask] = React.useState<IAsked>(props.asked ?? {});
  const [opened, open] = React.useState<string | null>(props.opened ?? null);
  const { store, trans, commands } = frame;
  const all = { store, trans, commands, asked, ask, opened, open };
  return <ExplorerView {...all} />;
}

const grow = () => act(() => frame.grow());

describe('the table', () => {
  it('has only the rows in view, and tells all that there are', async () => {
    for (let at = 0; at < 5000; at++) {
      server.add();
    }
    render(<Tab />);
    const grid = await screen.findByRole('grid');
    expect(grid.getAttribute('aria-rowcount')).toBe('5001');
    const rows = within(grid).getAllByRole('row');
    expect(rows.length).toBeLessThan(60);
    expect(rows[1].getAttribute('aria-rowindex')).toBe('2');
    expect(rows[1].textContent).toContain('churn-4999');
  });

  it('is gone through by keyboard: arrows, ends, Enter opens, Escape closes', async () => {
    for (let at = 0; at < 3; at++) {
      server.add();
    }
    render(<Tab />);
    const grid = await screen.findByRole('grid');
    const active = () =>
      document.getElementById(grid.getAttribute('aria-activedescendant') ?? '')
        ?.textContent;
    grid.focus();
    fireEvent.keyDown(grid, { key: 'ArrowDown' });
    expect(active()).toContain('churn-2');
    fireEvent.keyDown(grid, { key: 'End' });
    expect(active()).toContain('churn-0');
    fireEvent.keyDown(grid, { key: 'Home' });
    fireEvent.keyDown(grid, { key: 'ArrowDown' });
    expect(active()).toContain('churn-1');
    fireEvent.keyDown(grid, { key: 'Enter' });
    const detail = await screen.findByRole('complementary', { name: 'Record' });
    await within(detail).findByText('id-1');
    expect(detail.contains(document.activeElement)).toBe(true);
    fireEvent.keyDown(document.activeElement as Element, { key: 'Escape' });
    expect(screen.queryByRole('complementary')).toBeNull();
    expect(document.activeElement).toBe(grid);
  });

  it('counts and names its rows and columns', async () => {
    server.add();
    render(<Tab />);
    const name = 'Audit history, newest first';
    const grid = await screen.findByRole('grid', { name });
    expect(grid.getAttribute('aria-rowcount')).toBe('2');
    expect(grid.getAttribute('aria-colcount')).toBe(
      String(within(grid).getAllByRole('columnheader').length)
    );
    const rows = within(grid).getAllByRole('row');
    expect(rows.map(row => row.getAttribute('aria-rowindex'))).toEqual([
      '1',
      '2'
    ]);
  });

  it('has only controls with a name', async () => {
    server.add();
    render(<Tab opened="id-0" />);
    await screen.findByText('id-0');
    for (const role of ['button', 'link', 'combobox', 'searchbox']) {
      const named = screen.getAllByRole(role, { name: /\S/ });
      expect(named).toEqual(screen.getAllByRole(role));
    }
  });

  it('shows names as text and never as HTML', async () => {
    server.add({ endpoint: EVIL, actor: { sub: `\u202e${EVIL}` } });
    const { container } = render(<Tab opened="id-0" />);
    await screen.findByText('Record 1');
    expect(container.querySelector('img')).toBeNull();
    expect(container.textContent).toContain(EVIL);
    expect(container.textContent).not.toContain('\u202e');
    expect(container.querySelector('[data-commandlinker-command]')).toBeNull();
  });

  it('shows a call that happens meanwhile, without a reload', async () => {
    server.add();
    render(<Tab />);
    await screen.findByText('churn-0');
    server.add();
    grow();
    await screen.findByText('churn-1');
  });

  it('stands still while it is held, and tells how many are new', async () => {
    server.add();
    render(<Tab />);
    await screen.findByText('churn-0');
    fireEvent.click(screen.getByRole('button', { name: 'Hold new records' }));
    server.add();
    grow();
    fireEvent.click(await screen.findByRole('button', { name: '1 new' }));
    await screen.findByText('churn-1');
  });

  it('says what to do when nothing fits', async () => {
    render(<Tab asked={{ endpoint: 'none' }} />);
    await screen.findByText('No record fits the filter.');
    server.add();
    fireEvent.click(screen.getAllByRole('button', { name: 'Clear filter' })[0]);
    await screen.findByText('churn-0');
    expect(server.asked.at(-1)).not.toHaveProperty('endpoint');
  });
});

describe('the filter', () => {
  it('is asked for when the typing pauses, at once on Enter', async () => {
    server.add();
    render(<Tab />);
    await screen.findByText('churn-0');
    const field = screen.getByLabelText('Caller');
    fireEvent.change(field, { target: { value: 'user:b' } });
    fireEvent.change(field, { target: { value: 'user:bob' } });
    fireEvent.keyDown(field, { key: 'Enter' });
    await waitFor(() =>
      expect(server.asked.at(-1)).toMatchObject({ caller: 'user:bob' })
    );
    expect(server.asked.map(asked => asked.caller)).not.toContain('user:b');
  });

  it('keeps what is chosen while the typing pauses', async () => {
    server.add();
    render(<Tab />);
    const change = (label: string, value: string) =>
      fireEvent.change(screen.getByLabelText(label), { target: { value } });
    change('Caller', 'user:bob');
    change('Model', 'churn');
    change('Status', 'failed');
    await waitFor(() =>
      expect(server.asked.at(-1)).toMatchObject({
        caller: 'user:bob',
        model: 'churn',
        failed: true
      })
    );
  });

  it('knows kinds, statuses and spans of time', async () => {
    server.add();
    render(<Tab />);
    const choose = (label: string, value: string) =>
      fireEvent.change(screen.getByLabelText(label), { target: { value } });
    choose('Kind', 'control');
    choose('Status', 'failed');
    choose('Time', '3600');
    await waitFor(() => {
      const asked = server.asked.at(-1);
      expect(asked).toMatchObject({ kind: 'control', failed: true });
      expect(Number(asked?.since)).toBeGreaterThan(Date.now() / 1000 - 3700);
    });
    choose('Status', '429');
    choose('Time', 'between');
    fireEvent.change(screen.getByLabelText('From'), {
      target: { value: '2026-01-02T03:04:05' }
    });
    await waitFor(() => {
      expect(server.asked.at(-1)).toMatchObject({
        status: 429,
        since: new Date('2026-01-02T03:04:05').getTime() / 1000
      });
    });
    expect(server.asked.at(-1)).not.toHaveProperty('failed');
  });

  it('takes a version only when it is a number', async () => {
    server.add();
    render(<Tab />);
    const field = screen.getByLabelText('Version');
    fireEvent.change(field, { target: { value: '3' } });
    fireEvent.keyDown(field, { key: 'Enter' });
    await waitFor(() =>
      expect(server.asked.at(-1)).toMatchObject({ version: 3 })
    );
  });
});

describe('the detail', () => {
  it('that cannot be shown leaves the table as it is, and can be closed', async () => {
    const caught = vi.spyOn(console, 'error').mockReturnValue();
    server.add({
      detail: {
        get broken(): never {
          throw new Error('odd');
        }
      }
    });
    render(<Tab opened="id-0" />);
    const alert = await screen.findByRole('alert');
    expect(alert.textContent).toContain('“Record” cannot be shown.');
    expect(alert.textContent).toContain('odd');
    within(alert).getByRole('button', { name: 'Try again' });
    screen.getByRole('grid');
    fireEvent.click(within(alert).getByRole('button', { name: 'Dismiss' }));
    expect(screen.queryByRole('complementary')).toBeNull();
    caught.mockRestore();
  });

  it('reads a payload on a click only, and says that this is recorded', async () => {
    server.add();
    render(<Tab opened="id-0" />);
    const read = await screen.findByRole('button', {
      name: 'Read the request'
    });
    expect(
      screen.getAllByText('Reading it is recorded in the history.', {
        exact: false
      }).length
    ).toBe(2);
    expect(server.calls).toEqual([]);
    fireEvent.click(read);
    await screen.findByText(/"a": \[1, 2\]/);
    expect(server.calls).toEqual(['payload id-0 input']);
  });

  it('says why there is no payload to read', async () => {
    server.add({ input: { bytes: 3, salt: '1/0' }, output: undefined });
    render(<Tab opened="id-0" />);
    await screen.findByText(/records only digests/);
    screen.getByText('There is none.');
  });

  it('leads from an outcome to what was asked for, and back', async () => {
    server.add({ kind: 'control', action: 'scale', phase: 'intent' });
    server.add({
      kind: 'control',
      action: 'scale',
      phase: 'outcome',
      intent: 'id-0'
    });
    render(<Tab opened="id-1" />);
    fireEvent.click(
      await screen.findByRole('button', { name: 'What was asked for' })
    );
    await screen.findByText('id-0');
    fireEvent.click(await screen.findByRole('button', { name: /^Scale, / }));
    await screen.findByText('id-1');
  });

  it('opens the notebook that the record names, as text', async () => {
    server.add({ code: { notebook: `${EVIL}.ipynb`, cell: 'c7' } });
    const { container } = render(<Tab opened="id-0" />);
    fireEvent.click(
      await screen.findByRole('button', { name: 'Open the notebook' })
    );
    expect(frame.ran).toEqual([
      [CommandIDs.openNotebook, { path: `${EVIL}.ipynb`, cell: 'c7' }]
    ]);
    expect(container.querySelector('img')).toBeNull();
  });

  it('filters by what is clicked in it', async () => {
    server.add();
    render(<Tab opened="id-0" />);
    fireEvent.click(
      await screen.findByRole('button', { name: 'Show all of user:ann' })
    );
    await waitFor(() =>
      expect(server.asked.at(-1)).toMatchObject({ caller: 'user:ann' })
    );
  });

  it('gives the receipt on demand', async () => {
    server.add();
    render(<Tab opened="id-0" />);
    fireEvent.click(
      await screen.findByRole('button', { name: 'Download the receipt' })
    );
    await screen.findByText('Saved as receipt-1.txt.');
    expect(server.calls).toEqual(['receipt 1']);
  });
});

describe('the badge', () => {
  it('says that there was never a check, makes one, and tells what it found', async () => {
    server.add();
    render(<Tab />);
    await screen.findByText('Never verified');
    server.verification = { ok: true, size: 5, at: 1, problems: 0, index: 6 };
    fireEvent.click(screen.getByRole('button', { name: 'Verify now' }));
    await screen.findByText(/All 5 records hold together/);
    await screen.findByRole('button', { name: '✓ 5 records verified' });
  });

  it('names what is wrong and leads to it', async () => {
    server.add();
    server.report = {
      ok: false,
      size: 5,
      seconds: 1,
      problems: [{ index: 3, what: `${EVIL} was changed` }]
    };
    const { container } = render(<Tab />);
    fireEvent.click(await screen.findByRole('button', { name: 'Verify now' }));
    await screen.findByText(/does not hold together/);
    fireEvent.click(screen.getByRole('button', { name: 'Record 3' }));
    expect(frame.ran).toEqual([[CommandIDs.openRecord, { key: '3' }]]);
    expect(container.querySelector('img')).toBeNull();
  });
});

describe('the export', () => {
  it('is of what is asked for, in three formats', async () => {
    render(<Tab asked={{ endpoint: 'a&b' }} />);
    const group = await screen.findByRole('group', { name: 'Export' });
    const hrefs = within(group)
      .getAllByRole('link')
      .map(link => link.getAttribute('href'));
    expect(hrefs).toEqual(
      ['jsonl', 'csv', 'parquet'].map(
        format => `/mlops/api/audit/export?endpoint=a%26b&format=${format}`
      )
    );
  });
});

describe('trouble', () => {
  const stopped = new ApiError(503, 'hub_stopped', 'It is stopped.', '', '');

  it('of a stopped hub offers to start it', async () => {
    server.fault = stopped;
    render(<Tab />);
    fireEvent.click(
      await screen.findByRole('button', { name: 'Start the Hub' })
    );
    expect(frame.ran.map(([id]) => id)).toEqual([CommandIDs.startHub]);
  });

  it('says what, why and how to mend it, and tries again', async () => {
    server.fault = new ApiError(503, 'x', 'What it is.', 'Why.', 'How.');
    render(<Tab />);
    await screen.findByText('What it is.');
    screen.getByText('Why.');
    screen.getByText('How.');
    server.fault = undefined;
    server.add();
    fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
    await screen.findByText('churn-0');
    expect(screen.queryByText('What it is.')).toBeNull();
  });

  it('without the right says so and asks for nothing more', async () => {
    server.rights = ['read'];
    render(<Tab />);
    await screen.findByText('You may not read the audit history.');
    const asked = server.asked.length;
    grow();
    await new Promise(resolve => setTimeout(resolve, 300));
    expect(server.asked.length).toBe(asked);
    expect(screen.queryByRole('grid')).toBeNull();
    expect(screen.queryByRole('button', { name: 'Verify now' })).toBeNull();
  });
});
