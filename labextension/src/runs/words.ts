/** What is said of runs: states, times, values. */

import { plain, Trans } from '../react';
import { CellState, IRun, IRunBody, IRunSpec, RunState } from './types';

const ENDS: readonly string[] = [
  'succeeded',
  'failed',
  'cancelled',
  'timed_out',
  'lost',
  'skipped'
];

export function isEnd(state: string): boolean {
  return ENDS.includes(state);
}

/** The notebook's file name without its ending. */
export function nameOf(path: string): string {
  const file = path.replace(/\\/g, '/').split('/').pop() ?? '';
  return file.replace(/\.ipynb$/, '') || path;
}

/** Enough of an id to tell it from the others that one is likely to see. */
export function shortId(id: string): string {
  return id.slice(0, 6);
}

export function stateWord(state: RunState | string, trans: Trans): string {
  switch (state) {
    case 'queued':
      return trans.__('queued');
    case 'starting':
      return trans.__('starting');
    case 'running':
      return trans.__('running');
    case 'succeeded':
      return trans.__('succeeded');
    case 'failed':
      return trans.__('failed');
    case 'cancelled':
      return trans.__('cancelled');
    case 'timed_out':
      return trans.__('timed out');
    case 'lost':
      return trans.__('lost');
    case 'skipped':
      return trans.__('skipped');
    default:
      return plain(state, 20);
  }
}

/** How a state is to be taken, for its mark. */
export function moodOf(state: string): 'good' | 'bad' | 'coming' | 'off' {
  switch (state) {
    case 'succeeded':
      return 'good';
    case 'failed':
    case 'timed_out':
    case 'lost':
      return 'bad';
    case 'cancelled':
    case 'skipped':
      return 'off';
    default:
      return 'coming';
  }
}

export function cellWord(state: CellState, trans: Trans): string {
  switch (state) {
    case 'pending':
      return trans.__('waits');
    case 'running':
      return trans.__('runs');
    case 'completed':
      return trans.__('done');
    case 'failed':
      return trans.__('failed');
    case 'cancelled':
      return trans.__('cancelled');
    default:
      return trans.__('unknown');
  }
}

/** 184 is "3 min 4 s". */
export function formatSeconds(seconds: number, trans: Trans): string {
  if (seconds < 9.95) {
    return trans.__('%1 s', Math.max(0, seconds).toFixed(1));
  }
  const whole = Math.round(seconds);
  if (whole < 60) {
    return trans.__('%1 s', whole);
  }
  if (whole < 3600) {
    return trans.__('%1 min %2 s', Math.floor(whole / 60), whole % 60);
  }
  return trans.__(
    '%1 h %2 min',
    Math.floor(whole / 3600),
    Math.floor((whole % 3600) / 60)
  );
}

/** Seconds since it started, or that it took; undefined before it has. `now` is in milliseconds. */
export function secondsOf(run: IRun, now: number): number | undefined {
  return run.started_at === null
    ? undefined
    : Math.max(0, (run.ended_at ?? now / 1000) - run.started_at);
}

/** Seconds that a run of the same notebook took, by the middle of those known; undefined without. */
export function usualSeconds(
  run: IRun,
  known: Iterable<IRun>
): number | undefined {
  const took: number[] = [];
  for (const { spec, state, started_at, ended_at } of known) {
    if (
      state === 'succeeded' &&
      spec.notebook_sha256 === run.spec.notebook_sha256 &&
      started_at !== null &&
      ended_at !== null
    ) {
      took.push(ended_at - started_at);
    }
  }
  took.sort((one, two) => one - two);
  return took[Math.floor(took.length / 2)];
}

/** A metric with as many digits as tell something. */
export function formatMetric(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e9) {
    return String(value);
  }
  return String(Number(value.toPrecision(4)));
}

/** A parameter's value, short. */
export function formatValue(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

/** `lr=0.1, depth=3`. */
export function parametersOf(parameters: Record<string, unknown>): string {
  return Object.entries(parameters)
    .map(([name, value]) => `${name}=${formatValue(value)}`)
    .join(', ');
}

export function metricsOf(metrics: Record<string, number>): string {
  return Object.entries(metrics)
    .map(([name, value]) => `${name} ${formatMetric(value)}`)
    .join(', ');
}

/** What asks for the same again. */
export function bodyOf(spec: IRunSpec): IRunBody {
  const { notebook_sha256: _1, trigger: _2, sweep: _3, ...body } = spec;
  return body;
}
