import { describe, expect, it } from 'vitest';

import { IFilter, IRecord, IRecordPage } from '../api';
import { ISpan, parentOf, readRun, treeOf } from './run';

let count = 0;

function record(
  span: string,
  parent = '',
  more: Partial<IRecord> & { at?: number; run?: string } = {}
): IRecord {
  const { at = 0, run = 'run', ...rest } = more;
  return {
    index: ++count,
    id: `id-${span}`,
    kind: 'prediction',
    t_wall_us: 1_790_000_000_000_000,
    request_id: 'request',
    trace: { span },
    pipeline: {
      run,
      at_us: at,
      ...(parent ? { step: span, parent, name: 'clips' } : {})
    },
    ...rest
  };
}

function shape(spans: ISpan[]): unknown[] {
  return spans.map(({ record, inner }) =>
    inner.length > 0 ? [record.trace?.span, shape(inner)] : record.trace?.span
  );
}

describe('the records of a run', () => {
  it('are a tree, in the order in which they began', () => {
    const records = [
      record('c', 'root', { at: 30 }),
      record('inner', 'b', { at: 25 }),
      record('b', 'root', { at: 20 }),
      record('a', 'root', { at: 10 }),
      record('root')
    ];
    const tree = treeOf(records, 'run');
    expect(shape(tree)).toEqual([['root', ['a', ['b', ['inner']], 'c']]]);
    expect(parentOf(records[1], tree)?.trace?.span).toBe('b');
    expect(parentOf(records[4], tree)).toBeUndefined();
  });

  it('are those of one run only', () => {
    const records = [record('root'), record('else', '', { run: 'other' })];
    expect(shape(treeOf(records, 'run'))).toEqual(['root']);
  });

  it('stand at the root when what led to them is lost', () => {
    expect(shape(treeOf([record('a', 'lost')], 'run'))).toEqual(['a']);
  });

  it('end, even where they say that they lead to themselves', () => {
    const records = [record('a', 'a'), record('b', 'c'), record('c', 'b')];
    expect(shape(treeOf(records, 'run'))).toEqual(['a']);
    const twice = [record('s'), record('t', 's'), record('s', 't')];
    expect(shape(treeOf(twice, 'run'))).toEqual([['s', ['t']]]);
  });

  it('are searched for by their request, page by page', async () => {
    const root = record('root', '', { latency_us: 5000 });
    const asked: unknown[] = [];
    const pages: IRecord[][] = [[record('a', 'root', { at: 9 })], [root]];
    const api = {
      records: async (
        filter: IFilter,
        options: { before?: number | null } = {}
      ): Promise<IRecordPage> => {
        asked.push([filter.text, options.before]);
        const records = pages.shift() ?? [];
        return { records, next: pages.length || null, size: 2, indexed: 2 };
      }
    };
    const run = await readRun(root, api);
    expect(shape(run.spans)).toEqual([['root', ['a']]]);
    expect(run).toMatchObject({ took: 5000, partial: false });
    expect(asked).toEqual([
      ['request', null],
      ['request', 1]
    ]);
  });

  it('may be too many to be read, which is said', async () => {
    const page = { records: [record('root')], next: 7, size: 1, indexed: 1 };
    const run = await readRun(record('root'), { records: async () => page });
    expect(run.partial).toBe(true);
  });
});
