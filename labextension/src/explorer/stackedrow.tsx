import React from 'react';

import { IRecord } from '../api';
import { plain, Text, Trans } from '../react';
import { IRow } from './rows';
import {
  actionOf,
  callerOf,
  isoOf,
  latencyOf,
  localOf,
  modelOf,
  objectOf,
  outcomeOf,
  sentenceOf,
  statusOf
} from './words';

interface IStackedRow extends IRow {
  /** Rows that there are, -1 when that is not known. */
  count: number;
  ago: string;
  trans: Trans;
  onOpen: (record: IRecord) => void;
}

/** Two lines: what was done to what, and by whom, how it ended and when. */
function Stacked(props: IStackedRow): JSX.Element {
  const { record, trans } = props;
  const sentence = sentenceOf(record, trans);
  return (
    // the list has the focus and takes the keys of all its rows
    // eslint-disable-next-line jsx-a11y/click-events-have-key-events
    <div
      id={props.id}
      className={`mj-Row mj-mod-${outcomeOf(record)}${props.active ? ' mj-mod-active' : ''}`}
      role="option"
      tabIndex={-1}
      aria-selected={props.active}
      aria-posinset={props.place + 1}
      aria-setsize={props.count}
      aria-label={`${sentence}, ${props.ago}`}
      onClick={() => props.onOpen(record)}
    >
      <div className="mj-Row-line">
        <span className="mj-Row-what" title={sentence}>
          <What record={record} trans={trans} />
        </span>
        <time
          className="mj-Row-time"
          title={`${localOf(record.t_wall_us)} (${isoOf(record.t_wall_us)})`}
        >
          {props.ago}
        </time>
      </div>
      <Ended record={record} trans={trans} />
    </div>
  );
}

interface IPart {
  record: IRecord;
  trans: Trans;
}

/** A call is told by what was called; a change by its name, and what it was about follows below. */
function What({ record, trans }: IPart): JSX.Element {
  const endpoint = record.endpoint && (
    <Text most={60}>{String(record.endpoint)}</Text>
  );
  return isCall(record) ? (
    <>
      {record.shadow && <i>{trans.__('shadow')} </i>}
      {endpoint}{' '}
      <Text className="mj-Row-model" most={60}>
        {versionOf(record)}
      </Text>
    </>
  ) : (
    <>
      <b>
        <Text most={40}>{actionOf(record, trans)}</Text>
      </b>{' '}
      {endpoint}
    </>
  );
}

function Ended({ record, trans }: IPart): JSX.Element {
  const status = statusOf(record, trans);
  const about = isCall(record)
    ? ''
    : [versionOf(record), objectOf(record)].filter(Boolean).join(' ');
  const who =
    callerOf(record) || (record.kind === 'system' ? trans.__('the hub') : '');
  const both = [about, who].filter(Boolean);
  return (
    <div className="mj-Row-line">
      <span className="mj-Row-who" title={plain(both.join(' · '), 300)}>
        {about && <Text className="mj-Row-about">{about}</Text>}
        {both.length > 1 && ' · '}
        <Text most={60}>{who}</Text>
      </span>
      {status && (
        <span className="mj-Row-status" title={plain(status, 300)}>
          <Text most={40}>{status}</Text>
        </span>
      )}
      <span className="mj-Row-latency">{latencyOf(record.latency_us)}</span>
    </div>
  );
}

function isCall(record: IRecord): boolean {
  return record.kind === 'prediction';
}

/** The model; only its version where the endpoint has its name. */
function versionOf(record: IRecord): string {
  return record.model?.name === record.endpoint &&
    record.model?.version !== undefined
    ? `v${record.model.version}`
    : modelOf(record);
}

export const StackedRow = React.memo(
  Stacked,
  (one, two) =>
    one.record === two.record &&
    one.ago === two.ago &&
    one.active === two.active &&
    one.place === two.place &&
    one.count === two.count
);
