import { describe, expect, it } from 'vitest';

import { endpoint, serve, serving, status, trans } from '../../test/samples';
import { Fleet } from './fleet';
import { alarmsOf } from './statusitem';

const turn = () => new Promise(resolve => setTimeout(resolve));
const churn = endpoint('churn', serving('churn', { 1: 100 }));

describe('the fleet', () => {
  it('asks for nothing while nobody watches', async () => {
    const { store, events, asked, say } = serve({});
    const fleet = new Fleet(store, events);
    say({ what: 'endpoint', name: 'churn' });
    fleet.refresh();
    await turn();
    expect(asked).toEqual([]);
  });

  it('does not make the server start a hub', async () => {
    const { store, events, asked } = serve({
      status: status({ hub: { state: 'stopped' } })
    });
    new Fleet(store, events).watch();
    await turn();
    expect(asked).toEqual([['status']]);
  });

  it('has the endpoints of a hub that runs, and none once it has stopped', async () => {
    const { store, events, answers, say } = serve({
      status: status(),
      endpoints: [churn]
    });
    const fleet = new Fleet(store, events);
    fleet.watch();
    await turn();
    expect(fleet.endpoints).toEqual([churn]);
    answers.status = status({ hub: { state: 'stopped' } });
    say({ what: 'hub' });
    await turn();
    expect(fleet.endpoints).toEqual([]);
  });

  it('reads them again when one has changed, and not when calls were served', async () => {
    const { store, events, asked, say } = serve({
      status: status(),
      endpoints: [churn]
    });
    new Fleet(store, events).watch();
    await turn();
    asked.length = 0;
    say({ what: 'records', size: 9 });
    await turn();
    expect(asked).toEqual([]);
    say({ what: 'endpoint', name: 'churn' });
    await turn();
    expect(asked).toEqual([['endpoints']]);
  });

  it('takes what the sidebar has read', async () => {
    const { store, events, answers, asked, say } = serve({
      status: status(),
      endpoints: []
    });
    const fleet = new Fleet(store, events);
    fleet.watch();
    store.endpoints.watch();
    await turn();
    asked.length = 0;
    answers.endpoints = [churn];
    say({ what: 'endpoint', name: 'churn' });
    await turn();
    expect(asked).toEqual([['endpoints']]);
    expect(fleet.endpoints).toEqual([churn]);
  });
});

describe('alarms', () => {
  it('are failed and degraded endpoints, and a hub that failed', () => {
    const alarms = alarmsOf(
      {
        status: status({ hub: { state: 'failed', reason: 'No disk.' } }),
        endpoints: [
          churn,
          endpoint('a', serving('m', { 1: 100 }, { state: 'failed' })),
          endpoint('b', serving('m', { 1: 100 }, { state: 'degraded' }))
        ]
      },
      trans
    );
    expect(alarms).toEqual(['No disk.', 'a: failed', 'b: degraded']);
  });
});
