/** A piece of the server's state as the browser knows it. */

import { DisposableDelegate, IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { ApiError } from './api';

/**
 * Fetched when somebody watches it, and again when it is said to be stale; never two requests for
 * it at a time, and none while nobody watches.
 */
export class Value<T> implements IDisposable {
  constructor(private readonly fetch: () => Promise<T>) {}

  /** Emitted after every change of `value`, `error` or `loading`. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** The last that was read; kept when a later attempt fails. */
  get value(): T | undefined {
    return this._value;
  }

  /** Why the last attempt failed. */
  get error(): ApiError | undefined {
    return this._error;
  }

  get loading(): boolean {
    return this._loading;
  }

  get watched(): boolean {
    return this._watchers > 0;
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  dispose(): void {
    this._disposed = true;
    Signal.clearData(this);
  }

  /** Keep it fresh until the returned object is disposed of. */
  watch(): IDisposable {
    this._watchers++;
    if (this._stale) {
      void this.refresh();
    }
    return new DisposableDelegate(() => {
      this._watchers--;
    });
  }

  /** Note that the server knows something newer. */
  invalidate(): void {
    this._stale = true;
    if (this.watched) {
      void this.refresh();
    }
  }

  /** Know nothing any more; who watches gets it anew. */
  forget(): void {
    this._value = undefined;
    this._error = undefined;
    this._changed.emit();
    this.invalidate();
  }

  /** Put in what an answer to a change has just told. */
  put(value: T): void {
    this._value = value;
    this._error = undefined;
    this._changed.emit();
  }

  /** Fetch now, or once more after the fetch under way; resolves when it is fresh or failed. */
  refresh(): Promise<void> {
    this._stale = true;
    this._running ??= this.run().finally(() => {
      this._running = undefined;
    });
    return this._running;
  }

  /** Resolves when nothing is being fetched. */
  async settled(): Promise<void> {
    await this._running;
  }

  private async run(): Promise<void> {
    this._loading = true;
    this._changed.emit();
    while (this._stale && !this._disposed) {
      this._stale = false;
      try {
        this._value = await this.fetch();
        this._error = undefined;
      } catch (error) {
        this._error = asApiError(error);
      }
    }
    this._loading = false;
    this._changed.emit();
  }

  private readonly _changed = new Signal<this, void>(this);
  private _value: T | undefined;
  private _error: ApiError | undefined;
  private _loading = false;
  private _stale = true;
  private _watchers = 0;
  private _disposed = false;
  private _running: Promise<void> | undefined;
}

/** Whatever was thrown, as an error that can be shown. */
export function asApiError(error: unknown): ApiError {
  return error instanceof ApiError
    ? error
    : new ApiError(
        0,
        'unexpected',
        'Something unexpected happened in the page.',
        String(error).slice(0, 200),
        'Reload the page; if it happens again, report it.'
      );
}
