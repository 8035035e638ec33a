/** One run of a pipeline as the ledger tells it: its records as a tree. */

import { Api, IRecord } from '../api';

const LONGEST_SECONDS = 3600;
/** Seconds by which clocks of two records of one run may differ. */
const SLACK = 2;
const PAGE = 1000;
/** A search may give short pages; no more of them than this. */
const MOST_PAGES = 10;

export interface ISpan {
  record: IRecord;
  /** The records of the calls that it led to, in their order. */
  inner: ISpan[];
}

export interface IRun {
  spans: ISpan[];
  /** Microseconds from the beginning to the last end. */
  took: number;
  /** Whether there may be more than was found. */
  partial: boolean;
}

/** The whole run that a record belongs to. */
export async function readRun(
  record: IRecord,
  api: Pick<Api, 'records'>
): Promise<IRun> {
  const { run = '', step, at_us = 0 } = record.pipeline ?? {};
  const at = record.t_wall_us / 1e6;
  const took = ((record.latency_us ?? 0) + at_us) / 1e6;
  const filter = {
    text: record.request_id ?? run,
    since: at - took - SLACK,
    // a step's record says nothing of how long the rest took
    until: at + (step === undefined ? SLACK : LONGEST_SECONDS)
  };
  const found: IRecord[] = [];
  let before: number | null = null;
  for (let pages = 0; pages < MOST_PAGES; pages++) {
    const page = await api.records(filter, { limit: PAGE, before });
    found.push(...page.records);
    before = page.next;
    if (before === null) {
      break;
    }
  }
  const spans = treeOf(found, run);
  return { spans, took: endOf(spans), partial: before !== null };
}

/** The records of a run as a tree; what a lost record led to stands at the root. */
export function treeOf(records: IRecord[], run: string): ISpan[] {
  const mine = records.filter(record => record.pipeline?.run === run);
  const spans = new Set(mine.map(spanOf));
  const inside = new Map<string, IRecord[]>();
  for (const record of mine) {
    const parent = record.pipeline?.parent ?? '';
    const key = spans.has(parent) && parent !== spanOf(record) ? parent : '';
    inside.set(key, [...(inside.get(key) ?? []), record]);
  }
  const grown = (parent: string, seen: Set<string>): ISpan[] =>
    (inside.get(parent) ?? [])
      .filter(record => !seen.has(spanOf(record)))
      .sort((one, other) => beginOf(one) - beginOf(other))
      .map(record => {
        const span = spanOf(record);
        return {
          record,
          inner: span ? grown(span, new Set([...seen, span])) : []
        };
      });
  return grown('', new Set());
}

/** The record of the pipeline that asked a step. */
export function parentOf(record: IRecord, spans: ISpan[]): IRecord | undefined {
  const parent = record.pipeline?.parent;
  for (const span of spans) {
    if (parent && spanOf(span.record) === parent) {
      return span.record;
    }
    const found = parentOf(record, span.inner);
    if (found) {
      return found;
    }
  }
  return undefined;
}

/** Microseconds after the run began. */
export function beginOf(record: IRecord): number {
  return record.pipeline?.at_us ?? 0;
}

function endOf(spans: ISpan[]): number {
  return Math.max(
    0,
    ...spans.flatMap(({ record, inner }) => [
      beginOf(record) + (record.latency_us ?? 0),
      endOf(inner)
    ])
  );
}

function spanOf(record: IRecord): string {
  return record.trace?.span ?? '';
}
