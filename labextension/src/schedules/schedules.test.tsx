import { CommandRegistry } from '@lumino/commands';
import {
  cleanup,
  fireEvent,
  render,
  screen,
  waitFor
} from '@testing-library/react';
import React from 'react';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { AT, RunServer, schedule } from '../../test/runserver';
import { accepting, trans } from '../../test/samples';
import { CommandIDs } from '../commands';
import { SchedulesSection } from '../sections/schedules';
import { cronWords } from './cronwords';

describe('a rule in words', () => {
  it.each([
    ['0 2 * * *', 'every day at 02:00'],
    ['@daily', 'every day at 00:00'],
    ['30 8 * * 1-5', 'Monday to Friday at 08:30'],
    ['0 9 * * MON', 'every Monday at 09:00'],
    ['0 0 1 * *', 'day 1 of every month at 00:00'],
    ['*/15 * * * *', 'every 15 minutes'],
    ['* * * * *', 'every minute'],
    ['@hourly', 'every hour'],
    ['5 */6 * * *', 'every 6 hours at minute 5'],
    ['@every 90m', 'every 90m'],
    // seven minutes do not fill an hour: words would be wrong
    ['*/7 * * * *', '*/7 * * * *'],
    ['0 0 13 * 5', '0 0 13 * 5'],
    ['nonsense', 'nonsense']
  ])('%s is %s', (rule, words) => {
    expect(cronWords(rule, trans)).toBe(words);
  });
});

describe('the section of schedules', () => {
  let server: RunServer;
  let commands: CommandRegistry;
  let ran: [string, unknown][];

  beforeEach(() => {
    server = new RunServer();
    commands = new CommandRegistry();
    ran = [];
    for (const id of [CommandIDs.editSchedule, CommandIDs.openRun]) {
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
  });

  function show(): void {
    render(
      <SchedulesSection
        store={server.store}
        trans={trans}
        commands={commands}
        state={null}
      />
    );
  }

  const press = async (name: string): Promise<void> => {
    fireEvent.click(await screen.findByRole('button', { name }));
  };

  it('says what to do when there is none', async () => {
    show();
    expect(await screen.findByText(/^%schedule/)).toBeTruthy();
  });

  it('tells the rule, its zone, the next and the last start', async () => {
    server.schedules = [
      schedule(
        'nightly',
        { jitter_seconds: 600 },
        {
          last_at: AT,
          last_run: 'a',
          last_state: 'failed',
          reason: 'The notebook is gone.'
        }
      )
    ];
    show();
    const shown = await screen.findByRole('article', { name: 'nightly' });
    const text = shown.textContent ?? '';
    expect(text).toContain('every day at 02:00 0 2 * * * Europe/Vienna');
    expect(text).toContain('next: ');
    // 22:13:20 UTC is another hour in its zone
    expect(text).toMatch(/then: Nov 16, 2023, 12:13:20.AM; Nov 17, 2023/);
    expect(text).toContain('each put off by a part of 10 min 0 s');
    expect(text).toContain('failed');
    expect(text).toContain('The notebook is gone.');
    await press('Show the run');
    expect(ran).toEqual([[CommandIDs.openRun, { id: 'a' }]]);
  });

  it('suspends and resumes', async () => {
    server.schedules = [schedule('nightly')];
    show();
    await press('Suspend');
    expect(await screen.findByText('suspended')).toBeTruthy();
    await press('Resume');
    await waitFor(() => expect(screen.queryByText('suspended')).toBeNull());
  });

  it('starts a run now', async () => {
    server.schedules = [schedule('nightly')];
    show();
    await press('Run now');
    await waitFor(() =>
      expect(server.sent('POST', 'api/schedules/nightly/trigger')).toHaveLength(
        1
      )
    );
  });

  it('deletes after asking', async () => {
    server.schedules = [schedule('nightly')];
    show();
    await press('Delete…');
    const accept = await accepting();
    expect(server.schedules).toHaveLength(1);
    fireEvent.click(accept);
    expect(await screen.findByText(/^%schedule/)).toBeTruthy();
  });

  it('is edited by a command', async () => {
    server.schedules = [schedule('nightly')];
    show();
    await press('Edit…');
    expect(ran).toEqual([[CommandIDs.editSchedule, { name: 'nightly' }]]);
  });

  it('follows what others do', async () => {
    show();
    await screen.findByText(/^%schedule/);
    server.schedules = [schedule('nightly')];
    server.say({ what: 'schedule', name: 'nightly' });
    expect(
      await screen.findByRole('article', { name: 'nightly' })
    ).toBeTruthy();
  });
});
