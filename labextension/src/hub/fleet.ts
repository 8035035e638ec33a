/** The endpoints for those who only need to know how they are: the status bar, the Running panel. */

import { Event } from '@jupyterlab/services';
import { DisposableDelegate, IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { IEndpoint, IStatus } from '../api';
import { CHANGED_SCHEMA, IChange, Store } from '../store';
import { Value } from '../value';

/**
 * Never makes the server start a hub, and is not read again for every call that is served, as the
 * store's endpoints are for their rates.
 */
export class Fleet {
  constructor(
    private readonly store: Store,
    events: Event.IManager
  ) {
    this._own = new Value(() => store.api.endpoints());
    this._own.changed.connect(this.tell, this);
    store.status.changed.connect(this.follow, this);
    store.endpoints.changed.connect(this.take, this);
    store.grew.connect(this.onGrown, this);
    events.stream.connect(this.onEvent, this);
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Of the server; undefined until it has answered. */
  get status(): IStatus | undefined {
    return this.store.status.value;
  }

  /** Those of the hub that runs. */
  get endpoints(): IEndpoint[] {
    return this.isRunning ? (this._own.value ?? []) : [];
  }

  /** Keep it fresh until the returned object is disposed of. */
  watch(): IDisposable {
    const watching = this.store.status.watch();
    this._watchers++;
    this.follow();
    return new DisposableDelegate(() => {
      watching.dispose();
      this._watchers--;
      this.follow();
    });
  }

  refresh(): void {
    this.store.status.invalidate();
    this._own.invalidate();
  }

  private get isRunning(): boolean {
    return this.status?.hub.state === 'running';
  }

  private follow(): void {
    const wanted = this.isRunning && this._watchers > 0;
    if (wanted && this._watching === undefined) {
      this._watching = this._own.watch();
    } else if (!wanted && this._watching !== undefined) {
      this._watching.dispose();
      this._watching = undefined;
      // another hub may have others
      this._own.invalidate();
    }
    this.tell();
  }

  /** What the sidebar has read need not be read twice. */
  private take(): void {
    const { watched, value, error } = this.store.endpoints;
    if (watched && value !== undefined && error === undefined) {
      this._own.put(value);
    }
  }

  private onGrown(_: Store, size: number | undefined): void {
    // without a size everything is read again
    if (size === undefined) {
      this.invalidate();
    }
  }

  private onEvent(_: unknown, event: Event.Emission): void {
    const change = event as unknown as IChange;
    if (event.schema_id === CHANGED_SCHEMA && change.what === 'endpoint') {
      this.invalidate();
    }
  }

  private invalidate(): void {
    if (!this.store.endpoints.watched) {
      this._own.invalidate();
    }
  }

  private tell(): void {
    this._changed.emit();
  }

  private readonly _own: Value<IEndpoint[]>;
  private readonly _changed = new Signal<this, void>(this);
  private _watching: IDisposable | undefined;
  private _watchers = 0;
}

const fleets = new WeakMap<Store, Fleet>();

/** The one of the store. */
export function fleetOf(store: Store, events: Event.IManager): Fleet {
  let fleet = fleets.get(store);
  if (fleet === undefined) {
    fleet = new Fleet(store, events);
    fleets.set(store, fleet);
  }
  return fleet;
}
