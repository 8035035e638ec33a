/** What came since a list was read: fetched page by page from the head of the ledger. */

import { Api, IFilter, IRecord, IRecordPage } from '../api';

/** Pages that are fetched one after the other before starting anew. */
const PAGES = 3;
/** Seconds that clocks may have been set back by without a new record being overlooked. */
const CLOCK_SLACK = 600;

export interface INewer {
  /** Newest first. */
  found: IRecord[];
  /** The page at the head. */
  newest: IRecordPage;
  /** Cursor of what was not fetched because there is so much; undefined when all was found. */
  next?: number;
}

/**
 * What fits among the records from index `mark` on; undefined when `stale` says that nobody wants
 * it any more, `another` when the ledger is not the one that the mark is of. `every` says that all
 * records fit, so that the first page tells whether there are too many.
 */
export async function fetchNewer(
  api: Pick<Api, 'records'>,
  filter: IFilter,
  options: { mark: number; limit: number; every: boolean; stale: () => boolean }
): Promise<INewer | 'another' | undefined> {
  const { mark, limit, every, stale } = options;
  const found: IRecord[] = [];
  let newest: IRecordPage | undefined;
  let page: IRecordPage | undefined;
  for (let pages = 0; pages < PAGES; pages++) {
    page = await api.records(filter, { limit, before: page?.next });
    if (stale()) {
      return undefined;
    }
    if (page.size < mark) {
      return 'another';
    }
    newest ??= page;
    const fresh = page.records.filter(record => record.index >= mark);
    found.push(...fresh);
    if (
      fresh.length < page.records.length ||
      page.next === null ||
      page.next <= mark
    ) {
      return { found, newest };
    }
    if (every && page.next - mark > (PAGES - 1 - pages) * limit) {
      break;
    }
  }
  return { found, newest: newest!, next: page!.next! };
}

/** A search that finds little must not go through the whole ledger each time. */
export function narrowed(filter: IFilter, newest: IRecord): IFilter {
  const since = Math.floor(newest.t_wall_us / 1e6) - CLOCK_SLACK;
  return { ...filter, since: Math.max(since, filter.since ?? 0) };
}
