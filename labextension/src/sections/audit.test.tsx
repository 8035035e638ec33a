import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import React from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { CommandIDs } from '../commands';
import { FakeFrame, FakeServer } from '../explorer/fakeserver';
import { AuditSection } from './audit';

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

describe('the section of the sidebar', () => {
  const kept = () => {
    const values = new Map<string, unknown>();
    return {
      values,
      fetch: vi.fn(async (key: string) => values.get(key)),
      save: vi.fn(async (key: string, value: unknown) => {
        values.set(key, value);
      })
    };
  };
  const section = (state: ReturnType<typeof kept> | null = null) => (
    <AuditSection
      store={frame.store}
      trans={frame.trans}
      commands={frame.commands}
      state={state as never}
    />
  );

  it('lists what happened in stacked rows, newest first', async () => {
    server.add({ endpoint: 'churn', model: { name: 'churn', version: 3 } });
    server.add({
      kind: 'control',
      action: 'scale',
      detail: { scaling: '1-4' }
    });
    render(section());
    const rows = await screen.findAllByRole('option');
    expect(rows[0].textContent).toContain('Scale');
    expect(rows[0].textContent).toContain('1-4');
    expect(rows[1].textContent).toContain('v3');
    expect(rows[1].textContent).toContain('user:ann');
    fireEvent.click(rows[1]);
    expect(frame.ran).toEqual([[CommandIDs.openRecord, { key: 'id-0' }]]);
  });

  it('names what a change was about', async () => {
    const control = { kind: 'control', endpoint: undefined };
    const model = { name: 'churn', version: 2 };
    const about = { ...control, model };
    server.add({ ...about, action: 'version.register' });
    server.add({
      ...about,
      action: 'alias.set',
      detail: { alias: 'champion' }
    });
    server.add({ ...about, endpoint: 'churn', action: 'promote' });
    render(section());
    const rows = await screen.findAllByRole('option');
    const said = rows.map(row => row.textContent);
    expect(said[2]).toMatch(/^Catalogue version .*churn\/2 · user:ann200$/);
    expect(said[1]).toMatch(/^Set alias .*churn\/2 champion · user:ann200$/);
    expect(said[0]).toMatch(/^Promote churn.*v2 · user:ann200$/);
  });

  it('opens in a tab with the filter that stands', async () => {
    const state = kept();
    state.values.set('@mlops-jupyter/labextension:audit-filter', {
      endpoint: 'churn'
    });
    server.add();
    render(section(state));
    await screen.findAllByRole('option');
    expect(server.asked.map(asked => asked.endpoint)).toEqual(['churn']);
    fireEvent.click(screen.getByRole('button', { name: 'Open in tab' }));
    expect(frame.ran).toEqual([[CommandIDs.openAudit, { endpoint: 'churn' }]]);
  });

  it('remembers its filter', async () => {
    const state = kept();
    server.add();
    render(section(state));
    await screen.findAllByRole('option');
    fireEvent.click(screen.getByRole('button', { name: 'Filter' }));
    fireEvent.change(await screen.findByLabelText('Kind'), {
      target: { value: 'access' }
    });
    expect(state.save).toHaveBeenCalledWith(
      '@mlops-jupyter/labextension:audit-filter',
      { kind: 'access' }
    );
  });

  it('says what appears here when nothing has happened yet', async () => {
    render(section());
    await screen.findByText('Nothing has been recorded yet.');
  });
});
