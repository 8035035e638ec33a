import { describe, expect, it } from 'vitest';

import { formatBytes } from './format';

describe('bytes', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [9949, '9.9 kB'],
    [9960, '10 kB'],
    [271_000, '271 kB'],
    [999_600, '1.0 MB'],
    [5e15, '5000 TB']
  ])('%d are %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});
