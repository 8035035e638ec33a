import { describe, expect, it } from 'vitest';

import { trans } from '../../test/samples';
import { servedPath, unreachable } from './place';

describe('the place of a notebook', () => {
  it.each([
    ['/work/nb/a/b.ipynb', ['/work/nb'], 'a/b.ipynb'],
    ['/work/nb/b.ipynb', ['/work/nb/'], 'b.ipynb'],
    ['/b.ipynb', ['/'], 'b.ipynb'],
    ['/home/alice/nb/b.ipynb', ['~/nb'], 'b.ipynb'],
    ['C:\\Users\\a\\nb\\b.ipynb', ['C:/Users/a/nb'], 'b.ipynb'],
    ['a/b.ipynb', ['/work/nb'], 'a/b.ipynb']
  ])('%s below %s is %s', (path, roots, served) => {
    expect(servedPath(path, roots)).toBe(served);
  });

  it.each([
    ['/work/nbs/b.ipynb', ['/work/nb']],
    ['/elsewhere/b.ipynb', ['/work/nb']],
    ['/elsewhere/b.ipynb', ['~/nb']],
    ['/work/nb/../secret.ipynb', ['/work/nb']],
    ['../secret.ipynb', ['/work/nb']],
    ['/work/nb/b.ipynb', []]
  ])('%s is not below %s', (path, roots) => {
    expect(servedPath(path, roots)).toBeNull();
  });

  it('that cannot be opened has a reason', () => {
    expect(unreachable('/elsewhere/b.ipynb', trans)).toContain('outside');
    expect(unreachable('b.py', trans)).toContain('not a notebook');
    expect(unreachable('b.ipynb', trans)).toBe(false);
  });
});
