/** What somebody fills in to have a notebook run, or run again and again, as a form holds it. */

import { Trans } from '../react';
import {
  Concurrency,
  INotebook,
  IParameter,
  IRunBody,
  IRunSpec,
  ISchedule,
  IScheduleBody
} from '../runs/types';

/** All as typed; empty is "not given". */
export interface IRunDraft {
  /** By name of the parameter. */
  parameters: Record<string, string>;
  kernel: string;
  cpus: string;
  /** In GB, as people say it. */
  memory: string;
  gpus: string;
  /** In minutes. */
  limit: string;
  retries: string;
  /** Seconds before the first of them; each further pause is longer. */
  pause: string;
  output: string;
  /** Variables of the kernel's environment, `NAME=value` a line. */
  environment: string;
}

export interface IScheduleDraft {
  name: string;
  cron: string;
  zone: string;
  concurrency: Concurrency;
  /** In minutes. */
  deadline: string;
  /** In seconds. */
  jitter: string;
  /** How many runs are kept that succeeded, and that did not. */
  succeeded: string;
  failed: string;
  pinned: boolean;
}

export interface IDraft {
  run: IRunDraft;
  /** Undefined for a single run. */
  schedule?: IScheduleDraft;
}

/** What is wrong, by the name of the field; a parameter's field is `parameter:` and its name. */
export type Problems = Record<string, string>;

const GB = 1e9;

/** A parameter's value as one types it. */
export function typedOf(parameter: IParameter, value: unknown): string {
  if (value === null || value === undefined) {
    return parameter.optional ? 'None' : '';
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The form for a notebook, with the values of a run that was asked for before, if there are. */
export function draftOf(
  notebook: INotebook,
  spec?: IRunSpec,
  schedule?: IScheduleDraft
): IDraft {
  const parameters: Record<string, string> = {};
  for (const parameter of notebook.parameters) {
    const { name } = parameter;
    const given = spec && name in spec.parameters;
    parameters[name] = given
      ? typedOf(parameter, spec.parameters[name])
      : parameter.has_default
        ? typedOf(parameter, parameter.default)
        : '';
  }
  const memory = spec?.resources.memory_bytes ?? 0;
  const limit = spec?.run_seconds ?? null;
  return {
    run: {
      parameters,
      kernel: spec?.kernel ?? '',
      cpus: String(spec?.resources.cpus ?? 1),
      memory: memory ? String(memory / GB) : '',
      gpus: String(spec?.resources.gpus ?? 0),
      limit: limit === null ? '' : String(limit / 60),
      retries: String(spec?.retries ?? 0),
      pause: String(spec?.backoff_seconds ?? 10),
      output: spec?.output ?? '',
      environment: Object.entries(spec?.environment ?? {})
        .map(([name, value]) => `${name}=${value}`)
        .join('\n')
    },
    schedule
  };
}

/** A schedule's part of the form. */
export function scheduleDraftOf(
  name: string,
  present?: ISchedule
): IScheduleDraft {
  const spec = present?.spec;
  const deadline = spec?.starting_deadline_seconds ?? null;
  return {
    name: spec?.name ?? name,
    cron: spec?.cron ?? '0 2 * * *',
    zone: spec?.time_zone ?? ownZone(),
    concurrency: spec?.concurrency ?? 'Forbid',
    deadline: deadline === null ? '' : String(deadline / 60),
    jitter: String(spec?.jitter_seconds ?? 0),
    succeeded: String(spec?.succeeded_history ?? 100),
    failed: String(spec?.failed_history ?? 100),
    pinned: spec?.pinned ?? false
  };
}

function ownZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
}

/** A name for the schedule of a notebook, such as names are allowed to be. */
export function scheduleNameOf(notebook: string): string {
  const name = notebook
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/\.{2,}/g, '.')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 63);
  return name || 'schedule';
}

/** Why what is typed cannot be a value of the parameter; empty when it can. */
export function problemOfParameter(
  parameter: IParameter,
  typed: string,
  trans: Trans
): string {
  const text = typed.trim();
  if (parameter.optional && /^(None|null)$/.test(text)) {
    return '';
  }
  if (typed === '' && parameter.type !== 'str') {
    return parameter.required ? trans.__('This needs a value.') : '';
  }
  switch (parameter.type) {
    case 'int':
      return /^[+-]?\d+$/.test(text)
        ? ''
        : trans.__('This must be a whole number.');
    case 'float':
      return isNumber(text) ? '' : trans.__('This must be a number.');
    case 'bool':
      return /^(true|false)$/i.test(text)
        ? ''
        : trans.__('This must be true or false.');
    case 'list':
      return Array.isArray(parsed(text))
        ? ''
        : trans.__('This must be a list, such as [1, 2].');
    case 'dict':
      return isMapping(parsed(text))
        ? ''
        : trans.__('This must be a mapping, such as {"a": 1}.');
    default:
      return '';
  }
}

function isNumber(text: string): boolean {
  return (
    /^[+-]?(nan|inf(inity)?)$/i.test(text) ||
    (text !== '' && Number.isFinite(Number(text)))
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isMapping(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** All that is wrong with the form. */
export function problemsOf(
  draft: IDraft,
  notebook: INotebook,
  trans: Trans
): Problems {
  const problems: Problems = {};
  const note = (field: string, problem: string): void => {
    if (problem) {
      problems[field] = problem;
    }
  };
  const { run, schedule } = draft;
  for (const parameter of notebook.parameters) {
    const { name } = parameter;
    const typed = run.parameters[name] ?? '';
    note(`parameter:${name}`, problemOfParameter(parameter, typed, trans));
  }
  note('cpus', between(run.cpus, 0, 4096, true, trans));
  note('memory', run.memory && between(run.memory, 0, 1e6, true, trans));
  note('gpus', whole(run.gpus, 1024, trans));
  note('limit', run.limit && between(run.limit, 0, 43_200, true, trans));
  note('retries', whole(run.retries, 10, trans));
  note('pause', between(run.pause, 0, 3600, true, trans));
  note('environment', problemOfEnvironment(run.environment, trans));
  if (run.output && !run.output.endsWith('.ipynb')) {
    note('output', trans.__('This must end in .ipynb.'));
  }
  if (schedule !== undefined) {
    note('name', problemOfName(schedule.name, trans));
    note('cron', problemOfCron(schedule.cron, trans));
    note('zone', problemOfZone(schedule.zone, trans));
    const { deadline } = schedule;
    note('deadline', deadline && between(deadline, 0, 1e7, false, trans));
    note('jitter', between(schedule.jitter, 0, 86_400, false, trans));
    note('succeeded', whole(schedule.succeeded, 10_000, trans));
    note('failed', whole(schedule.failed, 10_000, trans));
  }
  return problems;
}

function between(
  typed: string,
  least: number,
  most: number,
  above: boolean,
  trans: Trans
): string {
  const value = typed.trim() === '' ? NaN : Number(typed);
  const fits = (above ? value > least : value >= least) && value <= most;
  return fits
    ? ''
    : above
      ? trans.__('This must be over %1 and at most %2.', least, most)
      : trans.__('This must be from %1 to %2.', least, most);
}

function whole(typed: string, most: number, trans: Trans): string {
  return /^\d+$/.test(typed.trim()) && Number(typed) <= most
    ? ''
    : trans.__('This must be a whole number from 0 to %1.', most);
}

/** Lines of `NAME=value`; a name may come once. */
function variablesOf(typed: string): [string, string][] {
  return typed
    .split('\n')
    .filter(line => line.trim() !== '')
    .map(line => {
      const at = line.indexOf('=');
      return at < 0
        ? [line.trim(), '']
        : [line.slice(0, at).trim(), line.slice(at + 1)];
    });
}

function problemOfEnvironment(typed: string, trans: Trans): string {
  const lines = typed.split('\n').filter(line => line.trim() !== '');
  const wrong = lines.find(line => !/^\s*[A-Za-z_]\w*\s*=/.test(line));
  if (wrong !== undefined) {
    return trans.__('“%1” is not NAME=value.', wrong.trim().slice(0, 40));
  }
  const names = variablesOf(typed).map(([name]) => name);
  const twice = names.find((name, at) => names.indexOf(name) < at);
  return twice === undefined ? '' : trans.__('%1 is there twice.', twice);
}

function problemOfName(name: string, trans: Trans): string {
  return /^[a-z0-9][a-z0-9._-]{0,62}$/.test(name) && !name.includes('..')
    ? ''
    : trans.__(
        'A name has lower-case letters, digits, “.”, “_” and “-”, at most 63, and begins with a letter or digit.'
      );
}

/** What the hub would say of the rest is shown when it does. */
function problemOfCron(cron: string, trans: Trans): string {
  const text = cron.trim();
  return text.startsWith('@') || text.split(/\s+/).length === 5
    ? ''
    : trans.__(
        'A rule has five fields: minute, hour, day, month, weekday, such as 0 2 * * *.'
      );
}

function problemOfZone(zone: string, trans: Trans): string {
  try {
    Intl.DateTimeFormat(undefined, { timeZone: zone });
    return '';
  } catch {
    return trans.__('There is no such time zone; one is Europe/Vienna.');
  }
}

/** The run that is asked for; what is as the notebook has it is not sent. */
export function runBodyOf(
  draft: IDraft,
  notebook: INotebook,
  whole: string,
  kept: Partial<IRunBody> = {}
): IRunBody {
  const { run } = draft;
  const texts: Record<string, string> = {};
  for (const parameter of notebook.parameters) {
    const typed = run.parameters[parameter.name] ?? '';
    const initial = parameter.has_default
      ? typedOf(parameter, parameter.default)
      : '';
    if (typed !== initial) {
      texts[parameter.name] = typed;
    }
  }
  return {
    ...kept,
    notebook: whole,
    texts,
    parameters: {},
    kernel: run.kernel,
    output: run.output.trim() || null,
    resources: {
      cpus: Number(run.cpus),
      memory_bytes: Math.round(Number(run.memory || 0) * GB),
      gpus: Number(run.gpus)
    },
    run_seconds: run.limit ? Number(run.limit) * 60 : null,
    retries: Number(run.retries),
    backoff_seconds: Number(run.pause),
    environment: Object.fromEntries(variablesOf(run.environment))
  };
}

/** The schedule that is asked for; a change is of the revision that was seen. */
export function scheduleBodyOf(
  schedule: IScheduleDraft,
  run: IRunBody,
  present?: ISchedule
): IScheduleBody {
  const kept = present?.spec;
  return {
    run,
    cron: schedule.cron.trim(),
    time_zone: schedule.zone.trim(),
    concurrency: schedule.concurrency,
    starting_deadline_seconds: schedule.deadline
      ? Number(schedule.deadline) * 60
      : null,
    pinned: schedule.pinned,
    jitter_seconds: Number(schedule.jitter),
    succeeded_history: Number(schedule.succeeded),
    failed_history: Number(schedule.failed),
    ...(kept && { suspended: kept.suspended }),
    // 0 is "there is none yet": a schedule of this name is not written over
    revision: present?.revision ?? 0
  };
}
