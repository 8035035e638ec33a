/** The runs and sweeps as the sidebar shows them: newest first, paged, and live. */

import { DisposableDelegate, IDisposable } from '@lumino/disposable';
import { Throttler } from '@lumino/polling';
import { ISignal, Signal } from '@lumino/signaling';

import { ApiError } from '../api';
import { IChange, Store } from '../store';
import { asApiError } from '../value';
import { RunApi } from './api';
import { IRun, IRunPage, ISweep } from './types';

/** Runs of the first page, so that it is soon there, and of those that follow. */
const FIRST_PAGE = 50;
const PAGE = 200;
/** Changes that come together are read together. */
const STEP_MS = 150;
/** So many runs are read one by one; more are read as a page. */
const FEW = 4;

/** What the list shows in one place: a run by itself, or a sweep in the place of its runs. */
export type Item = { key: string; at: number } & (
  { run: IRun } | { sweep: ISweep }
);

export class RunList {
  constructor(
    store: Store,
    readonly api = new RunApi(store.api)
  ) {
    store.told.connect(this.onTold, this);
  }

  /** Emitted after every change of what can be read here. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Whether the first page has come. */
  get loaded(): boolean {
    return this._next !== undefined;
  }

  get complete(): boolean {
    return this._next === null;
  }

  get loading(): boolean {
    return this._loading;
  }

  get error(): ApiError | undefined {
    return this._error;
  }

  /** All that are known, in no order. */
  get runs(): Iterable<IRun> {
    return this._runs.values();
  }

  /** Newest first. */
  get items(): Item[] {
    let oldest = this.complete ? 0 : Infinity;
    for (const run of this._runs.values()) {
      if (run.spec.sweep === null) {
        oldest = Math.min(oldest, run.submitted_at);
      }
    }
    const known = new Set(this._sweeps.map(({ id }) => id));
    const items: Item[] = this._sweeps
      .filter(sweep => sweep.submitted_at >= oldest)
      .map(sweep => ({ key: sweep.id, at: sweep.submitted_at, sweep }));
    for (const run of this._runs.values()) {
      // of a sweep that is not known yet its runs are better than nothing
      if (run.spec.sweep === null || !known.has(run.spec.sweep)) {
        items.push({ key: run.id, at: run.submitted_at, run });
      }
    }
    return items.sort(
      (one, two) => two.at - one.at || (one.key < two.key ? 1 : -1)
    );
  }

  run(id: string): IRun | undefined {
    return this._runs.get(id);
  }

  /** The run that waits to be compared with another. */
  get chosen(): string | undefined {
    return this._chosen;
  }

  set chosen(id: string | undefined) {
    this._chosen = id;
    this._changed.emit();
  }

  isOpen(id: string): boolean {
    return this._open.has(id);
  }

  /** Unfold it, with its cells and record, or fold it. */
  setOpen(id: string, open: boolean): void {
    if (open) {
      this._open.add(id);
    } else {
      this._open.delete(id);
    }
    this._changed.emit();
  }

  /** Unfold a run, its sweep too, wherever it is in the list. */
  async show(id: string): Promise<void> {
    this.setOpen(id, true);
    await this.read(id);
    const sweep = this._runs.get(id)?.spec.sweep;
    if (sweep) {
      this.setOpen(sweep, true);
    }
    this._shown = id;
    this._changed.emit();
  }

  /** The run that is to be scrolled to; asked for once. */
  takeShown(): string | undefined {
    const shown = this._shown;
    this._shown = undefined;
    return shown;
  }

  /** Keep it fresh until the returned object is disposed of. */
  watch(): IDisposable {
    this._watchers++;
    if (this._stale) {
      void this.refresh();
    }
    return new DisposableDelegate(() => {
      this._watchers--;
      this._stale = this._watchers === 0;
    });
  }

  /** Read the newest again, and all that is open. */
  refresh(): Promise<void> {
    return this.reading(async () => {
      this._stale = false;
      await this.readHead();
      const open = [...this._open].filter(id => this._runs.has(id));
      await Promise.all(open.map(id => this.readRun(id)));
    });
  }

  /** Read on. */
  older(): Promise<void> {
    return this.reading(async () => {
      const page = await this.page(PAGE, this._next);
      page.runs.forEach(run => this.take(run));
      this._next = page.next;
    });
  }

  /** Read one with its cells and record. */
  async read(id: string): Promise<void> {
    await this.reading(() => this.readRun(id));
  }

  /** Put in what an answer to a change has just told. */
  put(run: IRun): void {
    this.take(run);
    this._changed.emit();
  }

  putSweep(sweep: ISweep): void {
    this._sweeps = this._sweeps.map(one => (one.id === sweep.id ? sweep : one));
    this._changed.emit();
  }

  private async reading(act: () => Promise<void>): Promise<void> {
    this._readers++;
    this._loading = true;
    this._changed.emit();
    try {
      await act();
      this._error = undefined;
    } catch (thrown) {
      this._error = asApiError(thrown);
    } finally {
      this._readers--;
      this._loading = this._readers > 0;
      this._changed.emit();
    }
  }

  private async readRun(id: string): Promise<void> {
    try {
      this.take(await this.api.run(id));
    } catch (thrown) {
      if (asApiError(thrown).status !== 404) {
        throw thrown;
      }
      this._runs.delete(id);
      this._open.delete(id);
    }
  }

  private async readHead(): Promise<IRunPage> {
    const [page, sweeps] = await Promise.all([
      this.page(FIRST_PAGE),
      this.api.sweeps()
    ]);
    this._sweeps = sweeps;
    const ids = new Set(page.runs.map(({ id }) => id));
    const meets =
      this.loaded &&
      (page.next === null || page.runs.some(({ id }) => this._runs.has(id)));
    const oldest =
      page.next === null ? 0 : (page.runs.at(-1)?.submitted_at ?? 0);
    for (const run of [...this._runs.values()]) {
      // what the page should have and has not was dropped from the history
      const missing = run.submitted_at > oldest && !ids.has(run.id);
      if (run.spec.sweep === null && (!meets || missing)) {
        this._runs.delete(run.id);
      }
    }
    page.runs.forEach(run => this.take(run));
    if (!meets || page.next === null) {
      this._next = page.next;
    }
    return page;
  }

  /** Runs by themselves: those of a sweep are read with it. */
  private page(limit: number, before?: string | null): Promise<IRunPage> {
    return this.api.runs({ alone: true, limit, before });
  }

  /** A list has neither cells nor records: those that are known stay. */
  private take(run: IRun): void {
    const known = this._runs.get(run.id);
    const brief = run.cells.length === 0 && known !== undefined;
    this._runs.set(
      run.id,
      brief
        ? {
            ...run,
            cells: known.cells,
            record: { ...known.record, ...run.record }
          }
        : run
    );
  }

  private onTold(_: unknown, change: IChange): void {
    if (this._watchers === 0) {
      this._stale = true;
    } else if (change.what === 'hub') {
      void this.refresh();
    } else if (change.what === 'run' && change.name !== undefined) {
      this._due.add(change.name);
      void this._step.invoke();
    } else if (change.what === 'sweep') {
      this._due.add('');
      void this._step.invoke();
    }
  }

  private async readDue(): Promise<void> {
    const due = [...this._due];
    this._due.clear();
    if (this._watchers === 0) {
      return;
    }
    await this.reading(async () => {
      const many = due.length > FEW || due.includes('');
      const page = many ? await this.readHead() : undefined;
      const read = new Set(page?.runs.map(({ id }) => id));
      const single = due.filter(id => {
        const run = this._runs.get(id);
        // a sweep's runs are read with it, all but the one whose cells are shown
        return run === undefined
          ? !many
          : this._open.has(id) || (!read.has(id) && run.spec.sweep === null);
      });
      await Promise.all(single.slice(0, 50).map(id => this.readRun(id)));
    });
  }

  private readonly _changed = new Signal<this, void>(this);
  private readonly _runs = new Map<string, IRun>();
  private readonly _open = new Set<string>();
  private readonly _due = new Set<string>();
  private readonly _step = new Throttler(() => this.readDue(), {
    limit: STEP_MS,
    edge: 'trailing'
  });
  private _sweeps: ISweep[] = [];
  /** Cursor of the next page; undefined before the first, null after the last. */
  private _next: string | null | undefined;
  private _chosen: string | undefined;
  private _shown: string | undefined;
  private _error: ApiError | undefined;
  private _loading = false;
  private _readers = 0;
  private _watchers = 0;
  private _stale = true;
}

const lists = new WeakMap<Store, RunList>();

/** The one of the store. */
export function runListOf(store: Store): RunList {
  let list = lists.get(store);
  if (list === undefined) {
    list = new RunList(store);
    lists.set(store, list);
  }
  return list;
}
