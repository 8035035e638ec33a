import { describe, expect, it } from 'vitest';

import { ApiError } from './api';
import { asApiError, Value } from './value';

/** A source that answers when told to, and counts what it is asked. */
function source(): {
  fetch: () => Promise<number>;
  answer: (value: number | Error) => Promise<void>;
  asked: () => number;
} {
  const waiting: ((value: number | Error) => void)[] = [];
  let asked = 0;
  return {
    fetch: () => {
      asked++;
      return new Promise<number>((resolve, reject) => {
        waiting.push(value =>
          value instanceof Error ? reject(value) : resolve(value)
        );
      });
    },
    answer: async value => {
      waiting.shift()!(value);
      await new Promise(resolve => setTimeout(resolve));
    },
    asked: () => asked
  };
}

describe('a value', () => {
  it('is not asked for while nobody watches', () => {
    const { fetch, asked } = source();
    const value = new Value(fetch);
    value.invalidate();
    expect(asked()).toBe(0);
  });

  it('is fetched when somebody begins to watch', async () => {
    const { fetch, answer } = source();
    const value = new Value(fetch);
    value.watch();
    expect(value.loading).toBe(true);
    await answer(7);
    expect(value.value).toBe(7);
    expect(value.loading).toBe(false);
  });

  it('is fresh for a second watcher without another request', async () => {
    const { fetch, answer, asked } = source();
    const value = new Value(fetch);
    value.watch();
    await answer(7);
    value.watch();
    expect(asked()).toBe(1);
  });

  it('asks once more, not twice, when it became stale twice meanwhile', async () => {
    const { fetch, answer, asked } = source();
    const value = new Value(fetch);
    value.watch();
    value.invalidate();
    value.invalidate();
    expect(asked()).toBe(1);
    await answer(1);
    expect(asked()).toBe(2);
    await answer(2);
    expect(asked()).toBe(2);
    expect(value.value).toBe(2);
  });

  it('keeps what it knew when a later attempt fails, and says why', async () => {
    const { fetch, answer } = source();
    const value = new Value(fetch);
    value.watch();
    await answer(7);
    value.invalidate();
    await answer(new ApiError(503, 'hub_stopped', 'It is stopped.', '', ''));
    expect(value.value).toBe(7);
    expect(value.error?.code).toBe('hub_stopped');
  });

  it('forgets the error when it can be read again', async () => {
    const { fetch, answer } = source();
    const value = new Value(fetch);
    value.watch();
    await answer(new Error('no'));
    value.invalidate();
    await answer(8);
    expect(value.error).toBeUndefined();
  });

  it('is asked for again by the next watcher when it became stale unwatched', async () => {
    const { fetch, answer, asked } = source();
    const value = new Value(fetch);
    const watching = value.watch();
    await answer(1);
    watching.dispose();
    value.invalidate();
    expect(asked()).toBe(1);
    value.watch();
    expect(asked()).toBe(2);
  });

  it('is forgotten and, where it is watched, asked for anew', async () => {
    const { fetch, answer, asked } = source();
    const value = new Value(fetch);
    const watching = value.watch();
    await answer(1);
    value.forget();
    expect(value.value).toBeUndefined();
    await answer(2);
    expect(value.value).toBe(2);
    watching.dispose();
    value.forget();
    expect(asked()).toBe(2);
  });

  it('tells of every change', async () => {
    const { fetch, answer } = source();
    const value = new Value(fetch);
    const seen: [number | undefined, boolean][] = [];
    value.changed.connect(() => {
      seen.push([value.value, value.loading]);
    });
    value.watch();
    await answer(1);
    value.put(5);
    expect(seen).toEqual([
      [undefined, true],
      [1, false],
      [5, false]
    ]);
  });
});

describe('an error of the page itself', () => {
  it('is shown like any other', () => {
    const error = asApiError(new TypeError('x is undefined'));
    expect(error.code).toBe('unexpected');
    expect(error.reason).toContain('x is undefined');
  });
});
