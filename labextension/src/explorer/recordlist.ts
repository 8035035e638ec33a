/** The records that fit a question, newest first: paged by cursor, live at their head. */

import { DisposableDelegate, IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { Api, ApiError, IFilter, IRecord, IRecordPage } from '../api';
import { Pace } from '../pace';
import { asApiError } from '../value';
import { IAsked, countAsked, filterOf } from './asked';
import { fetchNewer, INewer, narrowed } from './newer';

/** Rows of the first page, so that it is soon there, and of those that follow. */
const FIRST_PAGE = 50;
const PAGE = 200;
/** The most rows that are held at once. */
export const MOST_ROWS = 100_000;
/** Rows above which a list that nobody scrolls forgets its end. */
const TRIM_ABOVE = 2000;
const TRIM_TO = 1000;
/** The most new records that wait before starting anew, and that are fetched at once. */
export const MOST_WAITING = 200;
const NEWER_PAGE = 100;

/** What of the store is needed. */
export interface IRecordSource {
  readonly api: Pick<Api, 'records'>;
  readonly grew: ISignal<unknown, number | undefined>;
}

export class RecordList implements IDisposable {
  constructor(
    private readonly source: IRecordSource,
    asked: IAsked = {}
  ) {
    this._asked = asked;
    this._filter = filterOf(asked, Date.now());
  }

  /** Emitted after every change of what can be read here. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Newest first; a new array whenever it is another. */
  get records(): readonly IRecord[] {
    return this._records;
  }

  get asked(): IAsked {
    return this._asked;
  }

  get error(): ApiError | undefined {
    return this._error;
  }

  /** Whether a page is being fetched: the first one, or one that follows. */
  get loading(): 'first' | 'more' | undefined {
    return this._running ? (this.loaded ? 'more' : 'first') : undefined;
  }

  /** Whether the present question has had its first answer. */
  get loaded(): boolean {
    return this._next !== undefined;
  }

  /** Whether there is nothing older. */
  get complete(): boolean {
    return this._next === null;
  }

  /** Whether there is more, but more than anybody scrolls through. */
  get full(): boolean {
    return !this.complete && this._records.length >= MOST_ROWS;
  }

  /** How much of the ledger has been looked at, 0 to 1. */
  get searched(): number {
    if (!this._next) {
      return this._next === null ? 1 : 0;
    }
    return this._mark > 0 ? 1 - this._next / this._mark : 0;
  }

  /** How many newer records wait to be shown; `manyNewer` says that there are yet more. */
  get newer(): number {
    return this._waiting.length + this._uncounted;
  }

  get manyNewer(): boolean {
    return this._overflow;
  }

  /** Counts how often newer records were put on top: the list is looked at from its head then. */
  get renewed(): number {
    return this._renewed;
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  dispose(): void {
    this._disposed = true;
    this._generation++;
    this.source.grew.disconnect(this.onGrew, this);
    this._pace.stop();
    Signal.clearData(this);
  }

  /** Keep it live until the returned object is disposed of. */
  watch(): IDisposable {
    if (this._watchers++ === 0) {
      this.source.grew.connect(this.onGrew, this);
      this.onGrew(undefined, undefined);
    }
    return new DisposableDelegate(() => {
      if (--this._watchers === 0) {
        this.source.grew.disconnect(this.onGrew, this);
        this._pace.stop();
      }
    });
  }

  /** Ask for something else; the rows of before stay until the answer is there. */
  ask(asked: IAsked): void {
    this._asked = asked;
    this.reload();
  }

  /** Ask the same again, from the head. */
  reload(): void {
    this._generation++;
    this._filter = filterOf(this._asked, Date.now());
    this._next = undefined;
    this._seen = 0;
    this._wanted = FIRST_PAGE;
    this._running = false;
    this.dropWaiting();
    this._error = undefined;
    this._changed.emit();
    void this.load();
  }

  /** See to it that so many rows are there, if there are so many. */
  want(count: number): void {
    if (count > this._wanted) {
      this._wanted = Math.min(count, MOST_ROWS);
    }
    if (this._error === undefined) {
      void this.load();
    }
  }

  /** While held, newer records are counted but not shown. */
  hold(held: boolean): void {
    if (held === this._held) {
      return;
    }
    this._held = held;
    if (!held) {
      this.showNewer();
    }
  }

  /** Put the newer records on top, however many. */
  showNewer(): void {
    this._renewed++;
    if (this._overflow) {
      this.reload();
      return;
    }
    const uncounted = this._uncounted > 0;
    this.put(this._waiting, this._records);
    this.dropWaiting();
    this._changed.emit();
    if (uncounted) {
      void this.look(true);
    }
  }

  /** After an error. */
  retry(): void {
    this.onGrew(undefined, undefined);
  }

  private onGrew(_: unknown, size: number | undefined): void {
    if (size === undefined) {
      this._unsure = true;
    } else {
      this._seen = Math.max(this._seen, size);
    }
    if (this.lacking()) {
      void this.load();
    }
    if (this.loaded) {
      this._pace.soon();
    }
  }

  /** Fetch rows at the end until there are as many as wanted. */
  private async load(): Promise<void> {
    if (this._running || this._disposed || this._watchers === 0) {
      return;
    }
    const generation = this._generation;
    this._running = true;
    try {
      while (this.lacking()) {
        this._changed.emit();
        const first = !this.loaded;
        if (first) {
          this._unsure = false;
        }
        const page = await this.source.api.records(this._filter, {
          limit: first ? FIRST_PAGE : PAGE,
          before: this._next
        });
        if (generation !== this._generation) {
          return;
        }
        this._error = undefined;
        this.append(page, first);
      }
    } catch (error) {
      if (generation === this._generation) {
        this._error = asApiError(error);
      }
    } finally {
      if (generation === this._generation) {
        this._running = false;
        this._changed.emit();
      }
    }
  }

  private lacking(): boolean {
    return (
      this._watchers > 0 &&
      (!this.loaded || (!this.complete && this._records.length < this._wanted))
    );
  }

  private append(page: IRecordPage, first: boolean): void {
    if (first) {
      this._records = page.records;
      this._mark = page.indexed;
      this.stayAwake(page);
      // more may have been said while the page was fetched
      if (this._watchers > 0 && (this._unsure || this._seen > page.size)) {
        this._pace.soon();
      }
    } else {
      this._records = [...this._records, ...page.records];
    }
    this._next = page.next;
  }

  /** Fetch what is newer than the newest known, if there is anything. */
  private async look(shown: boolean): Promise<void> {
    const behind = this._unsure || this._seen > this._mark;
    if (this._pace.looking || !this.loaded || !behind || this._disposed) {
      return;
    }
    if (this._held && !shown && (this._overflow || !this.searching)) {
      this.countUnseen();
      return;
    }
    const generation = this._generation;
    this._pace.began();
    this._unsure = false;
    try {
      await this.fetchNewer(generation, shown || !this._held);
      this._error = undefined;
    } catch (error) {
      if (generation === this._generation) {
        this._error = asApiError(error);
      }
    } finally {
      this._pace.ended();
      this._changed.emit();
    }
  }

  private async fetchNewer(generation: number, shown: boolean): Promise<void> {
    const news = await fetchNewer(this.source.api, this.newerFilter(), {
      mark: this._mark,
      limit: this.newerLimit(),
      every: !this.searching,
      stale: () => generation !== this._generation
    });
    if (news === undefined) {
      return;
    }
    if (news === 'another') {
      this.reload();
    } else if (news.next === undefined) {
      this.accept(news, shown);
    } else if (shown) {
      this.startAnew(news);
    } else {
      this._overflow = true;
    }
  }

  /** All that is newer was found. */
  private accept({ found, newest }: INewer, shown: boolean): void {
    this.stayAwake(newest);
    this._mark = Math.max(this._mark, newest.indexed);
    this._uncounted = 0;
    if (shown) {
      this.put(found, this._records);
    } else {
      this._waiting = [...found, ...this._waiting];
      this._overflow = this._waiting.length > MOST_WAITING;
    }
  }

  /** So much came that what is between would take long to fetch. */
  private startAnew({ found, newest, next }: INewer): void {
    this._generation++;
    this._running = false;
    this._records = found;
    this._next = next;
    this._wanted = found.length;
    this.stayAwake(newest);
    this._mark = newest.indexed;
  }

  private put(newer: readonly IRecord[], older: readonly IRecord[]): void {
    if (newer.length === 0) {
      return;
    }
    let records = [...newer, ...older];
    if (!this._held && !this._running && records.length > TRIM_ABOVE) {
      records = records.slice(0, TRIM_TO);
      this._next = records[TRIM_TO - 1].index;
      this._wanted = TRIM_TO;
    }
    this._records = records;
  }

  /** Without a filter each new record is one to show: there is nothing to ask for. */
  private countUnseen(): void {
    this._uncounted = Math.max(0, this._seen - this._mark);
    this._overflow = this._overflow || this._uncounted > MOST_WAITING;
    this._changed.emit();
  }

  /** What is written but cannot be found yet is looked for again. */
  private stayAwake(page: IRecordPage): void {
    this._seen = Math.max(this._seen, page.size);
    if (page.indexed > this._mark) {
      this._pace.caughtUp();
    }
    if (page.size > page.indexed && this._watchers > 0) {
      this._pace.later();
    }
  }

  private get searching(): boolean {
    return countAsked(this._asked) > 0;
  }

  private newerFilter(): IFilter {
    const newest = this._waiting[0] ?? this._records[0];
    return this.searching && newest !== undefined
      ? narrowed(this._filter, newest)
      : this._filter;
  }

  private newerLimit(): number {
    const missing = this._seen - this._mark;
    return this.searching || missing < 1
      ? FIRST_PAGE
      : Math.min(missing, NEWER_PAGE);
  }

  private dropWaiting(): void {
    this._waiting = [];
    this._uncounted = 0;
    this._overflow = false;
  }

  private readonly _changed = new Signal<this, void>(this);
  private readonly _pace = new Pace(() => void this.look(false));
  private _asked: IAsked;
  private _filter: IFilter;
  private _records: readonly IRecord[] = [];
  private _waiting: readonly IRecord[] = [];
  private _uncounted = 0;
  private _overflow = false;
  private _renewed = 0;
  /** Cursor of the next page; undefined before the first, null after the last. */
  private _next: number | null | undefined;
  private _wanted = FIRST_PAGE;
  /** All records below this index have been looked at. */
  private _mark = 0;
  /** The ledger's size as last heard, and whether it may be another. */
  private _seen = 0;
  private _unsure = false;
  private _held = false;
  private _running = false;
  private _error: ApiError | undefined;
  private _generation = 0;
  private _watchers = 0;
  private _disposed = false;
}
