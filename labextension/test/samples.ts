/** What a server might answer, for the tests of views. */

import { nullTranslator } from '@jupyterlab/translation';
import { Event } from '@jupyterlab/services';
import { Signal } from '@lumino/signaling';
import { vi } from 'vitest';

import {
  Api,
  IEndpoint,
  IHubInfo,
  ILineage,
  IModelVersion,
  IStatus
} from '../src/api';
import { CHANGED_SCHEMA, IChange, Store } from '../src/store';

export const trans = nullTranslator.load('mlops_jupyter');

const NOTHING: ILineage = {
  user: null,
  notebook: null,
  notebook_sha256: null,
  cell_id: null,
  git_commit: null,
  git_dirty: null,
  git_remote: null,
  environment_sha256: null,
  python_version: null,
  data_sha256: null,
  data_rows: null,
  data_columns: null
};

export function version(
  model: string,
  number: number,
  lineage: Partial<ILineage> = {},
  createdAt = 1_700_000_000 + number
): IModelVersion {
  return {
    model,
    version: number,
    digest: 'a'.repeat(64),
    path: '/models/x',
    signature: null,
    flavors: {},
    aliases: [],
    lineage: { ...NOTHING, ...lineage },
    environment: { kind: 'kernel', python: 'python', digest: 'e'.repeat(64) },
    tracking_uri: '',
    run_id: null,
    created_at: createdAt
  };
}

type Change = Partial<Omit<IEndpoint, 'spec'>> & {
  spec?: Partial<IEndpoint['spec']>;
};

/** An endpoint that serves version 2 of `model`, but for what `change` says. */
export function endpoint(name: string, change: Change = {}): IEndpoint {
  const { spec, ...rest } = change;
  const traffic = spec?.traffic ?? { weights: { 2: 100 }, shadows: [] };
  return {
    spec: {
      name,
      model: 'model',
      scaling: { mode: 'fixed', min: 1, max: 1, target: 1, idle_seconds: 60 },
      target: 'local',
      alias: null,
      audit: { level: 'full', mode: 'strict' },
      limits: { deadline_seconds: 30, queue: 100, body_bytes: 1000 },
      gpu: 0,
      deployed: true,
      revision: 7,
      ...spec,
      traffic
    },
    state: 'ready',
    reason: '',
    replicas: Object.keys(traffic.weights).map(number => ({
      version: Number(number),
      desired: 1,
      ready: 1,
      pending: 0,
      reason: ''
    })),
    url: `http://127.0.0.1:1/endpoints/${name}/invocations`,
    requests_per_second: 0,
    p50_ms: null,
    p99_ms: null,
    previous: [1],
    updated_at: 1_700_000_000,
    updated_by: 'user:alice',
    pipeline: false,
    ...rest
  };
}

/** What makes an endpoint serve these shares of a model's versions. */
export function serving(
  model: string,
  weights: Record<string, number>,
  rest: Omit<Change, 'spec'> = {}
): Change {
  return { ...rest, spec: { model, traffic: { weights, shadows: [] } } };
}

export function status(more: Partial<IStatus> = {}): IStatus {
  return {
    version: '0.1.0',
    hub: { state: 'running', version: '0.1.0', url: 'http://127.0.0.1:1' },
    user: {
      subject: 'user:alice',
      name: 'Alice',
      method: 'jupyterhub',
      proven: true
    },
    rights: ['read', 'invoke', 'deploy', 'audit', 'token', 'hub'],
    events: true,
    ...more
  };
}

export const hubInfo: IHubInfo = {
  version: '0.1.0',
  pid: 4711,
  started_at: 1_700_000_000,
  url: 'http://127.0.0.1:8123',
  socket: null,
  home: '/home/alice/state',
  ledger: {
    origin: 'ledger',
    size: 1_234_567,
    indexed: 1_234_567,
    checkpoint_size: 1_234_000,
    bytes: 987_654_321,
    ok: true,
    reason: ''
  },
  endpoints: 3,
  python: '/usr/bin/python3',
  gpus: []
};

/** A store whose server answers so; `asked` names what it was asked for, `say` sends events. */
export function serve(answers: Partial<Record<keyof Api, unknown>>): {
  store: Store;
  events: Event.IManager;
  asked: [string, ...unknown[]][];
  answers: Partial<Record<keyof Api, unknown>>;
  say: (change: IChange) => void;
} {
  const asked: [string, ...unknown[]][] = [];
  const api = new Proxy({} as Api, {
    get: (_, name: keyof Api) =>
      name === 'url'
        ? (target: string): string => `/mlops/${target}`
        : async (...given: unknown[]): Promise<unknown> => {
            asked.push([name, ...given]);
            const answer = answers[name];
            if (answer instanceof Error) {
              throw answer;
            }
            return typeof answer === 'function' ? answer(...given) : answer;
          }
  });
  const stream = new Signal<object, Event.Emission>({});
  const events = { stream } as unknown as Event.IManager;
  return {
    store: new Store(api, events),
    events,
    asked,
    answers,
    say: change =>
      stream.emit({ schema_id: CHANGED_SCHEMA, ...change } as Event.Emission)
  };
}

/** The button of JupyterLab's dialog that says yes, as soon as there is one. */
export async function accepting(): Promise<HTMLElement> {
  return vi.waitFor(() => {
    const found = document.querySelector<HTMLElement>(
      '.jp-Dialog-footer .jp-mod-accept'
    );
    if (found === null) {
      throw new Error('There is no dialog.');
    }
    return found;
  });
}
