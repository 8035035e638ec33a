import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { Pace, restAfter } from './pace';

/** Milliseconds that looks may take: from a server that idles to one that hardly answers. */
const TAKEN = Array.from({ length: 601 }, (_, step) => 50 * step);

/** What happens just after a look began is shown after its end, the rest and the look after it. */
const seenAfter = (took: number) => took + restAfter(took) + took;

describe('the rest after a look', () => {
  it('lets what happens be seen within 2 s by a server that answers within 0.6 s', () => {
    const late = TAKEN.filter(took => took <= 600 && seenAfter(took) > 2000);
    expect(late).toEqual([]);
  });

  it('is never longer than 5 s', () => {
    expect(Math.max(...TAKEN.map(restAfter))).toBe(5000);
  });

  it('leaves a quick server four fifths of its time, a slow one half', () => {
    const share = (took: number) => took / (took + restAfter(took));
    const busy = (most: number, upTo: number) =>
      TAKEN.filter(took => took <= upTo && share(took) > most);
    expect(busy(0.2, 300)).toEqual([]);
    expect(busy(0.5, 5000)).toEqual([]);
  });

  it('is a quarter of a second at least, so that many events make few looks', () => {
    expect(Math.min(...TAKEN.map(restAfter))).toBe(250);
  });
});

describe('the pace', () => {
  let looks: number[];
  let pace: Pace;
  const START = 1_790_000_000_000;

  /** A server whose answers take so long, and what an answer leads to. */
  function over(took: number, gather = 0, said = () => {}): void {
    pace = new Pace(() => {
      looks.push(Date.now() - START);
      pace.began();
      said();
      if (took > 0) {
        window.setTimeout(() => pace.ended(), took);
      } else {
        pace.ended();
      }
    }, gather);
  }

  beforeEach(() => {
    vi.useFakeTimers();
    vi.setSystemTime(START);
    looks = [];
  });
  afterEach(() => {
    pace.stop();
    vi.useRealTimers();
  });

  it('looks at once after a silence, and once for many words', () => {
    over(100);
    pace.soon();
    pace.soon();
    vi.advanceTimersByTime(10_000);
    expect(looks).toEqual([0]);
  });

  it('looks once more for what is said during a look', () => {
    over(100);
    pace.soon();
    vi.advanceTimersByTime(50);
    pace.soon();
    vi.advanceTimersByTime(10_000);
    expect(looks).toEqual([0, 500]);
  });

  it('has one look at a time, however slow', () => {
    over(20_000);
    for (let at = 0; at < 600; at++) {
      pace.soon();
      vi.advanceTimersByTime(100);
    }
    expect(looks).toEqual([0, 25_000, 50_000]);
  });

  it('gathers words first where it is told to', () => {
    over(10, 2000);
    for (let at = 0; at < 50; at++) {
      pace.soon();
      vi.advanceTimersByTime(100);
    }
    expect(looks).toEqual([2000, 4010]);
  });

  it('looks again less and less often for what cannot be found yet', () => {
    over(0, 0, () => pace.later());
    pace.later();
    vi.advanceTimersByTime(18_000);
    expect(looks).toEqual([250, 750, 1750, 3750, 7750, 12_750, 17_750]);
  });

  it('stops', () => {
    over(100);
    pace.soon();
    pace.stop();
    vi.advanceTimersByTime(10_000);
    expect(looks).toEqual([]);
  });
});
