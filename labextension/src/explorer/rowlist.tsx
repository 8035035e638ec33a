import React from 'react';

import { IRecord } from '../api';
import { Button, plain, Text, Trans, useNow } from '../react';
import { useActiveRow } from './keys';
import { endOf } from './notes';
import { RecordList } from './recordlist';
import { useWindowed } from './windowed';
import {
  actionOf,
  agoOf,
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

/** Height of a row in pixels, as `audit.css` has it. */
const ROW = 52;
/** Rows that are fetched before they come into view. */
const AHEAD = 60;

/** The history in stacked rows, for a narrow place. */
export function RowList(props: {
  list: RecordList;
  trans: Trans;
  paused: boolean;
  open: (record: IRecord) => void;
}): JSX.Element {
  const { list, trans, paused, open } = props;
  const { records } = list;
  const now = useNow(15);
  const id = React.useId();
  const windowed = useWindowed(records.length, ROW, list.asked);
  const active = useActiveRow(records, windowed, { open });
  const { last, away } = windowed;
  React.useEffect(() => list.hold(away || paused), [list, away, paused]);
  React.useEffect(() => list.want(last + AHEAD), [list, last, records.length]);

  return (
    <div className="mj-RowList">
      <NewerButton
        list={list}
        trans={trans}
        onClick={() => {
          list.showNewer();
          windowed.ref.current?.scrollTo({ top: 0 });
        }}
      />
      <div
        ref={windowed.ref}
        className="mj-RowList-view"
        role="listbox"
        tabIndex={0}
        aria-label={trans.__('Audit history, newest first')}
        aria-activedescendant={
          active.row >= windowed.first && active.row < last
            ? `${id}${records[active.row].index}`
            : undefined
        }
        onScroll={windowed.onScroll}
        onKeyDown={active.onKeyDown}
      >
        <div
          className="mj-RowList-whole"
          role="presentation"
          style={{ height: records.length * ROW }}
        >
          <div
            role="presentation"
            style={{ transform: `translateY(${windowed.first * ROW}px)` }}
          >
            {records.slice(windowed.first, last).map((record, at) => (
              <StackedRow
                key={record.index}
                id={`${id}${record.index}`}
                record={record}
                place={windowed.first + at + 1}
                count={list.complete ? records.length : -1}
                active={active.row === windowed.first + at}
                ago={agoOf(record.t_wall_us, now, trans)}
                trans={trans}
                onOpen={chosen => {
                  active.activate(chosen);
                  open(chosen);
                }}
              />
            ))}
          </div>
        </div>
      </div>
      <div className="mj-RowList-end">{endOf(list, trans)}</div>
    </div>
  );
}

/** Tells that there is something newer than what is shown. */
export function NewerButton(props: {
  list: RecordList;
  trans: Trans;
  onClick: () => void;
}): JSX.Element {
  const { list, trans } = props;
  const count = list.manyNewer ? `${list.newer}+` : String(list.newer);
  return (
    <div className="mj-Newer" role="status">
      {list.newer > 0 && (
        <Button
          label={trans.__('%1 new', count)}
          kind="accept"
          onClick={props.onClick}
        />
      )}
    </div>
  );
}

interface IStackedRow {
  id: string;
  record: IRecord;
  place: number;
  count: number;
  active: boolean;
  ago: string;
  trans: Trans;
  onOpen: (record: IRecord) => void;
}

/** Two lines: what was done to what, and by whom, how it ended and when. */
function Stacked(props: IStackedRow): JSX.Element {
  const { record, trans } = props;
  const model = versionOf(record);
  const call = record.kind === 'prediction';
  const status = statusOf(record, trans);
  const who =
    callerOf(record) || (record.kind === 'system' ? trans.__('the hub') : '');
  return (
    // the list has the focus and takes the keys of all its rows
    // eslint-disable-next-line jsx-a11y/click-events-have-key-events
    <div
      id={props.id}
      className={`mj-Row mj-mod-${outcomeOf(record)}${props.active ? ' mj-mod-active' : ''}`}
      role="option"
      tabIndex={-1}
      aria-selected={props.active}
      aria-posinset={props.place}
      aria-setsize={props.count}
      aria-label={`${sentenceOf(record, trans)}, ${props.ago}`}
      onClick={() => props.onOpen(record)}
    >
      <div className="mj-Row-line">
        <span className="mj-Row-what" title={sentenceOf(record, trans)}>
          {!call && <b>{<Text most={40}>{actionOf(record, trans)}</Text>} </b>}
          {record.shadow && <i>{trans.__('shadow')} </i>}
          {record.endpoint && <Text most={60}>{String(record.endpoint)}</Text>}
          {call && model && (
            <>
              {' '}
              <Text className="mj-Row-model" most={60}>
                {model}
              </Text>
            </>
          )}
          {!call && <Text most={60}>{` ${objectOf(record)}`}</Text>}
        </span>
        <time
          className="mj-Row-time"
          title={`${localOf(record.t_wall_us)} (${isoOf(record.t_wall_us)})`}
        >
          {props.ago}
        </time>
      </div>
      <div className="mj-Row-line">
        <span className="mj-Row-who" title={plain(who, 300)}>
          <Text most={60}>{who}</Text>
        </span>
        {status && (
          <span className="mj-Row-status" title={plain(status, 300)}>
            <Text most={40}>{status}</Text>
          </span>
        )}
        <span className="mj-Row-latency">{latencyOf(record.latency_us)}</span>
      </div>
    </div>
  );
}

/** The model; only its version where the endpoint has its name. */
function versionOf(record: IRecord): string {
  return record.model?.name === record.endpoint &&
    record.model?.version !== undefined
    ? `v${record.model.version}`
    : modelOf(record);
}

const StackedRow = React.memo(
  Stacked,
  (one, two) =>
    one.record === two.record &&
    one.ago === two.ago &&
    one.active === two.active &&
    one.place === two.place &&
    one.count === two.count
);
