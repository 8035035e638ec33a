/** The server extension's REST interface, typed: one method for each thing that it can do. */

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

export type DeployState =
  | 'pending'
  | 'loading'
  | 'ready'
  | 'idle'
  | 'degraded'
  | 'failed'
  | 'undeployed';

export interface IScaling {
  mode: 'fixed' | 'elastic' | 'serverless';
  min: number;
  max: number;
  target: number;
  idle_seconds: number;
}

export interface ITraffic {
  /** Percent by version. */
  weights: Record<string, number>;
  shadows: number[];
}

export interface IEndpointSpec {
  name: string;
  model: string;
  traffic: ITraffic;
  scaling: IScaling;
  target: string;
  alias: string | null;
  audit: { level: 'full' | 'metadata'; mode: 'strict' | 'async' };
  limits: { deadline_seconds: number; queue: number; body_bytes: number };
  gpu: number;
  deployed: boolean;
  revision: number;
}

export interface IReplicas {
  version: number;
  desired: number;
  ready: number;
  pending: number;
  reason: string;
}

export interface IEndpoint {
  spec: IEndpointSpec;
  state: DeployState;
  reason: string;
  replicas: IReplicas[];
  url: string;
  requests_per_second: number;
  p50_ms: number | null;
  p99_ms: number | null;
  previous: number[];
  /** Epoch seconds. */
  updated_at: number;
  updated_by: string;
  /** Whether a pipeline answers most calls. */
  pipeline: boolean;
}

export interface IHistory {
  /** Seconds between two values; the last is the newest. */
  step: number;
  requests_per_second: number[];
  p99_ms: (number | null)[];
}

export interface ILineage {
  user: string | null;
  notebook: string | null;
  notebook_sha256: string | null;
  cell_id: string | null;
  git_commit: string | null;
  git_dirty: boolean | null;
  git_remote: string | null;
  environment_sha256: string | null;
  python_version: string | null;
  data_sha256: string | null;
  data_rows: number | null;
  data_columns: number | null;
}

export interface IModelVersion {
  model: string;
  version: number;
  digest: string;
  path: string;
  /** MLflow's signature: `inputs`, `outputs` and `params`, each a JSON text or null. */
  signature: {
    inputs?: string | null;
    outputs?: string | null;
    params?: string | null;
  } | null;
  /** MLflow's; `mlops_pipeline` is that of a pipeline. */
  flavors: Record<string, unknown> & { mlops_pipeline?: { graph?: unknown } };
  aliases: string[];
  lineage: ILineage;
  environment: { kind: 'kernel' | 'locked'; python: string; digest: string };
  tracking_uri: string;
  run_id: string | null;
  created_at: number;
}

export interface IRegisteredModel {
  name: string;
  latest: number | null;
  aliases: Record<string, number>;
  description: string;
  problem: string;
}

export interface IActor {
  sub?: string;
  kind?: string;
  method?: string;
  token_id?: string | null;
}

export interface ISide {
  bytes?: number;
  type?: string;
  commit?: string;
  ref?: string;
  salt?: string;
}

/** A record of the ledger; all but the first fields may be absent. */
export interface IRecord {
  index: number;
  id: string;
  kind: string;
  t_wall_us: number;
  log?: string;
  action?: string;
  phase?: string;
  actor?: IActor;
  on_behalf_of?: { sub: string; method: string };
  endpoint?: string;
  model?: { name?: string; version?: number; digest?: string; env?: string };
  status?: number;
  error?: string;
  error_class?: string;
  latency_us?: number;
  rows?: number;
  shadow?: boolean;
  level?: string;
  mode?: string;
  request_id?: string;
  client?: { peer?: string };
  input?: ISide;
  output?: ISide;
  code?: {
    git?: string;
    dirty?: boolean;
    notebook?: string;
    notebook_sha256?: string;
    cell?: string;
  };
  data?: { sha256?: string; rows?: number; columns?: number };
  /** Of a run of a notebook: `id`, `notebook`, `state`, `trigger` and more. */
  run?: Record<string, unknown>;
  detail?: Record<string, unknown>;
  intent?: string;
  /** Of a pipeline's call, and of each step of it. */
  pipeline?: {
    run?: string;
    step?: string;
    /** The pipeline, and the span of its record. */
    name?: string;
    parent?: string;
    /** Microseconds after the run began. */
    at_us?: number;
    attempt?: number;
    fallback?: boolean;
  };
  /** Its place in a W3C trace. */
  trace?: { id?: string; span?: string; parent?: string };
}

export interface IRecordPage {
  /** Newest first. */
  records: IRecord[];
  /** Cursor of the next page; null at the end. A page may be short and still have one. */
  next: number | null;
  size: number;
  indexed: number;
}

export interface ILoggedRecord {
  record: IRecord;
  index: number;
  log: string | null;
  /** Hash of the leaf, hex. */
  leaf: string;
}

/** What records have to be; times are epoch seconds. Absent fields are not asked for. */
export interface IFilter {
  endpoint?: string;
  model?: string;
  version?: number;
  caller?: string;
  kind?: string;
  action?: string;
  status?: number;
  failed?: boolean;
  since?: number;
  until?: number;
  text?: string;
}

export interface IVerification {
  ok: boolean;
  size: number;
  /** Epoch seconds. */
  at: number;
  problems: number;
  index: number;
}

export interface IHubInfo {
  version: string;
  pid: number;
  started_at: number;
  url: string;
  socket: string | null;
  home: string;
  ledger: {
    origin: string;
    size: number;
    indexed: number;
    checkpoint_size: number;
    bytes: number;
    ok: boolean;
    reason: string;
  };
  endpoints: number;
  python: string;
  gpus: Record<string, unknown>[];
}

export type Right =
  'read' | 'invoke' | 'deploy' | 'run' | 'audit' | 'token' | 'hub';

export interface IStatus {
  /** Of the server extension. */
  version: string;
  hub: {
    state: 'running' | 'starting' | 'stopped' | 'failed' | 'other_version';
    version?: string;
    url?: string;
    pid?: number;
    reason?: string;
    fix?: string;
  };
  user: { subject: string; name: string; method: string; proven: boolean };
  rights: Right[];
  /** Whether the hub's events reach this server. */
  events: boolean;
}

/** The endpoint after its traffic was switched; a warning when its alias did not follow. */
export interface IPromoted {
  status: IEndpoint;
  warning: IProblem | null;
}

/** What went wrong, why, and how to mend it. */
export interface IProblem {
  code: string;
  message: string;
  reason: string;
  fix: string;
}

export class ApiError extends Error implements IProblem {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly reason: string,
    readonly fix: string
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

/** A file to save, or a payload to show. */
export interface IContent {
  blob: Blob;
  type: string;
}

/** All requests to the server; rejects with ApiError and nothing else. */
export class Api {
  constructor(readonly settings: ServerConnection.ISettings) {}

  status(): Promise<IStatus> {
    return this.json('GET', 'status');
  }

  startHub(): Promise<IStatus> {
    return this.json('POST', 'hub/start', {});
  }

  stopHub(): Promise<IStatus> {
    return this.json('POST', 'hub/stop', {});
  }

  hub(): Promise<IHubInfo> {
    return this.json('GET', 'api/hub');
  }

  endpoints(): Promise<IEndpoint[]> {
    return this.json('GET', 'api/endpoints');
  }

  endpoint(name: string): Promise<IEndpoint> {
    return this.json('GET', path`api/endpoints/${name}`);
  }

  history(name: string, seconds: number): Promise<IHistory> {
    return this.json(
      'GET',
      path`api/endpoints/${name}/history` + query({ seconds })
    );
  }

  /** Serve a version; answers at once, the endpoint's state tells how it goes on. */
  deploy(
    name: string,
    version: IModelVersion,
    options: { scaling?: IScaling; revision?: number } = {}
  ): Promise<IEndpoint> {
    return this.json('PUT', path`api/endpoints/${name}`, {
      version,
      ...options
    });
  }

  scale(
    name: string,
    scaling: IScaling,
    revision?: number
  ): Promise<IEndpoint> {
    return this.json('POST', path`api/endpoints/${name}/scale`, {
      scaling,
      revision
    });
  }

  traffic(
    name: string,
    traffic: ITraffic,
    revision?: number
  ): Promise<IEndpoint> {
    return this.json('POST', path`api/endpoints/${name}/traffic`, {
      ...traffic,
      versions: [],
      revision
    });
  }

  promote(
    name: string,
    version: number,
    revision?: number
  ): Promise<IPromoted> {
    return this.json('POST', path`endpoints/${name}/promote`, {
      version,
      revision
    });
  }

  rollback(name: string, revision?: number): Promise<IPromoted> {
    return this.json('POST', path`endpoints/${name}/rollback`, { revision });
  }

  undeploy(name: string, revision?: number): Promise<IEndpoint> {
    return this.json('POST', path`api/endpoints/${name}/undeploy`, {
      revision
    });
  }

  /** Call an endpoint with MLflow's scoring shapes, e.g. `{dataframe_split: …}`. */
  invoke(name: string, body: unknown): Promise<unknown> {
    return this.json('POST', path`api/endpoints/${name}/invocations`, body);
  }

  versions(): Promise<IModelVersion[]> {
    return this.json('GET', 'api/versions');
  }

  models(): Promise<IRegisteredModel[]> {
    return this.json('GET', 'registry/models');
  }

  records(
    filter: IFilter,
    options: { limit?: number; before?: number | null } = {}
  ): Promise<IRecordPage> {
    return this.json(
      'GET',
      'api/audit/records' + query({ ...filter, ...options, fields: 'summary' })
    );
  }

  record(key: string | number): Promise<ILoggedRecord> {
    return this.json('GET', path`api/audit/records/${String(key)}`);
  }

  /** What went in or came out. Reading it is recorded. */
  payload(key: string | number, side: 'input' | 'output'): Promise<IContent> {
    return this.content(path`api/audit/records/${String(key)}/${side}`);
  }

  receipt(key: string | number): Promise<IContent> {
    return this.content(path`api/audit/records/${String(key)}/receipt`);
  }

  /** What the last check of the whole ledger found; null when there was none. */
  verification(): Promise<IVerification | null> {
    return this.json('GET', 'api/audit/verification');
  }

  /** Check the whole ledger now; minutes for tens of millions of records. */
  verify(): Promise<unknown> {
    return this.json('POST', 'api/audit/verify', {});
  }

  /** Address of a download of all records that fit. */
  exportUrl(filter: IFilter, format: 'jsonl' | 'csv' | 'parquet'): string {
    return this.url('api/audit/export' + query({ ...filter, format }));
  }

  /** Address of what a request asks for. */
  url(target: string): string {
    const [place, search] = target.split('?', 2);
    const url = URLExt.join(this.settings.baseUrl, 'mlops', place);
    return search === undefined ? url : `${url}?${search}`;
  }

  /** What the server answers; undefined where it answers nothing. */
  async json<T>(method: string, target: string, body?: unknown): Promise<T> {
    const response = await this.request(method, target, body);
    if (response.status === 204) {
      return undefined as T;
    }
    try {
      return (await response.json()) as T;
    } catch {
      throw unreadable(response.status);
    }
  }

  private async content(target: string): Promise<IContent> {
    const response = await this.request('GET', target);
    const type = response.headers.get('Content-Type') ?? '';
    return { blob: await response.blob(), type };
  }

  private async request(
    method: string,
    target: string,
    body?: unknown
  ): Promise<Response> {
    // 'no-store' would make Jupyter add a query of its own, which the hub refuses
    const init: RequestInit = { method, cache: 'no-cache' };
    if (body !== undefined) {
      init.body = JSON.stringify(body);
      init.headers = { 'Content-Type': 'application/json' };
    }
    let response: Response;
    try {
      response = await ServerConnection.makeRequest(
        this.url(target),
        init,
        this.settings
      );
    } catch {
      throw new ApiError(
        0,
        'server_unreachable',
        'The Jupyter server does not answer.',
        'The request did not reach it.',
        'Check the connection; it is tried again by itself.'
      );
    }
    if (!response.ok) {
      throw await problemOf(response);
    }
    return response;
  }
}

async function problemOf(response: Response): Promise<ApiError> {
  let said: Partial<IProblem> | undefined;
  try {
    said = (await response.json()) as Partial<IProblem>;
  } catch {
    // Jupyter's own pages of errors are HTML
  }
  if (said?.code !== undefined && said.message !== undefined) {
    return new ApiError(
      response.status,
      said.code,
      said.message,
      said.reason ?? '',
      said.fix ?? ''
    );
  }
  if (response.status === 404) {
    return new ApiError(
      404,
      'server_part_missing',
      'The server part of mlops-jupyter is missing.',
      'This Jupyter server does not know its addresses.',
      'Install it where the server runs (pip install mlops-jupyter) and restart the server.'
    );
  }
  return new ApiError(
    response.status,
    'server_error',
    `The Jupyter server answered ${response.status}.`,
    said?.message ?? '',
    response.status === 403
      ? 'Log in again, then reload the page.'
      : 'See the log of the Jupyter server.'
  );
}

function unreadable(status: number): ApiError {
  return new ApiError(
    status,
    'unreadable_answer',
    'The answer of the server cannot be read.',
    'It is not JSON.',
    'See the log of the Jupyter server.'
  );
}

/** A path whose inserted parts are one segment each, whatever they hold. */
export function path(parts: TemplateStringsArray, ...names: string[]): string {
  return parts.reduce(
    (whole, part, at) => whole + encodeURIComponent(names[at - 1]) + part
  );
}

/** A query of what has a value. */
export function query(values: Record<string, unknown>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value === true) {
      search.set(name, '1');
    } else if (
      value !== undefined &&
      value !== null &&
      value !== false &&
      value !== ''
    ) {
      search.set(name, String(value));
    }
  }
  const text = search.toString();
  return text ? `?${text}` : '';
}
