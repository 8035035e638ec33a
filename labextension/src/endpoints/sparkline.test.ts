import { describe, expect, it } from 'vitest';

import { curve } from './sparkline';

describe('a curve', () => {
  it('goes from zero at the bottom to the largest at the top', () => {
    expect(curve([0, 5, 10])).toBe('M0 21L50 11L100 1');
  });

  it('is broken where there is no value, and a value alone is a dash', () => {
    expect(curve([1, null, 1, 1])).toBe('M0 1h1M66.7 1L100 1');
  });

  it.each([[[]], [[null, null]], [[NaN, Infinity]]])(
    'of %o is none',
    values => {
      expect(curve(values)).toBe('');
    }
  );
});
