import { describe, expect, it } from 'vitest';

import { align, sideBySide } from './align';
import { codeCells } from './document';

const shown = (left: string, right: string): string[] =>
  sideBySide(align([...left], [...right])).map(
    pair => `${pair.left ?? '-'}${pair.right ?? '-'}`
  );

describe('two lists', () => {
  it.each([
    ['abc', 'abc', ['aa', 'bb', 'cc']],
    ['abc', 'axc', ['aa', 'bx', 'cc']],
    ['abc', 'ac', ['aa', 'b-', 'cc']],
    ['ac', 'abc', ['aa', '-b', 'cc']],
    ['', 'ab', ['-a', '-b']],
    ['abcd', 'bxd', ['a-', 'bb', 'cx', 'dd']],
    ['', '', []]
  ])('%s beside %s', (left, right, pairs) => {
    expect(shown(left, right)).toEqual(pairs);
  });

  it('that are long and wholly different are aligned at once', () => {
    const many = (sign: string) =>
      Array.from({ length: 5000 }, (_, at) => `${sign}${at}`);
    expect(align(many('a'), many('b'))).toHaveLength(10_000);
  });
});

describe('a notebook as text', () => {
  it('has its code cells with what they put out', () => {
    const cells = codeCells({
      cells: [
        { cell_type: 'markdown', source: '# x' },
        {
          cell_type: 'code',
          source: ['a = 1\n', 'a'],
          outputs: [
            { output_type: 'stream', text: ['\u001b[1mone\u001b[0m\n'] },
            {
              output_type: 'execute_result',
              data: { 'text/plain': ['1'], 'text/html': '<b>1</b>' }
            },
            { output_type: 'display_data', data: { 'image/png': 'iVBO' } },
            { output_type: 'error', ename: 'E', evalue: 'why' }
          ]
        }
      ]
    });
    expect(cells).toHaveLength(1);
    expect(cells[0].source).toBe('a = 1\na');
    expect(cells[0].outputs).toMatch(
      /^one\n1\n\[image\/png, 4 bytes, [0-9a-f]{8}\]\nE: why$/
    );
  });

  it('tells two pictures apart', () => {
    const picture = (data: string) =>
      codeCells({
        cells: [
          {
            cell_type: 'code',
            outputs: [
              { output_type: 'display_data', data: { 'image/png': data } }
            ]
          }
        ]
      })[0].outputs;
    expect(picture('AAAA')).not.toBe(picture('AAAB'));
  });

  it.each([undefined, null, 3, {}, { cells: [null, {}] }])(
    'is empty where there is none: %s',
    document => {
      expect(codeCells(document)).toEqual([]);
    }
  );
});
