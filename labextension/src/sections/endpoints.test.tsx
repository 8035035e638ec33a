import {
  act,
  fireEvent,
  screen,
  waitFor,
  within
} from '@testing-library/react';
import { describe, expect, it } from 'vitest';

import {
  cardOf,
  commands,
  isOff,
  open,
  server,
  show,
  store,
  type
} from '../../test/endpointview';
import { endpoint } from '../../test/samples';
import { ApiError } from '../api';
import { CommandIDs } from '../commands';

describe('the list of endpoints', () => {
  it('says that it is being read, and then shows a card for each', async () => {
    show();
    expect(screen.getByText('Reading the endpoints…')).toBeTruthy();
    expect(await cardOf('churn')).toBeTruthy();
  });

  it('says how to deploy when there is none', async () => {
    server.endpoints = [];
    show();
    expect(await screen.findByText('%deploy churn@champion')).toBeTruthy();
    expect(screen.getByText(/Models below/)).toBeTruthy();
  });

  it('says what went wrong, and reads again when asked', async () => {
    server.down = new ApiError(500, 'x', 'What.', 'Why.', 'Fix.');
    show();
    expect((await screen.findByRole('alert')).textContent).toContain('Why.');
    server.down = undefined;
    fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
    expect(await cardOf('churn')).toBeTruthy();
  });

  it.each(['hub_stopped', 'hub_unreachable'])(
    'offers to start the hub when it is away (%s), and keeps the focus',
    async code => {
      server.down = new ApiError(503, code, 'Away.', '', '');
      commands.addCommand(CommandIDs.startHub, {
        describedBy: { args: null },
        execute: () => {
          server.down = undefined;
        }
      });
      show();
      const button = await screen.findByRole('button', {
        name: 'Start the Hub'
      });
      await waitFor(() => expect(isOff(button)).toBe(false));
      button.focus();
      fireEvent.click(button);
      const card = await cardOf('churn');
      await waitFor(() =>
        expect(document.activeElement?.contains(card)).toBe(true)
      );
      expect(document.activeElement).not.toBe(document.body);
    }
  );

  it('shows what was last known of a hub that went, and changes nothing', async () => {
    const card = await open('Scale');
    server.down = new ApiError(503, 'hub_stopped', 'Away.', '', '');
    await act(() => store.endpoints.refresh());
    expect(card.getByText('was ready')).toBeTruthy();
    expect(isOff(card.getByRole('button', { name: 'Undeploy' }))).toBe(true);
  });

  it('makes cards only near what is seen of 500, and filters them', async () => {
    server.endpoints = Array.from({ length: 500 }, (_, at) =>
      endpoint(`endpoint-${at}`, { state: at === 400 ? 'failed' : 'ready' })
    );
    show();
    await cardOf('endpoint-0');
    expect(screen.getAllByRole('article').length).toBeLessThan(20);
    expect(screen.getAllByRole('listitem').length).toBe(500);
    expect(server.histories.length).toBeLessThan(20);
    type(screen.getByRole('searchbox'), 'FAILED 400');
    expect(screen.getAllByRole('listitem').length).toBe(1);
    expect(screen.getByText('1 of 500 endpoints')).toBeTruthy();
  });

  it('needs no filter for ten', async () => {
    show();
    await cardOf('churn');
    expect(screen.queryByRole('searchbox')).toBeNull();
  });

  it('has those that are only remembered last', async () => {
    server.endpoints = [
      endpoint('a', { state: 'undeployed', spec: { deployed: false } }),
      endpoint('b')
    ];
    show();
    await cardOf('b');
    const headings = screen.getAllByRole('heading', { level: 3 });
    expect(headings.map(one => one.textContent)).toEqual(['b', 'a']);
  });
});

describe('a card', () => {
  it('shows versions, state, replicas with the reason, rates, and who changed it', async () => {
    server.endpoints = [
      endpoint('churn', {
        state: 'degraded',
        reason: 'Version 3: it died.',
        requests_per_second: 12.34,
        p99_ms: 56.78,
        spec: { traffic: { weights: { 2: 90, 3: 10 }, shadows: [4] } },
        replicas: [
          { version: 2, desired: 2, ready: 2, pending: 0, reason: '' },
          { version: 3, desired: 1, ready: 0, pending: 1, reason: 'It waits.' }
        ]
      })
    ];
    show();
    const card = await cardOf('churn');
    for (const part of [
      'v2 90 % · v3 10 % · v4 as shadow',
      'degraded',
      '3 desired · 2 ready · 1 pending',
      'v3: 1 desired · 0 ready · 1 pending',
      'Version 3: it died.',
      'It waits.',
      '12.3 calls/s',
      '56.8 ms p99',
      'by user:alice'
    ]) {
      expect(card.textContent).toContain(part);
    }
    const image = await within(card).findByRole('img', { name: /per second/ });
    expect(image.getAttribute('aria-label')).toContain('at most 4');
  });

  it.each([
    ['HTML', '<img src=x onerror=alert(1)>'],
    ['a turned direction', 'a\u202eb'],
    ['10 kB', 'x'.repeat(10_000)],
    ['a command of JupyterLab', '<a data-commandlinker-command="x">y</a>']
  ])('shows a name of %s as text', async (_, name) => {
    server.endpoints = [
      endpoint(name, { reason: name, updated_by: name, spec: { model: name } })
    ];
    show();
    const card = await screen.findByRole('article');
    expect(
      card.querySelector('img, a, [data-commandlinker-command]')
    ).toBeNull();
    expect(card.textContent).not.toContain('\u202e');
    expect(card.textContent!.length).toBeLessThan(1500);
  });

  it('has controls that are off, and say why, for who may only look', async () => {
    server.rights = ['read'];
    const card = await open('Scale');
    await card.findByText(/you lack the right to deploy/);
    expect(isOff(card.getByRole('button', { name: 'Apply' }))).toBe(true);
    const undeploy = card.getByRole('button', { name: 'Undeploy' });
    expect(undeploy.title).toContain('right to deploy');
    fireEvent.click(undeploy);
    fireEvent.submit(card.getByRole('form'));
    fireEvent.click(card.getByRole('button', { name: 'Call' }));
    await card.findByText(/you lack the right to invoke/);
    fireEvent.submit(card.getByRole('form', { name: 'Try it' }));
    expect(server.asked).toEqual([]);
  });
});
