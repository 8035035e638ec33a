/** What a reader asks the history for, as it is kept and handed on. */

import { IFilter } from '../api';

/** A filter whose time may be "the last so many seconds", counted anew each time it is asked. */
export interface IAsked extends IFilter {
  last?: number;
}

const TEXTS = [
  'endpoint',
  'model',
  'caller',
  'kind',
  'action',
  'text'
] as const;
const NUMBERS = ['version', 'status', 'since', 'until', 'last'] as const;
/** The longest text that the ledger searches for. */
export const MOST_TEXT = 256;

/** What the server is asked when it is `now` (milliseconds). */
export function filterOf(asked: IAsked, now: number): IFilter {
  const { last, ...filter } = asked;
  return last === undefined
    ? filter
    : { ...filter, since: Math.floor(now / 1000) - last };
}

/** What of an unknown value is a question: it may come from a kept state or a command's caller. */
export function readAsked(found: unknown): IAsked {
  if (typeof found !== 'object' || found === null) {
    return {};
  }
  const from = found as Record<string, unknown>;
  const asked: Record<string, unknown> = {};
  for (const name of TEXTS) {
    const value = from[name];
    if (typeof value === 'string' && value !== '') {
      asked[name] = value.slice(0, MOST_TEXT);
    }
  }
  for (const name of NUMBERS) {
    const value = from[name];
    if (typeof value === 'number' && Number.isFinite(value) && value >= 0) {
      asked[name] = value;
    }
  }
  if (from.failed === true) {
    asked.failed = true;
  }
  return asked as IAsked;
}

/** The question with some of its parts changed; a part that is undefined or empty is left out. */
export function changed(asked: IAsked, parts: Partial<IAsked>): IAsked {
  return readAsked({ ...asked, ...parts });
}

/** How many things are asked for. */
export function countAsked(asked: IAsked): number {
  return Object.keys(asked).length;
}

export function sameAsked(one: IAsked, two: IAsked): boolean {
  const [a, b] = [readAsked(one), readAsked(two)] as Record<string, unknown>[];
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every(name => a[name] === b[name])
  );
}
