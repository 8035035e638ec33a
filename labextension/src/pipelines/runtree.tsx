import React from 'react';

import { Api, IRecord } from '../api';
import { useAnswer } from '../explorer/answer';
import { latencyOf, modelOf, outcomeOf, statusOf } from '../explorer/words';
import { Button, ErrorNote, Loading, plain, Trans } from '../react';
import { beginOf, IRun, ISpan, parentOf, readRun } from './run';

/** Pixels for each pipeline that a step is inside of. */
const INDENT = 14;

interface IRunTree {
  record: IRecord;
  api: Pick<Api, 'records'>;
  trans: Trans;
  open: (key: string) => void;
}

/** The call of a pipeline that a record belongs to: its steps, their times and outcomes. */
export function RunTree(props: IRunTree): JSX.Element {
  const { record, api, trans } = props;
  const found = useAnswer(record.id, () => readRun(record, api));
  const title = trans.__('Steps of the call');
  return (
    <section aria-label={title}>
      <h3>{title}</h3>
      {found.error && (
        <ErrorNote error={found.error} trans={trans} retry={found.again} />
      )}
      {!found.value && !found.error && (
        <Loading trans={trans} what={trans.__('Loading…')} />
      )}
      {found.value && <Tree {...props} run={found.value} />}
    </section>
  );
}

function Tree(props: IRunTree & { run: IRun }): JSX.Element {
  const { record, run, trans, open } = props;
  const parent = parentOf(record, run.spans);
  const { name, step } = record.pipeline ?? {};
  return (
    <>
      {step !== undefined && parent && (
        <p>
          {trans.__('Step %1 of a call of', plain(step, 60))}{' '}
          <Button
            kind="link"
            label={plain(String(name ?? parent.endpoint), 60)}
            onClick={() => open(String(parent.id))}
          />
        </p>
      )}
      <Spans {...props} spans={run.spans} depth={0} />
      {run.partial && (
        <p className="mj-Quiet">
          {trans.__('Only a part of the ledger was searched for them.')}
        </p>
      )}
    </>
  );
}

function Spans(
  props: IRunTree & { run: IRun; spans: ISpan[]; depth: number }
): JSX.Element | null {
  return props.spans.length === 0 ? null : (
    <ul className="mj-Run-spans">
      {props.spans.map(({ record, inner }) => (
        <li key={record.index}>
          <Span {...props} one={record} />
          <Spans {...props} spans={inner} depth={props.depth + 1} />
        </li>
      ))}
    </ul>
  );
}

function Span(
  props: IRunTree & { run: IRun; one: IRecord; depth: number }
): JSX.Element {
  const { one, record, run, depth, trans, open } = props;
  const name = nameOf(one, trans);
  const bad = outcomeOf(one) === 'bad';
  const result = resultOf(one, trans);
  const times = [
    trans.__('at %1 ms', (beginOf(one) / 1000).toFixed(1)),
    latencyOf(one.latency_us)
  ];
  return (
    <div className="mj-Run-span">
      {/* the words are indented and not the bars, which are all to one scale */}
      <div style={{ paddingInlineStart: INDENT * depth }}>
        {one.id === record.id ? (
          <strong aria-current="true">{name}</strong>
        ) : (
          <Button
            kind="link"
            label={name}
            onClick={() => open(String(one.id))}
          />
        )}
        <div className="mj-Run-facts">
          {modelOf(one) && <bdi>{plain(modelOf(one), 80)} · </bdi>}
          {bad ? <strong>{result}</strong> : result}
          {times.filter(Boolean).map(time => ` · ${time}`)}
        </div>
      </div>
      <Bar one={one} took={run.took} bad={bad} />
    </div>
  );
}

/** When it ran within the call; the text beside it says it too. */
function Bar(props: {
  one: IRecord;
  took: number;
  bad: boolean;
}): JSX.Element | null {
  const { one, took, bad } = props;
  if (took <= 0 || one.latency_us === undefined) {
    return null;
  }
  const percent = (part: number): string =>
    `${Math.min((100 * part) / took, 100).toFixed(2)}%`;
  return (
    <div className="mj-Run-bar" aria-hidden="true">
      <span
        className={bad ? 'mj-mod-bad' : undefined}
        style={{
          marginInlineStart: percent(beginOf(one)),
          width: percent(one.latency_us)
        }}
      />
    </div>
  );
}

function nameOf(record: IRecord, trans: Trans): string {
  const { step, attempt, fallback } = record.pipeline ?? {};
  const more = [
    attempt ? trans.__('attempt %1', attempt) : '',
    fallback ? trans.__('fallback') : '',
    record.shadow ? trans.__('shadow') : ''
  ].filter(Boolean);
  const name = plain(String(step ?? record.endpoint ?? record.id), 60);
  return more.length > 0 ? `${name} (${more.join(', ')})` : name;
}

function resultOf(record: IRecord, trans: Trans): string {
  switch (record.action) {
    case 'skip':
      return trans.__('skipped');
    case 'fallback':
      return trans.__('fallback value');
    default:
      return plain(statusOf(record, trans), 120);
  }
}
