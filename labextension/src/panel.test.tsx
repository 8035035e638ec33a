import { CommandRegistry } from '@lumino/commands';
import {
  cleanup,
  fireEvent,
  render,
  screen,
  within
} from '@testing-library/react';
import React from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { hubInfo, serve, status, trans } from '../test/samples';
import { Sections, SECTIONS } from './panel';

const ALL = [
  'Endpoints',
  'Models',
  'Runs',
  'Schedules',
  'Audit history',
  'Hub'
];

let server: ReturnType<typeof serve>;

beforeEach(() => {
  server = serve({
    status: status(),
    hub: hubInfo,
    endpoints: [],
    versions: [],
    models: [],
    verification: null,
    json: (_: string, target: string) =>
      target.startsWith('api/runs') ? { runs: [], next: null } : [],
    records: { records: [], next: null, size: 0, indexed: 0 }
  });
  // React tells of each error that a boundary catches
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
});
afterEach(() => {
  cleanup();
  server.store.dispose();
  vi.restoreAllMocks();
});

function show(sections = SECTIONS): void {
  render(
    <Sections
      store={server.store}
      trans={trans}
      commands={new CommandRegistry()}
      state={null}
      sections={sections}
    />
  );
}

const headings = (): (string | null)[] =>
  screen.getAllByRole('heading', { level: 2 }).map(one => one.textContent);

describe('the sections of the sidebar', () => {
  it('stand below each other', async () => {
    show();
    expect(headings()).toEqual(ALL);
  });

  it('are only those that are wanted, and only they are read', async () => {
    show(['models']);
    expect(headings()).toEqual(['Models']);
    await screen.findByText('No model is registered yet.');
    expect(server.asked.map(([name]) => name)).not.toContain('hub');
  });

  it('say where they went when none is wanted', () => {
    show([]);
    screen.getByText(/hide all sections/);
  });

  it('go on when one of them fails, which says what to do', async () => {
    server.answers.hub = {};
    show();
    const note = within(await screen.findByRole('alert'));
    note.getByText('“Hub” cannot be shown.');
    note.getByText(/Try again; if it happens again, reload the page/);
    expect(headings()).toEqual(ALL);
    await screen.findByText('No model is registered yet.');
  });

  it('come back when trying again works', async () => {
    server.answers.hub = {};
    show();
    await screen.findByRole('alert');
    server.answers.hub = hubInfo;
    fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
    await screen.findByText('Started');
    expect(screen.queryByRole('alert')).toBeNull();
  });
});
