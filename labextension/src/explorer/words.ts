/** What a record says, in words and figures. */

import { IRecord } from '../api';
import { plain, Trans } from '../react';

/** So much of an id tells it from the others that one is likely to see. */
const ID = 6;

export type Outcome = 'good' | 'bad' | 'open' | 'plain';

/** How it ended, for its colour; the words say it too. */
export function outcomeOf(record: IRecord): Outcome {
  if (record.error || (record.status ?? 0) >= 400) {
    return 'bad';
  }
  if (record.phase === 'intent') {
    return 'open';
  }
  return typeof record.status === 'number' ? 'good' : 'plain';
}

/** Status and error in short: `200`, `429 overloaded`, `asked for`. */
export function statusOf(record: IRecord, trans: Trans): string {
  if (record.phase === 'intent') {
    return trans.__('asked for');
  }
  const said = [record.status, record.error].filter(
    part => part !== undefined && part !== null && part !== ''
  );
  return said.join(' ');
}

/** What was done, as a phrase without its object. */
export function actionOf(record: IRecord, trans: Trans): string {
  const action = record.action ?? record.kind;
  switch (action) {
    case 'predict':
    case 'prediction':
      return record.shadow ? trans.__('Shadow call') : trans.__('Call');
    case 'deploy':
      return trans.__('Deploy');
    case 'scale':
      return trans.__('Scale');
    case 'traffic':
      return trans.__('Share out traffic');
    case 'promote':
      return trans.__('Promote');
    case 'rollback':
      return trans.__('Roll back');
    case 'undeploy':
      return trans.__('Undeploy');
    case 'register':
      return trans.__('Register model');
    case 'alias.set':
      return trans.__('Set alias');
    case 'version.register':
      return trans.__('Catalogue version');
    case 'version.update':
      return trans.__('Update version');
    case 'token.create':
      return trans.__('Make token');
    case 'token.revoke':
      return trans.__('Revoke token');
    case 'payload.read':
      return trans.__('Read payload');
    case 'audit.verify':
      return trans.__('Verify the ledger');
    case 'audit.gap':
      return trans.__('Gap in the audit');
    case 'audit.unavailable':
      return trans.__('Ledger could not be written');
    case 'audit.new_identity':
      return trans.__('Ledger has a new identity');
    case 'hub.start':
      return trans.__('Hub started');
    case 'hub.stop':
      return record.kind === 'control'
        ? trans.__('Stop the hub')
        : trans.__('Hub stopped');
    case 'endpoint.recovered':
      return trans.__('Endpoint served again');
    default:
      return actionOfRuns(action, trans);
  }
}

function actionOfRuns(action: string, trans: Trans): string {
  switch (action) {
    case 'run.submit':
      return trans.__('Ask for a run');
    case 'run.start':
      return trans.__('Run started');
    case 'run.end':
      return trans.__('Run ended');
    case 'run.cancel':
      return trans.__('Cancel a run');
    case 'run.verdict':
      return trans.__('Repeat compared');
    case 'run.drop':
      return trans.__('Old runs removed');
    case 'schedule.save':
      return trans.__('Save schedule');
    case 'schedule.suspend':
      return trans.__('Suspend schedule');
    case 'schedule.resume':
      return trans.__('Resume schedule');
    case 'schedule.delete':
      return trans.__('Delete schedule');
    case 'sweep.start':
      return trans.__('Ask for a sweep');
    case 'sweep.end':
      return trans.__('Sweep ended');
    default:
      return action;
  }
}

/** Name and version of the model: `churn/3`. */
export function modelOf(record: IRecord): string {
  const { name, version } = record.model ?? {};
  return [name, version]
    .filter(part => part !== undefined && part !== null)
    .join('/');
}

/** Who did it; for whom, where Jupyter's server acted for somebody. */
export function callerOf(record: IRecord): string {
  return record.on_behalf_of?.sub ?? record.actor?.sub ?? '';
}

/** What the action was about: the run, or what the record's detail names. */
export function objectOf(record: IRecord): string {
  const known = reader(record.detail);
  switch (record.action) {
    case 'run.submit':
    case 'run.start':
    case 'run.end':
    case 'run.cancel':
    case 'run.verdict':
      return runOf(record);
    case 'schedule.save':
    case 'schedule.suspend':
    case 'schedule.resume':
    case 'schedule.delete':
      return known('schedule');
    case 'sweep.start':
    case 'sweep.end':
      return [fileOf(known('notebook')), known('sweep').slice(0, ID)]
        .filter(Boolean)
        .join(' ');
    case 'scale':
      return known('scaling');
    case 'alias.set':
      return known('alias');
    case 'payload.read':
      return [known('side'), known('record')].filter(Boolean).join(' · ');
    case 'token.create':
    case 'token.revoke':
      return known('name') || known('token_id');
    default:
      return '';
  }
}

/** Notebook and id of a run, and how a repeat of it came out. */
function runOf(record: IRecord): string {
  const known = reader(record.run);
  return [
    fileOf(known('notebook')),
    known('id').slice(0, ID),
    reader(record.detail)('verdict').replace('_', ' ')
  ]
    .filter(Boolean)
    .join(' ');
}

/** A notebook's name without folder and ending. */
function fileOf(path: string): string {
  const name = path.split(/[\\/]/).pop() ?? '';
  return name.replace(/\.ipynb$/, '');
}

/** Reads what is text or a number from facts that may hold anything. */
function reader(facts: unknown): (name: string) => string {
  const from = (facts ?? {}) as Record<string, unknown>;
  return name => {
    const value = from[name];
    return typeof value === 'string' || typeof value === 'number'
      ? String(value)
      : '';
  };
}

/** One line for screen readers and titles of tabs. */
export function sentenceOf(record: IRecord, trans: Trans): string {
  return [
    actionOf(record, trans),
    record.endpoint,
    modelOf(record),
    objectOf(record),
    callerOf(record),
    statusOf(record, trans)
  ]
    .filter(Boolean)
    .map(part => plain(String(part), 80))
    .join(', ');
}

/** `3.2 ms`; nothing when it is not known. */
export function latencyOf(microseconds: number | undefined): string {
  if (typeof microseconds !== 'number' || !Number.isFinite(microseconds)) {
    return '';
  }
  const ms = microseconds / 1000;
  if (ms >= 10_000) {
    return `${(ms / 1000).toFixed(1)} s`;
  }
  return `${ms >= 100 ? ms.toFixed(0) : ms.toFixed(1)} ms`;
}

function dateOf(microseconds: number): Date | undefined {
  const date = new Date(microseconds / 1000);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/** The moment in UTC with its microseconds, for titles and copies. */
export function isoOf(microseconds: number): string {
  const date = dateOf(microseconds);
  if (date === undefined) {
    return '';
  }
  const micros = String(Math.floor(microseconds) % 1000).padStart(3, '0');
  return date.toISOString().replace('Z', `${micros}Z`);
}

/** The moment as the reader's clock had it, of fixed width. */
export function localOf(microseconds: number): string {
  const date = dateOf(microseconds);
  if (date === undefined) {
    return '–';
  }
  const two = (value: number) => String(value).padStart(2, '0');
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()]
    .map(two)
    .join('-');
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map(two)
    .join(':');
  return `${day} ${time}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** How long ago, roughly; `now` in milliseconds. */
export function agoOf(microseconds: number, now: number, trans: Trans): string {
  const seconds = Math.round(now / 1000 - microseconds / 1e6);
  if (!Number.isFinite(seconds)) {
    return '–';
  }
  if (seconds < 10) {
    return trans.__('now');
  }
  if (seconds < 60) {
    return trans.__('%1 s ago', seconds);
  }
  if (seconds < 3600) {
    return trans.__('%1 min ago', Math.floor(seconds / 60));
  }
  if (seconds < 86_400) {
    return trans.__('%1 h ago', Math.floor(seconds / 3600));
  }
  return trans._n('%1 day ago', '%1 days ago', Math.floor(seconds / 86_400));
}
