/** Runs, sweeps, schedules and notebooks, as the hub tells of them. Times are epoch seconds. */

export type RunState =
  | 'queued'
  | 'starting'
  | 'running'
  | 'succeeded'
  | 'failed'
  | 'cancelled'
  | 'timed_out'
  | 'lost'
  | 'skipped';

export type CellState =
  'pending' | 'running' | 'completed' | 'failed' | 'cancelled' | 'unknown';

export interface IResources {
  cpus: number;
  /** 0 is no bound. */
  memory_bytes: number;
  gpus: number;
}

/** A notebook and how it is executed. */
export interface IRunSpec {
  notebook: string;
  notebook_sha256: string;
  folder: string;
  kernel: string;
  parameters: Record<string, unknown>;
  secrets: Record<string, string>;
  environment: Record<string, string>;
  output: string | null;
  resources: IResources;
  cell_seconds: number | null;
  run_seconds: number | null;
  retries: number;
  backoff_seconds: number;
  trigger: {
    kind: 'hand' | 'schedule' | 'sweep' | 'drift' | 'rerun';
    of: string | null;
  };
  sweep: string | null;
  notify: string;
}

/** What a run is asked for with: `texts` are parameters as they were typed. */
export type IRunBody = Partial<
  Omit<IRunSpec, 'notebook' | 'notebook_sha256' | 'trigger' | 'sweep'>
> & { notebook: string; texts?: Record<string, string> };

export interface ICell {
  index: number;
  title: string;
  state: CellState;
  started_at: number | null;
  seconds: number | null;
  last_line: string;
  peak_bytes: number | null;
  source_sha256: string;
  outputs_sha256: string;
}

export interface IRun {
  id: string;
  spec: IRunSpec;
  state: RunState;
  code: string;
  reason: string;
  submitted_at: number;
  submitted_by: string;
  started_at: number | null;
  ended_at: number | null;
  place: number | null;
  attempt: number;
  cells_done: number;
  cells_total: number;
  /** The one that runs, or that failed. */
  cell: ICell | null;
  exit_code: number | null;
  signal: number | null;
  error: {
    cell: number;
    name: string;
    value: string;
    traceback: string;
  } | null;
  peak_bytes: number | null;
  metrics: Record<string, number>;
  mlflow_run_id: string | null;
  models: string[];
  /** In a list of a repeat's verdict at most, as `cells` are empty there. */
  record: Record<string, unknown>;
  cells: ICell[];
}

export interface IRunPage {
  /** Newest first. */
  runs: IRun[];
  next: string | null;
}

/** How a run compares with another one. */
export interface IVerdict {
  kind: 'identical' | 'within_tolerance' | 'differs';
  /** All of it as a sentence. */
  text: string;
  /** Relative. */
  tolerance: number;
  differences: IDifference[];
  /** What differs within the tolerance. */
  close: IDifference[];
  /** Names of what was not given the same: data, environment, parameters. */
  causes: string[];
  /** What could not be had or compared, a sentence each. */
  not_compared: string[];
}

export interface IDifference {
  /** `metric auc`, or `cell 7 'Fit'` by its place in the notebook. */
  what: string;
  detail: string;
}

export interface ILogPart {
  text: string;
  /** The byte that it begins with. */
  start: number;
  /** The byte to go on from. */
  next: number;
  ended: boolean;
}

export interface ISweep {
  id: string;
  spec: {
    run: IRunSpec;
    space: string[];
    search: string;
    count: number | null;
    parallel: number;
    metric: string;
    direction: 'maximize' | 'minimize';
  };
  state: 'running' | 'succeeded' | 'failed' | 'cancelled';
  reason: string;
  submitted_at: number;
  submitted_by: string;
  ended_at: number | null;
  total: number;
  done: number;
  failed: number;
  best_run: string | null;
  best_value: number | null;
}

export type Concurrency = 'Allow' | 'Forbid' | 'Replace';

export interface IScheduleSpec {
  name: string;
  cron: string;
  run: IRunSpec;
  time_zone: string;
  pinned: boolean;
  concurrency: Concurrency;
  starting_deadline_seconds: number | null;
  suspended: boolean;
  jitter_seconds: number;
  succeeded_history: number;
  failed_history: number;
}

export type IScheduleBody = Partial<Omit<IScheduleSpec, 'name' | 'run'>> & {
  run: IRunBody;
  cron: string;
  revision?: number;
};

/** When a rule would start something. */
export interface ICronStarts {
  starts: number[];
  /** Seconds of jitter, which are in them. */
  offset_seconds: number;
}

export interface ISchedule {
  spec: IScheduleSpec;
  revision: number;
  created_at: number;
  created_by: string;
  next_at: number | null;
  /** Three, of which `next_at` is the first. */
  next_starts: number[];
  last_at: number | null;
  last_run: string | null;
  last_state: string | null;
  active: string[];
  reason: string;
}

export interface IParameter {
  name: string;
  type: 'int' | 'float' | 'str' | 'bool' | 'list' | 'dict' | 'any';
  default: unknown;
  /** Whether `default` is known; it is not for an expression, which is in `text`. */
  has_default: boolean;
  required: boolean;
  /** Whether it may be None. */
  optional: boolean;
  choices: unknown[];
  text: string;
  help: string;
}

export interface INotebook {
  kernel: string;
  language: string;
  cells: number;
  parameters: IParameter[];
}
