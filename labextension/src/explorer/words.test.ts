import { nullTranslator } from '@jupyterlab/translation';
import { describe, expect, it } from 'vitest';

import { IRecord } from '../api';
import {
  actionOf,
  agoOf,
  callerOf,
  isoOf,
  latencyOf,
  localOf,
  modelOf,
  outcomeOf,
  sentenceOf,
  statusOf
} from './words';

const trans = nullTranslator.load('mlops_jupyter');
const AT = 1_790_000_000_123_456;
const record = (parts: Partial<IRecord>): IRecord => ({
  index: 1,
  id: 'x',
  kind: 'prediction',
  t_wall_us: AT,
  ...parts
});

describe('a record in words', () => {
  it('names a call by endpoint, model, caller and status', () => {
    const said = sentenceOf(
      record({
        action: 'predict',
        endpoint: 'churn',
        model: { name: 'churn', version: 3 },
        actor: { sub: 'user:ann' },
        status: 200
      }),
      trans
    );
    expect(said).toBe('Call, churn, churn/3, user:ann, 200');
  });

  it('names who it was done for before who did it', () => {
    expect(
      callerOf(
        record({
          actor: { sub: 'user:lab' },
          on_behalf_of: { sub: 'user:alice', method: 'jupyterhub' }
        })
      )
    ).toBe('user:alice');
  });

  it('tells what was asked for from what came of it', () => {
    const intent = record({
      kind: 'control',
      action: 'scale',
      phase: 'intent'
    });
    expect(statusOf(intent, trans)).toBe('asked for');
    expect(outcomeOf(intent)).toBe('open');
    const failed = record({ status: 429, error: 'overloaded' });
    expect(statusOf(failed, trans)).toBe('429 overloaded');
    expect(outcomeOf(failed)).toBe('bad');
  });

  it.each([
    [
      { kind: 'run', action: 'run.submit', actor: { sub: 'user:ann' } },
      'Ask for a run, fit 8f1c23, user:ann'
    ],
    [
      { kind: 'run', action: 'run.end', status: 500, error: 'cell_failed' },
      'Run ended, fit 8f1c23, 500 cell_failed'
    ],
    [
      {
        kind: 'run',
        action: 'run.verdict',
        detail: { verdict: 'within_tolerance' }
      },
      'Repeat compared, fit 8f1c23 within tolerance'
    ],
    [
      {
        kind: 'control',
        action: 'schedule.suspend',
        detail: { schedule: 'nightly' },
        status: 200
      },
      'Suspend schedule, nightly, 200'
    ],
    [
      {
        kind: 'control',
        action: 'sweep.end',
        detail: { sweep: '5eed5eed5eed', notebook: '/work/tune.ipynb' },
        status: 200
      },
      'Sweep ended, tune 5eed5e, 200'
    ]
  ])('tells which run, schedule or sweep it was: %#', (parts, sentence) => {
    const run = { id: '8f1c2345d6e7', notebook: '/work/fit.ipynb' };
    const about = parts.kind === 'run' ? { run, ...parts } : parts;
    expect(sentenceOf(record(about), trans)).toBe(sentence);
  });

  it('shows an action that it does not know as it is', () => {
    expect(actionOf(record({ action: 'my.own' }), trans)).toBe('my.own');
  });

  it('has no hidden characters, and is short whatever the names are', () => {
    const said = sentenceOf(
      record({ endpoint: '\u202e<b>', actor: { sub: 'y'.repeat(10_000) } }),
      trans
    );
    expect(said).toContain('\\u202e<b>');
    expect(said.length).toBeLessThan(300);
  });

  it('takes values of unexpected kinds as text', () => {
    const odd = record({
      model: { name: { a: 1 }, version: null }
    } as unknown as Partial<IRecord>);
    expect(modelOf(odd)).toBe('[object Object]');
    expect(
      statusOf(record({ error: null } as unknown as Partial<IRecord>), trans)
    ).toBe('');
  });
});

describe('figures', () => {
  it('are short', () => {
    expect(latencyOf(3210)).toBe('3.2 ms');
    expect(latencyOf(321_000)).toBe('321 ms');
    expect(latencyOf(32_100_000)).toBe('32.1 s');
    expect(latencyOf(undefined)).toBe('');
  });
});

describe('times', () => {
  it('have the whole moment in UTC, to the microsecond', () => {
    expect(isoOf(AT)).toBe('2026-09-21T14:13:20.123456Z');
  });

  it('are local and of fixed width', () => {
    expect(localOf(AT)).toMatch(/^2026-09-2\d \d\d:\d\d:20\.123$/);
    expect(localOf(AT).length).toBe(localOf(0).length);
  });

  it('are told by their distance', () => {
    const ago = (seconds: number) =>
      agoOf(AT, AT / 1000 + seconds * 1000, trans);
    expect(ago(2)).toBe('now');
    expect(ago(-5)).toBe('now');
    expect(ago(45)).toBe('45 s ago');
    expect(ago(150)).toBe('2 min ago');
    expect(ago(7300)).toBe('2 h ago');
    expect(ago(86_400)).toBe('1 day ago');
  });

  it('that are absurd break nothing', () => {
    expect(isoOf(NaN)).toBe('');
    expect(localOf(1e300)).toBe('–');
    expect(agoOf(NaN, 0, trans)).toBe('–');
  });
});
