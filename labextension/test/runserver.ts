/** What a hub with runs might answer, for the tests of their views. */

import { ApiError } from '../src/api';
import {
  RunState,
  IRun,
  ISchedule,
  ISweep,
  ICell,
  IVerdict
} from '../src/runs/types';
import { serve, status } from './samples';

export const AT = 1_700_000_000;

type Change = Partial<Omit<IRun, 'spec'>> & { spec?: Partial<IRun['spec']> };

/** A run that `fit.ipynb` was asked for at second `at`, and that took 10 s. */
export function run(
  id: string,
  state: RunState = 'succeeded',
  change: Change = {},
  at = 0
): IRun {
  const ended = !['queued', 'starting', 'running'].includes(state);
  const { spec, ...rest } = change;
  return {
    id,
    spec: {
      notebook: '/work/fit.ipynb',
      notebook_sha256: 'd'.repeat(64),
      folder: '/work',
      kernel: '',
      parameters: {},
      secrets: {},
      environment: {},
      output: null,
      resources: { cpus: 1, memory_bytes: 0, gpus: 0 },
      cell_seconds: null,
      run_seconds: null,
      retries: 0,
      backoff_seconds: 10,
      trigger: { kind: 'hand', of: null },
      sweep: null,
      notify: '',
      ...spec
    },
    state,
    code: '',
    reason: '',
    submitted_at: AT + at,
    submitted_by: 'user:alice',
    started_at: state === 'queued' ? null : AT + at,
    ended_at: ended ? AT + at + 10 : null,
    place: null,
    attempt: 1,
    cells_done: 3,
    cells_total: 12,
    cell: null,
    exit_code: null,
    signal: null,
    error: null,
    peak_bytes: null,
    metrics: {},
    mlflow_run_id: null,
    models: [],
    record: {},
    cells: [],
    ...rest
  };
}

export function cell(index: number, change: Partial<ICell> = {}): ICell {
  return {
    index,
    title: `cell ${index}`,
    state: 'completed',
    started_at: AT,
    seconds: 1.5,
    last_line: '',
    peak_bytes: null,
    source_sha256: '',
    outputs_sha256: '',
    ...change
  };
}

export function verdict(
  kind: IVerdict['kind'],
  change: Partial<IVerdict> = {}
): IVerdict {
  return {
    kind,
    text: kind,
    tolerance: 1e-6,
    differences: [],
    close: [],
    causes: [],
    not_compared: [],
    ...change
  };
}

export function sweep(
  id: string,
  change: Partial<ISweep> = {},
  at = 0
): ISweep {
  return {
    id,
    spec: {
      run: run('x').spec,
      space: ['lr=0.1,0.01'],
      search: 'grid',
      count: null,
      parallel: 1,
      metric: 'auc',
      direction: 'maximize'
    },
    state: 'succeeded',
    reason: '',
    submitted_at: AT + at,
    submitted_by: 'user:alice',
    ended_at: AT + at + 60,
    total: 2,
    done: 2,
    failed: 0,
    best_run: null,
    best_value: null,
    ...change
  };
}

export function schedule(
  name: string,
  spec: Partial<ISchedule['spec']> = {},
  change: Partial<ISchedule> = {}
): ISchedule {
  return {
    spec: {
      name,
      cron: '0 2 * * *',
      run: run('x').spec,
      time_zone: 'Europe/Vienna',
      pinned: false,
      concurrency: 'Forbid',
      starting_deadline_seconds: null,
      suspended: false,
      jitter_seconds: 0,
      succeeded_history: 100,
      failed_history: 100,
      ...spec
    },
    revision: 4,
    created_at: AT,
    created_by: 'user:alice',
    next_at: AT + 3600,
    next_starts: [AT + 3600, AT + 90_000, AT + 176_400],
    last_at: null,
    last_run: null,
    last_state: null,
    active: [],
    reason: '',
    ...change
  };
}

/** A hub that keeps runs as the real one does; `asks` are the requests that it got. */
export class RunServer {
  runs: IRun[] = [];
  sweeps: ISweep[] = [];
  schedules: ISchedule[] = [];
  notebook: unknown = { kernel: 'python3', language: 'python', parameters: [] };
  logs: Record<string, string> = {};
  outputs: Record<string, unknown> = {};
  verdict: IVerdict | undefined;
  refusal: ApiError | undefined;
  asks: { method: string; target: string; body?: unknown }[] = [];
  readonly server = serve({
    status: status({ rights: ['read', 'run'] }),
    json: (method: string, target: string, body?: unknown) => {
      this.asks.push({ method, target, body });
      return this.answer(method, target, body);
    }
  });

  get store() {
    return this.server.store;
  }

  get say() {
    return this.server.say;
  }

  /** Bodies of the requests with this method and target. */
  sent(method: string, target: string): unknown[] {
    return this.asks
      .filter(ask => ask.method === method && ask.target === target)
      .map(({ body }) => body);
  }

  private answer(method: string, target: string, body: unknown): unknown {
    if (this.refusal !== undefined) {
      throw this.refusal;
    }
    const [path, search] = target.split('?', 2);
    const asked = new URLSearchParams(search);
    const [, kind, name, verb] = path.split('/').map(decodeURIComponent);
    if (kind === 'notebook') {
      return this.notebook;
    }
    if (kind === 'cron') {
      return this.starts(asked);
    }
    if (kind === 'sweeps') {
      return this.sweeps;
    }
    if (kind === 'schedules') {
      return this.onSchedule(method, name, verb, body);
    }
    if (method === 'POST' && name === undefined) {
      const made = run('made', 'queued', { spec: body as object }, 1e6);
      this.runs.push(made);
      return made;
    }
    return name === undefined
      ? this.page(asked)
      : this.onRun(name, verb, asked);
  }

  private page(asked: URLSearchParams): unknown {
    const sorted = this.runs
      .filter(
        one =>
          (!asked.has('sweep') || one.spec.sweep === asked.get('sweep')) &&
          (!asked.has('alone') || one.spec.sweep === null)
      )
      .sort((one, two) => two.submitted_at - one.submitted_at);
    const begin = Number(asked.get('before') ?? 0);
    const end = begin + Number(asked.get('limit'));
    return {
      runs: sorted
        .slice(begin, end)
        .map(one => ({ ...one, cells: [], record: brief(one.record) })),
      next: end < sorted.length ? String(end) : null
    };
  }

  private onRun(id: string, verb: string, asked: URLSearchParams): unknown {
    const found = this.runs.find(one => one.id === id);
    if (found === undefined || (verb === 'output' && !(id in this.outputs))) {
      throw new ApiError(404, 'no_such_run', 'There is no such run.', '', '');
    }
    switch (verb) {
      case 'cancel':
        Object.assign(found, { state: 'cancelled', ended_at: AT + 5 });
        return { ...found };
      case 'rerun': {
        const trigger = { kind: 'rerun' as const, of: id };
        const spec = { ...found.spec, trigger };
        const made = run('again', 'queued', { spec }, 1e6);
        this.runs.push(made);
        return made;
      }
      case 'compare':
        if (this.verdict === undefined) {
          throw new ApiError(500, 'internal', 'It failed.', '', '');
        }
        return this.verdict;
      case 'output':
        return this.outputs[id];
      case 'log':
        return this.logPart(asked);
      default:
        return { ...found };
    }
  }

  private logPart(asked: URLSearchParams): unknown {
    const text = this.logs[asked.get('stream') ?? ''] ?? '';
    const offset = Number(asked.get('offset') ?? 0);
    const end = Number(asked.get('before') ?? text.length);
    const start = offset < 0 ? Math.max(end + offset, 0) : offset;
    const next = Math.max(start, end);
    return { text: text.slice(start, end), start, next, ended: true };
  }

  private starts(asked: URLSearchParams): unknown {
    if (asked.get('cron') === '0 25 * * *') {
      throw new ApiError(400, 'invalid_cron', 'No such hour.', '', 'Mend it.');
    }
    return { starts: [AT, AT + 86_400, AT + 172_800], offset_seconds: 0 };
  }

  private onSchedule(
    method: string,
    name: string | undefined,
    verb: string | undefined,
    body: unknown
  ): unknown {
    const found = this.schedules.find(one => one.spec.name === name);
    if (method === 'DELETE') {
      this.schedules = this.schedules.filter(one => one !== found);
      return undefined;
    }
    if (method === 'PUT') {
      return schedule(name!, body as object);
    }
    if (found && (verb === 'suspend' || verb === 'resume')) {
      found.spec.suspended = verb === 'suspend';
    }
    return name === undefined ? [...this.schedules] : found;
  }
}

function brief({ verdict }: IRun['record']): IRun['record'] {
  return verdict === undefined ? {} : { verdict };
}
