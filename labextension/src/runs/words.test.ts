import { describe, expect, it } from 'vitest';

import { AT, run } from '../../test/runserver';
import { trans } from '../../test/samples';
import { linesOf } from './printed';
import {
  bodyOf,
  formatMetric,
  formatSeconds,
  nameOf,
  parametersOf,
  secondsOf,
  usualSeconds
} from './words';

describe('what is said of runs', () => {
  it.each([
    [0.04, '0.0 s'],
    [9.5, '9.5 s'],
    [59.4, '59 s'],
    [184, '3 min 4 s'],
    [7384, '2 h 3 min']
  ])('%s s is %s', (seconds, said) => {
    expect(formatSeconds(seconds, trans)).toBe(said);
  });

  it.each([
    [0.93123, '0.9312'],
    [12, '12'],
    [1234567.8, '1235000'],
    [1e-9, '1e-9']
  ])('a metric of %s is %s', (value, said) => {
    expect(formatMetric(value)).toBe(said);
  });

  it('names a run by its notebook, on any system', () => {
    expect(nameOf('/work/fit.ipynb')).toBe('fit');
    expect(nameOf('C:\\work\\fit.ipynb')).toBe('fit');
  });

  it('counts from the start to the end, or to now', () => {
    expect(secondsOf(run('a'), 0)).toBe(10);
    expect(secondsOf(run('a', 'running'), (AT + 4) * 1000)).toBe(4);
    expect(secondsOf(run('a', 'queued'), 0)).toBeUndefined();
  });

  it('expects what runs of the same notebook usually took', () => {
    const took = (id: string, seconds: number, spec = {}) =>
      run(id, 'succeeded', { ended_at: AT + seconds, spec });
    const other = took('d', 900, { notebook_sha256: 'e' });
    const failed = run('e', 'failed', { ended_at: AT + 1 });
    const known = [took('a', 10), took('b', 30), took('c', 20), other, failed];
    expect(usualSeconds(run('x', 'running'), known)).toBe(20);
    expect(usualSeconds(run('x', 'running'), [failed])).toBeUndefined();
  });

  it('writes parameters as one line', () => {
    expect(parametersOf({ lr: 0.1, name: 'a b', list: [1] })).toBe(
      'lr=0.1, name=a b, list=[1]'
    );
  });

  it('asks for the same again without what the hub adds', () => {
    const body = bodyOf(run('a', 'failed', { spec: { retries: 2 } }).spec);
    expect(body).toMatchObject({ notebook: '/work/fit.ipynb', retries: 2 });
    expect(Object.keys(body)).not.toContain('trigger');
    expect(Object.keys(body)).not.toContain('notebook_sha256');
    expect(Object.keys(body)).not.toContain('sweep');
  });
});

describe('what a kernel printed', () => {
  it('is without colours, and of what was written over only the last stays', () => {
    const text = '\u001b[31mred\u001b[0m\r\n10 %\r20 %\r\nend\u001b]0;x\u0007';
    expect(linesOf(text)).toEqual(['red', '20 %', 'end']);
  });

  it('makes visible what would turn or hide text', () => {
    expect(linesOf('a\u202eb')[0]).toBe('a\\u202eb');
  });
});
