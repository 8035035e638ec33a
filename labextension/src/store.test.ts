import { Event } from '@jupyterlab/services';
import { Signal } from '@lumino/signaling';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { endpoint } from '../test/samples';
import { Api } from './api';
import { CHANGED_SCHEMA, Store } from './store';

const stores: Store[] = [];
afterEach(() => {
  vi.useRealTimers();
  for (const store of stores.splice(0)) {
    store.dispose();
  }
});

/** A store over a server that has one endpoint; `asked` names what it was asked for. */
function make(): {
  store: Store;
  say: (change: object) => void;
  asked: string[];
  /** Milliseconds that answers take from now on. */
  answersAfter: (milliseconds: number) => void;
} {
  const asked: string[] = [];
  let takes = 0;
  const answer =
    <T>(name: string, value: T) =>
    async (): Promise<T> => {
      asked.push(name);
      if (takes > 0) {
        await new Promise(answer => setTimeout(answer, takes));
      }
      return value;
    };
  const api = {
    endpoints: answer('endpoints', [endpoint('churn')]),
    versions: answer('versions', []),
    models: answer('models', []),
    hub: answer('hub', {}),
    status: answer('status', {}),
    history: answer('history', {}),
    verification: answer('verification', null)
  } as unknown as Api;
  const owner = {};
  const stream = new Signal<object, Event.Emission>(owner);
  const store = new Store(api, { stream } as unknown as Event.IManager);
  stores.push(store);
  return {
    store,
    say: change =>
      stream.emit({
        schema_id: CHANGED_SCHEMA,
        ...change
      } as Event.Emission),
    asked,
    answersAfter: milliseconds => {
      takes = milliseconds;
    }
  };
}

const turn = () => new Promise(resolve => setTimeout(resolve));

describe('the store', () => {
  it('asks for nothing while nothing is shown', async () => {
    const { say, asked } = make();
    say({ what: 'endpoint', name: 'churn' });
    say({ what: 'records', size: 5 });
    await turn();
    expect(asked).toEqual([]);
  });

  it('reads again what an event names, if it is shown', async () => {
    const { store, say, asked } = make();
    store.endpoints.watch();
    store.versions.watch();
    await turn();
    asked.length = 0;
    say({ what: 'version', name: 'churn' });
    await turn();
    expect(asked).toEqual(['versions']);
  });

  it('leaves events of others alone', async () => {
    const { store, say, asked } = make();
    store.endpoints.watch();
    await turn();
    asked.length = 0;
    say({ schema_id: 'https://example.org/v1', what: 'endpoint' });
    await turn();
    expect(asked).toEqual([]);
  });

  it('reads rates once for many calls', async () => {
    vi.useFakeTimers();
    const { store, say, asked } = make();
    store.endpoints.watch();
    await vi.advanceTimersByTimeAsync(10);
    asked.length = 0;
    for (let size = 1; size < 9; size++) {
      say({ what: 'records', size });
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(asked).toEqual([]);
    await vi.advanceTimersByTimeAsync(2000);
    expect(asked).toEqual(['endpoints']);
  });

  it('lets a slow server rest as long as it took to tell the rates', async () => {
    vi.useFakeTimers();
    const { store, say, asked, answersAfter } = make();
    store.endpoints.watch();
    await vi.advanceTimersByTimeAsync(10);
    asked.length = 0;
    answersAfter(3000);
    for (let size = 1; size <= 160; size++) {
      say({ what: 'records', size });
      await vi.advanceTimersByTimeAsync(100);
    }
    // at 2, 8 and 14 s
    expect(asked).toEqual(['endpoints', 'endpoints', 'endpoints']);
  });

  it('asks every 5 s when it has heard nothing for 50 s, until it hears something', async () => {
    vi.useFakeTimers();
    const { store, say, asked } = make();
    store.endpoints.watch();
    const during = async (seconds: number) => {
      asked.length = 0;
      await vi.advanceTimersByTimeAsync(seconds * 1000);
      return asked.length;
    };
    await during(1);
    for (let pulse = 0; pulse < 8; pulse++) {
      say({ what: 'pulse' });
      expect(await during(15)).toBe(0);
    }
    await during(40);
    expect(await during(30)).toBe(6);
    say({ what: 'pulse' });
    expect(await during(45)).toBe(0);
  });

  it('does not ask what nobody looks at, though it hears nothing', async () => {
    vi.useFakeTimers();
    const { asked } = make();
    await vi.advanceTimersByTimeAsync(120_000);
    expect(asked).toEqual([]);
  });

  it('tells how far the ledger grew', () => {
    const { store, say } = make();
    const sizes: (number | undefined)[] = [];
    store.grew.connect((_, size) => {
      sizes.push(size);
    });
    say({ what: 'records', size: 12 });
    expect(sizes).toEqual([12]);
  });

  it('reads everything that is shown again when the hub comes or goes', async () => {
    const { store, say, asked } = make();
    store.endpoints.watch();
    store.status.watch();
    await turn();
    asked.length = 0;
    say({ what: 'hub' });
    await turn();
    expect(asked.sort()).toEqual(['endpoints', 'status']);
  });

  it('puts the answer to a change in its place at once', async () => {
    const { store } = make();
    store.endpoints.watch();
    await turn();
    store.putEndpoint(endpoint('alpha'));
    const changed = { ...endpoint('churn'), reason: 'new' };
    store.putEndpoint(changed);
    expect(store.endpoints.value).toEqual([endpoint('alpha'), changed]);
  });
});
