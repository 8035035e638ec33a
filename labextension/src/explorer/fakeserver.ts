/** For tests of the views: a store over a server in memory, and commands that only note their call. */

import { Event } from '@jupyterlab/services';
import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { Signal } from '@lumino/signaling';

import { Api, ApiError, IRecord, IStatus, IVerification } from '../api';
import { CommandIDs } from '../commands';
import { Trans } from '../react';
import { CHANGED_SCHEMA, Store } from '../store';
import { IAsked } from './asked';

/** A server with a ledger; `fault` is thrown by whatever asks for records. */
export class FakeServer {
  records: IRecord[] = [];
  fault: ApiError | undefined;
  rights: IStatus['rights'] = ['read', 'audit'];
  verification: IVerification | null = null;
  report: unknown = { ok: true, size: 5, seconds: 0.25, problems: [] };
  payload = new Blob(['{"a":[1,2]}']);
  readonly asked: Record<string, unknown>[] = [];
  readonly calls: string[] = [];

  readonly api = {
    status: async () => ({
      version: '1',
      hub: { state: 'running' },
      user: { subject: 'user:ann', name: 'ann', method: 'x', proven: true },
      rights: this.rights
    }),
    endpoints: async () => [],
    versions: async () => [],
    verification: async () => this.verification,
    verify: async () => {
      this.calls.push('verify');
      return this.report;
    },
    records: async (filter: object, options: object) => {
      this.asked.push({ ...filter, ...options });
      if (this.fault) {
        throw this.fault;
      }
      const size = this.records.length;
      const newest = [...this.records].reverse();
      return { records: newest, next: null, size, indexed: size };
    },
    record: async (key: string) => ({
      record: this.records.find(record => record.id === key),
      index: 1,
      log: 'log',
      leaf: 'ab'.repeat(32)
    }),
    payload: async (key: string, side: string) => {
      this.calls.push(`payload ${key} ${side}`);
      return { blob: this.payload, type: 'application/json' };
    },
    receipt: async (key: number) => {
      this.calls.push(`receipt ${key}`);
      return { blob: new Blob(['proof']), type: 'text/plain' };
    },
    exportUrl: (filter: IAsked, format: string) =>
      `/mlops/api/audit/export?${new URLSearchParams({
        ...(filter as Record<string, string>),
        format
      }).toString()}`
  };

  add(parts: Partial<IRecord> = {}): void {
    const index = this.records.length;
    this.records.push({
      index,
      id: `id-${index}`,
      kind: 'prediction',
      action: 'predict',
      endpoint: `churn-${index}`,
      actor: { sub: 'user:ann', method: 'peer' },
      status: 200,
      t_wall_us: 1_790_000_000_000_000 + index,
      input: { bytes: 11, ref: '1/0' },
      output: { bytes: 11, ref: '1/1' },
      ...parts
    });
  }
}

/** What a view needs, over a server of its own. */
export class FakeFrame {
  readonly server = new FakeServer();
  readonly commands = new CommandRegistry();
  /** Commands that were executed, with their arguments. */
  readonly ran: [string, unknown][] = [];
  readonly store: Store;
  readonly trans: Trans = nullTranslator.load('mlops_jupyter');
  private readonly owner = {};
  private readonly stream = new Signal<object, Event.Emission>(this.owner);

  constructor() {
    const { stream } = this;
    this.store = new Store(
      this.server.api as unknown as Api,
      { stream } as unknown as Event.IManager
    );
    for (const id of Object.values(CommandIDs)) {
      this.commands.addCommand(id, {
        describedBy: { args: {} },
        execute: args => {
          this.ran.push([id, args]);
        }
      });
    }
  }

  /** Say that records came. */
  grow(): void {
    this.stream.emit({
      schema_id: CHANGED_SCHEMA,
      what: 'records',
      size: this.server.records.length
    } as unknown as Event.Emission);
  }
}
