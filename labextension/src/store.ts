/** What the views show: the server's state, kept fresh by its events. */

import { Event } from '@jupyterlab/services';
import { IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import { ISignal, Signal } from '@lumino/signaling';

import {
  Api,
  IEndpoint,
  IHistory,
  IHubInfo,
  IModelVersion,
  IRegisteredModel,
  IStatus,
  IVerification
} from './api';
import { Pace } from './pace';
import { Value } from './value';

export const CHANGED_SCHEMA = 'https://events.mlops-jupyter.org/changed/v1';
/** Seconds without any event, the server's pulse included, after which the views poll. */
const SILENCE_SECONDS = 50;
const POLL_SECONDS = 5;
const HISTORY_SECONDS = 300;
/** Rates change with every call; nobody reads them more often than this. */
const RATES_SECONDS = 2;

/** What an event says. */
export interface IChange {
  what:
    | 'endpoint'
    | 'records'
    | 'version'
    | 'run'
    | 'sweep'
    | 'schedule'
    | 'hub'
    | 'pulse';
  name?: string;
  /** Of a run. */
  state?: string;
  size?: number;
}

export class Store implements IDisposable {
  readonly status: Value<IStatus>;
  readonly hub: Value<IHubInfo>;
  readonly endpoints: Value<IEndpoint[]>;
  readonly versions: Value<IModelVersion[]>;
  readonly models: Value<IRegisteredModel[]>;
  readonly verification: Value<IVerification | null>;

  constructor(
    readonly api: Api,
    private readonly events: Event.IManager
  ) {
    this.status = new Value(() => api.status());
    this.hub = new Value(() => api.hub());
    this.endpoints = new Value(() => api.endpoints());
    this.versions = new Value(() => api.versions());
    this.models = new Value(() => api.models());
    this.verification = new Value(() => api.verification());
    events.stream.connect(this.onEvent, this);
    this._poll = new Poll({
      factory: () => this.poll(),
      frequency: {
        interval: POLL_SECONDS * 1000,
        backoff: true,
        max: 60_000
      },
      name: '@mlops-jupyter/labextension:poll',
      standby: 'when-hidden'
    });
  }

  /** Emitted with the ledger's size (if known) when records came. */
  get grew(): ISignal<this, number | undefined> {
    return this._grew;
  }

  /** Emitted when a run, sweep or schedule changed, and with `hub` when any may have. */
  get told(): ISignal<this, IChange> {
    return this._told;
  }

  /** Whether events arrive, so that nothing needs to be polled. */
  get live(): boolean {
    return Date.now() - this._heard < SILENCE_SECONDS * 1000;
  }

  get isDisposed(): boolean {
    return this._poll.isDisposed;
  }

  dispose(): void {
    this.events.stream.disconnect(this.onEvent, this);
    this._poll.dispose();
    this._rates.stop();
    Signal.clearData(this);
  }

  /** The last minutes of an endpoint. */
  history(name: string): Value<IHistory> {
    let found = this._histories.get(name);
    if (found === undefined) {
      found = new Value(() => this.api.history(name, HISTORY_SECONDS));
      this._histories.set(name, found);
    }
    return found;
  }

  /** Put in the endpoint that an answer to a change has just told. */
  putEndpoint(endpoint: IEndpoint): void {
    const name = endpoint.spec.name;
    const others = (this.endpoints.value ?? []).filter(
      other => other.spec.name !== name
    );
    this.endpoints.put(
      [...others, endpoint].sort((one, two) =>
        one.spec.name < two.spec.name ? -1 : 1
      )
    );
  }

  /** Read everything again that is shown. */
  refreshAll(): void {
    for (const value of this.values()) {
      value.invalidate();
    }
    this._grew.emit(undefined);
    this._told.emit({ what: 'hub' });
  }

  /** Read everything anew as if nothing were known: what is may be what no view can show. */
  forgetAll(): void {
    for (const value of this.values()) {
      value.forget();
    }
    this._told.emit({ what: 'hub' });
  }

  private values(): Iterable<Value<unknown>> {
    return [
      this.status,
      this.hub,
      this.endpoints,
      this.versions,
      this.models,
      this.verification,
      ...this._histories.values()
    ];
  }

  private onEvent(_: unknown, event: Event.Emission): void {
    if (event.schema_id !== CHANGED_SCHEMA) {
      return;
    }
    this._heard = Date.now();
    const change = event as unknown as IChange;
    switch (change.what) {
      case 'endpoint':
        this.endpoints.invalidate();
        break;
      case 'records':
        this._rates.soon();
        this._grew.emit(change.size);
        break;
      case 'version':
        this.versions.invalidate();
        this.models.invalidate();
        break;
      case 'run':
      case 'sweep':
      case 'schedule':
        this._told.emit(change);
        break;
      case 'hub':
        this.refreshAll();
        break;
      case 'pulse':
        break;
    }
  }

  private async readRates(): Promise<void> {
    const rates = [this.hub, this.endpoints, ...this._histories.values()];
    this._rates.began();
    for (const value of rates) {
      value.invalidate();
    }
    await Promise.all(rates.map(value => value.settled()));
    this._rates.ended();
  }

  private async poll(): Promise<void> {
    if (this.live || ![...this.values()].some(value => value.watched)) {
      return;
    }
    this.refreshAll();
  }

  private readonly _told = new Signal<this, IChange>(this);
  private readonly _grew = new Signal<this, number | undefined>(this);
  private readonly _histories = new Map<string, Value<IHistory>>();
  private readonly _poll: Poll;
  private readonly _rates = new Pace(
    () => void this.readRates(),
    RATES_SECONDS * 1000
  );
  private _heard = Date.now();
}
