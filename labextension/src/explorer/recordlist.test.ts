import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { ApiError } from '../api';
import { IAsked } from './asked';
import { BEGAN, FakeLedger } from './fakeledger';
import { MOST_WAITING, RecordList } from './recordlist';

let ledger: FakeLedger;
let list: RecordList;

function open(asked: IAsked = {}): RecordList {
  list = new RecordList(ledger, asked);
  list.watch();
  return list;
}

const indexes = () => list.records.map(record => record.index);
const settle = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => {
  vi.useFakeTimers();
  vi.setSystemTime(BEGAN * 1000);
  ledger = new FakeLedger();
});
afterEach(() => {
  list.dispose();
  vi.useRealTimers();
});

describe('paging', () => {
  it('asks for nothing until it is watched', async () => {
    ledger.add(3);
    list = new RecordList(ledger);
    list.want(100);
    await settle(1000);
    expect(ledger.asked).toEqual([]);
  });

  it('begins with one small page, newest first', async () => {
    ledger.add(500);
    open();
    await settle();
    expect(indexes()).toEqual(Array.from({ length: 50 }, (_, i) => 499 - i));
    expect(ledger.asked.length).toBe(1);
    expect(list.complete).toBe(false);
  });

  it('goes on by cursor to the end as more is wanted, with no gap and nothing twice', async () => {
    ledger.add(500);
    open();
    await settle();
    list.want(10_000);
    await settle();
    expect(indexes()).toEqual(Array.from({ length: 500 }, (_, i) => 499 - i));
    expect(list.complete).toBe(true);
    expect(ledger.asked.map(page => page.before)).toEqual([
      undefined,
      450,
      250,
      50
    ]);
  });

  it('goes on through pages that are short or empty and still have a next one', async () => {
    ledger.add(2, { endpoint: 'rare' });
    ledger.add(998);
    ledger.scan = 100;
    open({ endpoint: 'rare' });
    await settle();
    expect(indexes()).toEqual([1, 0]);
    expect(list.complete).toBe(true);
    expect(ledger.asked.length).toBe(10);
  });

  it('never has two requests for the end under way', async () => {
    ledger.add(500);
    open();
    list.want(120);
    list.want(200);
    await settle();
    expect(ledger.asked.map(page => page.before)).toEqual([undefined, 450]);
  });

  it('drops what is answered to an earlier question', async () => {
    ledger.add(20);
    ledger.add(5, { endpoint: 'other' });
    open();
    list.ask({ endpoint: 'other' });
    await settle();
    expect(list.records.every(record => record.endpoint === 'other')).toBe(
      true
    );
    expect(list.records.length).toBe(5);
  });

  it('counts "the last hour" from when it is asked', async () => {
    ledger.add(1);
    open({ last: 3600 });
    await settle();
    expect(ledger.asked[0]).toMatchObject({ since: BEGAN - 3600 });
    expect(ledger.asked[0]).not.toHaveProperty('last');
  });

  it('stops looking when nobody watches, and goes on when somebody does', async () => {
    ledger.add(1000);
    ledger.scan = 10;
    list = new RecordList(ledger, { endpoint: 'none' });
    const watching = list.watch();
    await Promise.resolve();
    watching.dispose();
    await settle();
    const before = ledger.asked.length;
    await settle(1000);
    expect(ledger.asked.length).toBe(before);
    list.watch();
    await settle();
    expect(list.complete).toBe(true);
  });
});

describe('new records', () => {
  it('come on top, and only they are fetched', async () => {
    ledger.add(300);
    open();
    await settle();
    ledger.grow(2);
    await settle(300);
    expect(indexes().slice(0, 3)).toEqual([301, 300, 299]);
    expect(ledger.asked[1]).toMatchObject({ limit: 2 });
    expect(ledger.asked.length).toBe(2);
  });

  it('are not asked for when the ledger has not grown', async () => {
    ledger.add(10);
    open();
    await settle();
    ledger.grew.emit(10);
    await settle(10_000);
    expect(ledger.asked.length).toBe(1);
  });

  it('appear in a list that was empty', async () => {
    open();
    await settle();
    expect(list.complete).toBe(true);
    ledger.grow(1);
    await settle(300);
    expect(indexes()).toEqual([0]);
  });

  it('that do not fit the filter do not appear', async () => {
    ledger.add(10);
    open({ endpoint: 'churn' });
    await settle();
    ledger.grow(3, { endpoint: 'other' });
    await settle(300);
    ledger.grow(1);
    await settle(300);
    expect(indexes()[0]).toBe(13);
    expect(list.records.length).toBe(11);
  });

  it('of a filter are looked for near the newest only, not in the whole ledger', async () => {
    ledger.add(2000);
    open({ endpoint: 'churn' });
    await settle();
    ledger.grow(1);
    await settle(300);
    expect(ledger.asked[1].since).toBe(BEGAN + 1999 - 600);
  });

  it('are gathered: many events make few requests', async () => {
    ledger.add(10);
    open();
    await settle();
    for (let at = 0; at < 20; at++) {
      ledger.grow(1);
      await settle(50);
    }
    await settle(300);
    expect(indexes()[0]).toBe(29);
    expect(ledger.asked.length).toBeLessThanOrEqual(6);
  });

  it('that cannot be found yet are asked for again soon', async () => {
    ledger.add(10);
    open();
    await settle();
    ledger.lag = 1;
    ledger.grow(1);
    await settle(300);
    expect(indexes()[0]).toBe(9);
    ledger.lag = 0;
    await settle(2000);
    expect(indexes()[0]).toBe(10);
    const asked = ledger.asked.length;
    await settle(20_000);
    expect(ledger.asked.length).toBe(asked);
  });

  it('that came while the first page was fetched are not forgotten', async () => {
    ledger.add(10);
    open();
    ledger.answersAfter = 100;
    list.ask({});
    await settle(50);
    ledger.grow(1);
    await settle(1000);
    expect(indexes()[0]).toBe(10);
  });

  it('that came during a look are looked for after it', async () => {
    ledger.add(10);
    open();
    await settle();
    ledger.answersAfter = 100;
    ledger.grow(1);
    await settle(50);
    ledger.grow(1);
    await settle(2000);
    expect(indexes()[0]).toBe(11);
  });

  it.each([
    { takes: 300, late: 2000 },
    { takes: 4000, late: 13_000 }
  ])(
    'are seen $late ms late at most while calls go on and an answer takes $takes ms',
    async ({ takes, late }) => {
      ledger.add(10);
      open();
      await settle();
      ledger.answersAfter = takes;
      const written = new Map<number, number>();
      let latest = 0;
      list.changed.connect(() => {
        const at = written.get(list.records[0].index);
        for (const [index, when] of written) {
          if (at !== undefined && index <= list.records[0].index) {
            latest = Math.max(latest, Date.now() - when);
            written.delete(index);
          }
        }
      });
      for (let at = 0; at < 400; at++) {
        ledger.grow(100);
        written.set(ledger.records.length - 1, Date.now());
        await settle(250);
      }
      expect(written.size).toBeLessThan(60);
      expect(latest).toBeLessThanOrEqual(late);
      // one look at a time, each of one request
      expect(ledger.asked.length).toBeLessThanOrEqual(100_000 / takes);
    }
  );

  it('so many that the gap is long make it begin anew, contiguous', async () => {
    ledger.add(10);
    open();
    await settle();
    ledger.grow(5000);
    await settle(300);
    // that the gap is long shows with the first page
    expect(ledger.asked.length).toBeLessThanOrEqual(3);
    list.want(400);
    await settle(300);
    const found = indexes();
    expect(found[0]).toBe(5009);
    expect(found).toEqual(found.map((_, at) => 5009 - at));
  });

  it('never let a list grow without end that nobody scrolls', async () => {
    ledger.add(1000);
    open();
    await settle();
    list.want(1000);
    await settle();
    for (let at = 0; at < 15; at++) {
      ledger.grow(100);
      await settle(300);
    }
    expect(list.records.length).toBeLessThanOrEqual(2000);
    list.want(1500);
    await settle();
    const found = indexes();
    expect(found).toEqual(found.map((_, at) => 2499 - at));
  });
});

describe('while held', () => {
  it('new records are counted without asking for anything', async () => {
    ledger.add(100);
    open();
    await settle();
    list.hold(true);
    ledger.grow(7);
    await settle(300);
    expect(list.newer).toBe(7);
    expect(indexes()[0]).toBe(99);
    expect(ledger.asked.length).toBe(1);
  });

  it('those that fit a filter are counted', async () => {
    ledger.add(100);
    open({ endpoint: 'churn' });
    await settle();
    list.hold(true);
    ledger.grow(3);
    await settle(300);
    ledger.grow(4, { endpoint: 'other' });
    await settle(300);
    expect(list.newer).toBe(3);
    list.showNewer();
    expect(indexes().slice(0, 4)).toEqual([102, 101, 100, 99]);
  });

  it('they are shown when it is let go', async () => {
    ledger.add(100);
    open();
    await settle();
    list.hold(true);
    ledger.grow(7);
    await settle(300);
    list.hold(false);
    await settle(300);
    expect(indexes().slice(0, 2)).toEqual([106, 105]);
    expect(list.newer).toBe(0);
  });

  it('they are shown on demand though it stays held', async () => {
    ledger.add(100);
    open();
    await settle();
    list.hold(true);
    ledger.grow(7);
    await settle(300);
    list.showNewer();
    await settle(300);
    expect(indexes()[0]).toBe(106);
    ledger.grow(1);
    await settle(300);
    expect(indexes()[0]).toBe(106);
    expect(list.newer).toBe(1);
  });

  it('more than anybody reads are only said to be many, and shown from a new beginning', async () => {
    ledger.add(100);
    open();
    await settle();
    list.hold(true);
    ledger.grow(MOST_WAITING + 1);
    await settle(300);
    expect(list.manyNewer).toBe(true);
    list.showNewer();
    await settle();
    expect(indexes()[0]).toBe(100 + MOST_WAITING);
    expect(list.manyNewer).toBe(false);
  });
});

describe('trouble', () => {
  const fault = new ApiError(503, 'hub_stopped', 'The hub is stopped.', '', '');

  it('is told, and over when the next attempt succeeds', async () => {
    ledger.add(5);
    ledger.fault = fault;
    open();
    await settle();
    expect(list.error?.code).toBe('hub_stopped');
    expect(list.loading).toBeUndefined();
    ledger.fault = undefined;
    ledger.grew.emit(undefined);
    await settle(300);
    expect(list.error).toBeUndefined();
    expect(list.records.length).toBe(5);
  });

  it('keeps the rows that are there', async () => {
    ledger.add(5);
    open();
    await settle();
    ledger.fault = fault;
    ledger.grow(1);
    await settle(300);
    expect(list.error?.code).toBe('hub_stopped');
    expect(list.records.length).toBe(5);
    ledger.fault = undefined;
    list.retry();
    await settle(300);
    expect(list.records.length).toBe(6);
    expect(list.error).toBeUndefined();
  });

  it('of an unexpected kind is told as well', async () => {
    ledger.fault = new TypeError('x is undefined') as unknown as ApiError;
    open();
    await settle();
    expect(list.error).toBeInstanceOf(ApiError);
  });

  it('a hub with another, smaller ledger is read from the beginning', async () => {
    ledger.add(100);
    open();
    await settle();
    ledger.records = [];
    ledger.add(3);
    ledger.grew.emit(undefined);
    await settle(300);
    expect(indexes()).toEqual([2, 1, 0]);
  });

  it('nothing happens after it was disposed of', async () => {
    ledger.add(5);
    open();
    list.dispose();
    await settle(1000);
    ledger.grow(1);
    await settle(1000);
    expect(ledger.asked.length).toBe(1);
    expect(list.records).toEqual([]);
  });
});
