import { Time } from '@jupyterlab/coreutils';
import React from 'react';

import { IViewContext } from '../context';
import { Facts } from '../hub/facts';
import { formatBytes, formatCount } from '../hub/format';
import { Text, Trans } from '../react';
import { IRun } from './types';
import { shortId } from './words';

/** So much of a digest tells it from the others that one is likely to see. */
const DIGEST = 12;

type Facts = Record<string, unknown>;

/** The facts that make a run repeatable; a record may hold more or less than is known here. */
export function Record(
  props: Pick<IViewContext, 'trans' | 'commands'> & { run: IRun }
): JSX.Element {
  const { run, trans } = props;
  const { record } = run;
  const git = asFacts(record.git);
  const environment = asFacts(record.environment);
  const data = Array.isArray(record.data) ? record.data.map(asFacts) : [];
  return (
    <details className="mj-Run-record">
      <summary>{trans.__('Record')}</summary>
      <Facts
        label={trans.__('Record of run %1', shortId(run.id))}
        facts={[
          [trans.__('Run'), <Code key="id">{run.id}</Code>],
          [trans.__('Asked for'), moment(run.submitted_at)],
          [trans.__('By'), <Text key="by">{run.submitted_by}</Text>],
          [trans.__('Because'), becauseOf(run, trans)],
          [trans.__('Notebook'), digest(run.spec.notebook_sha256)],
          [trans.__('Commit'), commitOf(git, trans)],
          [trans.__('Environment'), environmentOf(environment)],
          [trans.__('Seeds'), textOf(record.seeds)],
          ...data.map((one, at): [string, React.ReactNode] => [
            trans.__('Data %1', textOf(one.name) ?? at + 1),
            dataOf(one, trans)
          ]),
          [
            trans.__('Peak memory'),
            run.peak_bytes === null ? null : formatBytes(run.peak_bytes)
          ],
          [
            trans.__('Exit code'),
            run.exit_code === null ? null : String(run.exit_code)
          ],
          [trans.__('Signal'), run.signal === null ? null : String(run.signal)],
          [
            trans.__('Models'),
            run.models.length ? (
              <Text key="models">{run.models.join(', ')}</Text>
            ) : null
          ],
          [
            trans.__('MLflow run'),
            run.mlflow_run_id && <Code key="mlflow">{run.mlflow_run_id}</Code>
          ]
        ]}
      />
    </details>
  );
}

function Code(props: { children: string }): JSX.Element {
  return <Text className="mj-Fact-code">{props.children}</Text>;
}

function asFacts(value: unknown): Facts {
  return typeof value === 'object' && value !== null ? (value as Facts) : {};
}

function moment(seconds: number): string {
  return Time.format(new Date(seconds * 1000));
}

function digest(value: unknown): React.ReactNode {
  return typeof value === 'string' && value ? (
    <Text most={DIGEST} className="mj-Fact-code">
      {value}
    </Text>
  ) : null;
}

function becauseOf(run: IRun, trans: Trans): React.ReactNode {
  const { kind, of } = run.spec.trigger;
  const words: { [kind: string]: string } = {
    hand: trans.__('somebody asked'),
    schedule: trans.__('schedule'),
    sweep: trans.__('sweep'),
    drift: trans.__('drift alarm'),
    rerun: trans.__('repeat of')
  };
  return (
    <Text key="because">
      {[words[kind] ?? kind, of ?? ''].join(' ').trim()}
    </Text>
  );
}

function commitOf(git: Facts, trans: Trans): React.ReactNode {
  if (typeof git.commit !== 'string') {
    return null;
  }
  return (
    <React.Fragment key="commit">
      {digest(git.commit)}
      {typeof git.branch === 'string' && (
        <>
          {' '}
          <Text most={60}>{git.branch}</Text>
        </>
      )}{' '}
      {git.dirty === true && (
        <strong>{trans.__('and changes not committed')}</strong>
      )}
    </React.Fragment>
  );
}

function environmentOf(environment: Facts): React.ReactNode {
  const named = [environment.language, environment.version]
    .filter(part => typeof part === 'string')
    .join(' ');
  return named || environment.sha256 ? (
    <React.Fragment key="environment">
      <Text most={60}>{named}</Text> {digest(environment.sha256)}
    </React.Fragment>
  ) : null;
}

function dataOf(data: Facts, trans: Trans): React.ReactNode {
  return (
    <React.Fragment key="data">
      {typeof data.rows === 'number' &&
        trans._n('%2 row', '%2 rows', data.rows, formatCount(data.rows))}{' '}
      {digest(data.sha256)}
    </React.Fragment>
  );
}

function textOf(value: unknown): string | null {
  if (value === undefined || value === null) {
    return null;
  }
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text === '{}' || text === '' ? null : text.slice(0, 300);
}
