import { CommandRegistry } from '@lumino/commands';
import {
  cleanup,
  fireEvent,
  render,
  screen,
  waitFor
} from '@testing-library/react';
import React from 'react';
import { afterEach, describe, expect, it } from 'vitest';

import { hubInfo, serve, status, trans } from '../../test/samples';
import { ApiError } from '../api';
import { CommandIDs } from '../commands';
import { HubSection } from './hub';

afterEach(cleanup);

function show(
  answers: Parameters<typeof serve>[0]
): ReturnType<typeof serve> & { ran: string[] } {
  const server = serve(answers);
  const commands = new CommandRegistry();
  const ran: string[] = [];
  for (const id of [CommandIDs.startHub, CommandIDs.stopHub]) {
    commands.addCommand(id, { execute: () => void ran.push(id) });
  }
  render(
    <HubSection
      store={server.store}
      trans={trans}
      commands={commands}
      state={null}
    />
  );
  return { ...server, ran };
}

/** What is said under a name. */
const fact = async (name: string): Promise<string> =>
  (await screen.findByText(name)).nextElementSibling?.textContent ?? '';

describe('the hub', () => {
  it('says who you are and what proves it', async () => {
    show({ status: status(), hub: hubInfo });
    expect(await fact('You')).toBe('Alice');
    expect(await fact('In records')).toBe('user:alice');
    expect(await fact('Proof')).toContain('JupyterHub');
  });

  it('says plainly that nothing is proven', async () => {
    const user = {
      subject: 'user:root',
      name: 'root',
      method: 'jupyter-token',
      proven: false
    };
    show({ status: status({ user }), hub: hubInfo });
    expect(await fact('Proof')).toBe('none');
    expect(screen.getByText(/not who it is/)).toBeTruthy();
  });

  it('tells its address, ledger, disk and checkpoint', async () => {
    show({ status: status(), hub: hubInfo });
    expect(await fact('Address')).toBe('http://127.0.0.1:8123');
    expect(await fact('Last checkpoint')).toContain('1,234,000 of 1,234,567');
    expect(await fact('On disk')).toBe('988 MB');
    expect(await fact('Indexed')).toBe('all');
    expect(await fact('GPUs')).toBe('none');
  });

  it('names its GPUs', async () => {
    const gpus = [{ index: 0, name: 'H100', memory_bytes: 80e9 }, {}];
    show({ status: status(), hub: { ...hubInfo, gpus } });
    expect(await fact('GPUs')).toBe('0: H100 80 GBGPU');
  });

  it('raises an alarm when the ledger cannot be written', async () => {
    const ledger = { ...hubInfo.ledger, ok: false, reason: 'Disk full.' };
    show({ status: status(), hub: { ...hubInfo, ledger } });
    expect((await screen.findByRole('alert')).textContent).toContain(
      'Disk full.'
    );
  });

  it('that does not run is not asked, and can be started', async () => {
    const { asked, ran } = show({
      status: status({ hub: { state: 'stopped' } })
    });
    fireEvent.click(await screen.findByRole('button', { name: /Start/ }));
    expect(ran).toEqual([CommandIDs.startHub]);
    expect(asked).toEqual([['status']]);
  });

  it('that runs can be stopped', async () => {
    const { ran } = show({ status: status(), hub: hubInfo });
    fireEvent.click(await screen.findByRole('button', { name: /Stop/ }));
    expect(ran).toEqual([CommandIDs.stopHub]);
  });

  it('that starts is waited for', async () => {
    const { ran } = show({ status: status({ hub: { state: 'starting' } }) });
    fireEvent.click(await screen.findByRole('button', { name: /Start/ }));
    expect(ran).toEqual([]);
    expect(screen.getByText('The hub is starting…')).toBeTruthy();
  });

  it('that failed says why and how to fix it', async () => {
    show({
      status: status({
        hub: { state: 'failed', reason: 'Port taken.', fix: 'Free it.' }
      })
    });
    await screen.findByText('Port taken.');
    expect(screen.getByText('Free it.')).toBeTruthy();
  });

  it('of another version says both', async () => {
    show({
      status: status({ hub: { state: 'other_version', version: '0.0.9' } })
    });
    const said = await screen.findByText(/version 0.0.9/);
    expect(said.textContent).toContain('0.1.0');
  });

  it('cannot be stopped without the right, and says so', async () => {
    const { ran } = show({
      status: status({ rights: ['read'] }),
      hub: hubInfo
    });
    const stop = await screen.findByRole('button', { name: /Stop/ });
    fireEvent.click(stop);
    expect(ran).toEqual([]);
    expect(stop.title).toContain('right');
  });

  it('shows names of others as text', async () => {
    const user = {
      subject: 'user:<b>x</b>',
      name: `<script>alert(1)</script>${'x'.repeat(10_000)}`,
      method: '<i>',
      proven: true
    };
    show({ status: status({ user }), hub: hubInfo });
    expect((await fact('You')).length).toBeLessThan(100);
    expect(document.querySelector('script, b, i')).toBeNull();
  });

  it('keeps what it knew when the server is lost, and says so', async () => {
    const { answers, store } = show({ status: status(), hub: hubInfo });
    await fact('You');
    answers.status = new ApiError(0, 'server_unreachable', 'Gone.', '', '');
    store.status.invalidate();
    await screen.findByText('Gone.');
    expect(await fact('You')).toBe('Alice');
    answers.status = status();
    fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
    await waitFor(() => expect(screen.queryByText('Gone.')).toBeNull());
  });
});
