import { describe, expect, it } from 'vitest';

import { FIRST_TEXT, hex, indented, preview, visible } from './payloadtext';

const bytes = (...values: number[]) => new Blob([new Uint8Array(values)]);

describe('a payload', () => {
  it('of JSON is indented, short lists on one line', async () => {
    const made = await preview(
      new Blob(['{"columns":["a","b"],"data":[[1,2],[3,4]],"more":{}}']),
      'application/json',
      1
    );
    expect(made.format).toBe('json');
    expect(made.text).toBe(
      [
        '{',
        '  "columns": ["a", "b"],',
        '  "data": [',
        '    [1, 2],',
        '    [3, 4]',
        '  ],',
        '  "more": {}',
        '}'
      ].join('\n')
    );
  });

  it('of 5 MB shows its beginning at once, and more on demand', async () => {
    const blob = new Blob([`{"a":[${'1,'.repeat(2_500_000)}1]}`]);
    const began = performance.now();
    const made = await preview(blob, 'application/json', 1);
    expect(performance.now() - began).toBeLessThan(1000);
    expect(made.shown).toBe(FIRST_TEXT);
    expect((await preview(blob, 'application/json', 2)).shown).toBe(
      2 * FIRST_TEXT
    );
    expect((await preview(blob, 'application/json', 1000)).shown).toBe(512_000);
  });

  it('with bytes that are not UTF-8 is shown with these replaced, and says so', async () => {
    const made = await preview(
      bytes(
        ...new TextEncoder().encode('a caf'),
        0xe9,
        ...Array(30).fill(0x2e)
      ),
      'text/plain',
      1
    );
    expect(made.format).toBe('text');
    expect(made.replaced).toBe(true);
    expect(made.text).toContain('a caf\ufffd.');
  });

  it('that is binary is shown in hexadecimal', async () => {
    const made = await preview(
      bytes(0x89, 0x50, 0x4e, 0x47, 0, 1, 2, 3, 4),
      'image/png',
      1
    );
    expect(made.format).toBe('hex');
    expect(made.text.split('\n')).toEqual([
      '00000000  89 50 4e 47 00 01 02 03  .PNG....',
      `00000008  04${' '.repeat(21)}  .`
    ]);
  });

  it('cut within a character is not taken for broken', async () => {
    const text = `${'x'.repeat(FIRST_TEXT - 1)}€`;
    const made = await preview(new Blob([text]), 'text/plain', 1);
    expect(made.replaced).toBe(false);
    expect(made.text).toBe('x'.repeat(FIRST_TEXT - 1));
  });

  it('that is empty is empty text', async () => {
    const made = await preview(new Blob([]), 'application/json', 1);
    expect(made).toMatchObject({ text: '', shown: 0, replaced: false });
  });

  it('says it is HTML and is still text', async () => {
    const made = await preview(
      new Blob(['<script>alert(1)</script>']),
      'text/html',
      1
    );
    expect(made).toMatchObject({
      format: 'text',
      text: '<script>alert(1)</script>'
    });
  });
});

describe('JSON on several lines', () => {
  it('keeps digits that numbers of the browser would lose, and keys that come twice', () => {
    expect(indented('{"a":12345678901234567890,"a":1.10}')).toBe(
      '{\n  "a": 12345678901234567890,\n  "a": 1.10\n}'
    );
  });

  it('is made of a beginning too', () => {
    expect(indented('{"a":[1,{"b":"c')).toBe(
      '{\n  "a": [\n    1,\n    {\n      "b": "c'
    );
  });

  it('leaves brackets in texts alone', () => {
    expect(indented('{"a":"[{\\"}]"}')).toBe('{\n  "a": "[{\\"}]"\n}');
  });

  it('does not blow up on a hundred thousand brackets', () => {
    expect(indented('['.repeat(100_000)).length).toBeLessThan(10_000_000);
    expect(indented('[1,'.repeat(20_000)).length).toBeLessThan(10_000_000);
  });
});

describe('characters that hide or turn text', () => {
  it('are written out; lines and tabs stay', () => {
    expect(visible('a\tb\r\nc\u202ed\u0000')).toBe('a\tb\nc\\u202ed\\u0000');
  });

  it('are dots beside the bytes', () => {
    expect(hex(new Uint8Array([0x0a, 0x41]))).toMatch(/\.A$/);
  });
});
