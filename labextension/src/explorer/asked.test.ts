import { describe, expect, it } from 'vitest';

import { changed, countAsked, filterOf, readAsked, sameAsked } from './asked';

describe('a kept question', () => {
  it('is read back as it was', () => {
    const asked = { endpoint: 'churn', version: 3, failed: true, last: 3600 };
    expect(readAsked(JSON.parse(JSON.stringify(asked)))).toEqual(asked);
  });

  it.each([null, undefined, 'text', 7, [], { endpoint: 7 }, { status: 'x' }])(
    'that is no question (%j) asks for nothing',
    found => expect(countAsked(readAsked(found))).toBe(0)
  );

  it('loses what does not belong to it, and what is too long to be searched', () => {
    const found = readAsked({
      text: 'x'.repeat(10_000),
      since: -1,
      until: NaN,
      limit: 5
    });
    expect(Object.keys(found)).toEqual(['text']);
    expect(found.text?.length).toBe(256);
  });
});

describe('a question', () => {
  it('has no part that was emptied', () => {
    expect(changed({ endpoint: 'a', caller: 'b' }, { endpoint: '' })).toEqual({
      caller: 'b'
    });
    expect(changed({ version: 1 }, { version: undefined })).toEqual({});
    expect(changed({ failed: true }, { failed: false })).toEqual({});
  });

  it('for the last seconds becomes a time when it is asked', () => {
    expect(filterOf({ last: 60, text: 'a' }, 1_000_000)).toEqual({
      text: 'a',
      since: 940
    });
  });

  it('is the same in any order', () => {
    expect(sameAsked({ text: 'a', status: 1 }, { status: 1, text: 'a' })).toBe(
      true
    );
    expect(sameAsked({ text: 'a' }, { text: 'a', status: 1 })).toBe(false);
  });
});
