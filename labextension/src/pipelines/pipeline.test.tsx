import {
  act,
  fireEvent,
  screen,
  waitFor,
  within
} from '@testing-library/react';
import { beforeEach, describe, expect, it } from 'vitest';

import { cardOf, server, show, store, type } from '../../test/endpointview';
import { clips, QUIET, step } from '../../test/pipelines';
import { endpoint } from '../../test/samples';
import { ApiError } from '../api';
import { IPipeline } from './types';

const EVIL = '<img src=x onerror=alert(1)>';

/** What the hub draws, and how often it was asked. */
let drawn: IPipeline;
let asked: string[];
let fault: ApiError | undefined;

beforeEach(() => {
  drawn = clips();
  asked = [];
  fault = undefined;
  server.endpoints = [
    endpoint('clips', { pipeline: true }),
    ...['langid', 'mood', 'translate'].map(name => endpoint(name))
  ];
  Object.assign(server.api, {
    json: async (_: string, target: string) => {
      asked.push(target);
      if (fault) {
        throw fault;
      }
      return drawn;
    }
  });
});

/** The card of `clips`, its graph unfolded. */
async function unfolded(): Promise<ReturnType<typeof within>> {
  show();
  const card = within(await cardOf('clips'));
  const fold = await card.findByRole('button', { name: 'Pipeline' });
  if (fold.getAttribute('aria-expanded') === 'false') {
    fireEvent.click(fold);
  }
  return card;
}

async function grow(): Promise<void> {
  await act(async () => {
    store.refreshAll();
    await Promise.resolve();
  });
}

describe('the graph in a card', () => {
  it('is not read while it is folded', async () => {
    const card = await unfolded();
    await card.findByRole('list', { name: 'Steps' });
    expect(asked).toEqual(['api/pipelines/clips']);
    fireEvent.click(card.getByRole('button', { name: 'Pipeline' }));
    await grow();
    expect(asked.length).toBe(1);
    expect(card.queryByRole('list', { name: 'Steps' })).toBeNull();
  });

  it('is not there for an endpoint of a model', async () => {
    show();
    const card = within(await cardOf('langid'));
    expect(card.queryByRole('button', { name: 'Pipeline' })).toBeNull();
  });

  it('says of each step its version, rate, latency and failures', async () => {
    drawn = clips({
      calls: 4,
      requests_per_second: 1.5,
      p50_ms: 2.25,
      p99_ms: 9.5,
      error_share: 0.25,
      failures: 1,
      skipped: 2,
      last_error: 'It is a bad day.',
      last_error_at: 1_700_000_000
    });
    const card = await unfolded();
    const box = await card.findByRole('button', { name: /^langid, / });
    expect(box.getAttribute('aria-label')).toBe(
      'langid, v2, 1.5/s, p50 2.25 ms, p99 9.5 ms, 25 % failed, 4 calls in all, ' +
        '1 failure, 2 rows led past it, Last error: It is a bad day.'
    );
    expect(box.textContent).toContain('25 % failed');
    expect(card.queryByText(/It is a bad day/)).toBeNull();
    fireEvent.focus(box);
    expect(card.getByText('Last error: It is a bad day.')).toBeTruthy();
  });

  it('names what a step is pinned to, and an endpoint that is gone', async () => {
    drawn.nodes.push(
      step('front', 4, 1, { endpoint: 'langid', ref: 'langid@champion' }),
      step('lost', 5, 1)
    );
    const card = await unfolded();
    const box = await card.findByRole('button', { name: /^front, / });
    expect(box.textContent).toContain('langid@champion');
    const lost = card.getByRole('button', { name: /^lost, / });
    expect(lost.textContent).toContain('not served');
  });

  it('is read again after calls, and shows what is new', async () => {
    const card = await unfolded();
    const box = await card.findByRole('button', { name: /^langid, / });
    drawn = clips({ calls: 1, requests_per_second: 7 });
    await grow();
    await waitFor(() => expect(box.textContent).toContain('7/s'), {
      timeout: 4000
    });
  });

  it('keeps what was last known when it cannot be read, and says why', async () => {
    fault = new ApiError(404, 'pipeline_not_found', 'No pipeline.', '', '');
    const card = await unfolded();
    expect((await card.findByRole('alert')).textContent).toContain(
      'No pipeline.'
    );
    fault = undefined;
    fireEvent.click(card.getByRole('button', { name: 'Try again' }));
    expect(await card.findByRole('list', { name: 'Steps' })).toBeTruthy();
  });

  it('shows names, conditions and errors as text', async () => {
    const stats = { ...QUIET, calls: 1, last_error: `\u202e${EVIL}` };
    drawn.nodes[1] = step(EVIL, 1, 0, { id: 'step:langid', stats });
    drawn.nodes[2].label = EVIL;
    const card = await unfolded();
    const box = await card.findByRole('button', { name: /^<img/ });
    fireEvent.focus(box);
    expect(document.querySelector('img')).toBeNull();
    expect(document.body.textContent).not.toContain('\u202e');
  });

  it('has a table that says what leads to each step', async () => {
    const card = await unfolded();
    const summary = await card.findByText('As a table');
    const details = summary.closest('details')!;
    details.open = true;
    fireEvent(details, new Event('toggle'));
    const table = await card.findByRole('table', { name: 'Steps of clips' });
    const mood = within(table).getByRole('row', { name: /^mood/ });
    expect(within(mood).getAllByRole('cell')[1].textContent).toBe(
      'translate, lang != "en": no'
    );
  });

  it('leads to the card of a step, though a filter hides it', async () => {
    server.endpoints.push(
      ...Array.from({ length: 20 }, (_, at) => endpoint(`x-${at}`))
    );
    const card = await unfolded();
    type(screen.getByRole('searchbox'), 'clips');
    expect(screen.getAllByRole('article').length).toBe(1);
    fireEvent.click(await card.findByRole('button', { name: /^mood, / }));
    await waitFor(async () =>
      expect(document.activeElement).toBe(await cardOf('mood'))
    );
  });
});
