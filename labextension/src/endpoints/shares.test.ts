import { describe, expect, it } from 'vitest';

import { apportion, move, sharesOf, Weights } from './shares';

const sum = (weights: Weights): number =>
  Object.values(weights).reduce((whole, share) => whole + share, 0);

describe('shares of calls', () => {
  it('sum to 100 wherever one is moved', () => {
    let shares = sharesOf({ 1: 33, 2: 33, 3: 34 });
    for (let to = -5; to <= 105; to++) {
      shares = move(shares, '2', to);
      expect(sum(shares.weights)).toBe(100);
      expect(Math.min(...Object.values(shares.weights))).toBeGreaterThan(-1);
    }
  });

  it('keep the proportions of the others', () => {
    const shares = move(sharesOf({ 1: 60, 2: 20, 3: 20 }), '3', 60);
    expect(shares.weights).toEqual({ 1: 30, 2: 10, 3: 60 });
  });

  it('are as before when one is pulled to its end and back', () => {
    const before = sharesOf({ 1: 61, 2: 29, 3: 10 });
    const after = move(move(before, '3', 100), '3', 10);
    expect(after.weights).toEqual(before.weights);
  });

  it('of one version alone are all', () => {
    expect(move(sharesOf({ 4: 100 }), '4', 20).weights).toEqual({ 4: 100 });
  });

  it('are made to sum to 100 where weights do not', () => {
    expect(sharesOf({ 1: 1, 2: 1, 3: 1 }).weights).toEqual({
      1: 34,
      2: 33,
      3: 33
    });
    expect(sharesOf({ 1: 0, 2: 0 }).weights).toEqual({ 1: 50, 2: 50 });
  });

  it('of nothing are nothing', () => {
    expect(apportion(100, [])).toEqual([]);
  });
});
