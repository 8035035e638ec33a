/** One check of the ledger at a time, whichever view asked for it. */

import { ISignal, Signal } from '@lumino/signaling';

import { ApiError } from '../api';
import { Store } from '../store';
import { asApiError } from '../value';

export interface IFinding {
  index: number;
  what: string;
}

/** What a check found that this page asked for. */
export interface IReport {
  ok: boolean;
  size: number;
  seconds: number;
  problems: IFinding[];
}

export class Verifier {
  private constructor(private readonly store: Store) {}

  /** The one of a store. */
  static of(store: Store): Verifier {
    let found = verifiers.get(store);
    if (found === undefined) {
      found = new Verifier(store);
      verifiers.set(store, found);
    }
    return found;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** When the check under way began (milliseconds); undefined when there is none. */
  get since(): number | undefined {
    return this._since;
  }

  get report(): IReport | undefined {
    return this._report;
  }

  get error(): ApiError | undefined {
    return this._error;
  }

  /** Forget what the last check told. */
  dismiss(): void {
    this._report = undefined;
    this._error = undefined;
    this._changed.emit();
  }

  async run(): Promise<void> {
    if (this._since !== undefined) {
      return;
    }
    this.dismiss();
    this._since = Date.now();
    this._changed.emit();
    try {
      this._report = readReport(await this.store.api.verify());
    } catch (error) {
      this._error = asApiError(error);
    }
    this._since = undefined;
    this.store.verification.invalidate();
    this._changed.emit();
  }

  private readonly _changed = new Signal<this, void>(this);
  private _since: number | undefined;
  private _report: IReport | undefined;
  private _error: ApiError | undefined;
}

const verifiers = new WeakMap<Store, Verifier>();

function readReport(answer: unknown): IReport {
  const said = answer as Partial<IReport>;
  return {
    ok: said.ok === true,
    size: said.size ?? 0,
    seconds: said.seconds ?? 0,
    problems: said.problems ?? []
  };
}
