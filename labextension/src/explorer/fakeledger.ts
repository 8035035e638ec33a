/** For tests: the part of the hub that searches. */

import { Signal } from '@lumino/signaling';

import { ApiError, IFilter, IRecord, IRecordPage } from '../api';

/** When the first record was written. */
export const BEGAN = 1_790_000_000;

interface IAskedPage extends IFilter {
  limit?: number;
  before?: number | null;
}

/** A ledger that is searched as the hub does it: newest first, by cursor, in pieces. */
export class FakeLedger {
  records: IRecord[] = [];
  /** So many records are looked at for one page. */
  scan = Infinity;
  /** So many of the newest cannot be found yet. */
  lag = 0;
  fault: ApiError | undefined;
  /** Milliseconds that an answer takes. */
  answersAfter = 0;
  readonly asked: IAskedPage[] = [];
  private readonly owner = {};
  readonly grew = new Signal<object, number | undefined>(this.owner);

  readonly api = {
    records: async (
      filter: IFilter,
      options: { limit?: number; before?: number | null } = {}
    ): Promise<IRecordPage> => {
      this.asked.push({ ...filter, ...options });
      await Promise.resolve();
      if (this.fault) {
        throw this.fault;
      }
      const page = this.page(filter, options.limit ?? 50, options.before);
      if (this.answersAfter > 0) {
        await new Promise(answer => setTimeout(answer, this.answersAfter));
      }
      return page;
    }
  };

  add(count: number, parts: Partial<IRecord> = {}): void {
    for (let at = 0; at < count; at++) {
      const index = this.records.length;
      const t_wall_us = (BEGAN + index) * 1e6;
      this.records.push({
        index,
        id: `id-${index}`,
        kind: 'prediction',
        endpoint: 'churn',
        t_wall_us,
        ...parts
      });
    }
  }

  grow(count: number, parts: Partial<IRecord> = {}): void {
    this.add(count, parts);
    this.grew.emit(this.records.length);
  }

  private page(
    filter: IFilter,
    limit: number,
    before?: number | null
  ): IRecordPage {
    const size = this.records.length;
    const indexed = size - this.lag;
    const found: IRecord[] = [];
    let next: number | null = null;
    let at = Math.min(before ?? indexed, indexed);
    for (let looked = 0; at > 0; looked++) {
      if (found.length === limit || looked >= this.scan) {
        next = at;
        break;
      }
      const record = this.records[--at];
      const fits =
        (!filter.endpoint || record.endpoint === filter.endpoint) &&
        record.t_wall_us >= (filter.since ?? 0) * 1e6;
      if (fits) {
        found.push(record);
      }
    }
    return { records: found, next, size, indexed };
  }
}
