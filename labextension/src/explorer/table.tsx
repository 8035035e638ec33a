import React from 'react';

import { IRecord } from '../api';
import { formatCount } from '../hub/format';
import { plain, Trans } from '../react';
import { endOf } from './notes';
import { RecordList } from './recordlist';
import { IRow, useRows } from './rows';
import {
  actionOf,
  callerOf,
  isoOf,
  latencyOf,
  localOf,
  modelOf,
  objectOf,
  outcomeOf,
  statusOf
} from './words';

/** Height of a row and of the head in pixels, as `explorer.css` has it. */
const ROW = 28;
/** Rows that are fetched before they come into view. */
const AHEAD = 200;

interface IColumn {
  name: string;
  title: string;
  text: (record: IRecord) => string;
}

function columns(trans: Trans): IColumn[] {
  return [
    {
      name: 'time',
      title: trans.__('Time'),
      text: record => localOf(record.t_wall_us)
    },
    {
      name: 'what',
      title: trans.__('What'),
      text: record =>
        [actionOf(record, trans), objectOf(record)].filter(Boolean).join(' ')
    },
    {
      name: 'endpoint',
      title: trans.__('Endpoint'),
      text: record => record.endpoint ?? ''
    },
    { name: 'model', title: trans.__('Model'), text: modelOf },
    { name: 'caller', title: trans.__('Caller'), text: callerOf },
    {
      name: 'status',
      title: trans.__('Status'),
      text: record => statusOf(record, trans)
    },
    {
      name: 'latency',
      title: trans.__('Latency'),
      text: record => latencyOf(record.latency_us)
    },
    {
      name: 'rows',
      title: trans.__('Rows'),
      text: record =>
        typeof record.rows === 'number' ? formatCount(record.rows) : ''
    },
    {
      name: 'index',
      title: trans.__('Index'),
      text: record => String(record.index)
    }
  ];
}

/** The history with a column for each fact; only rows in view are in the page. */
export function Table(props: {
  list: RecordList;
  trans: Trans;
  paused: boolean;
  /** Id or index of the record that is open. */
  opened: string | null;
  open: (record: IRecord) => void;
  close: () => void;
}): JSX.Element {
  const { list, trans, paused, opened, open, close } = props;
  const shown = React.useMemo(() => columns(trans), [trans]);
  const rows = useRows(list, {
    height: ROW,
    head: ROW,
    ahead: AHEAD,
    held: paused || opened !== null,
    open,
    close
  });
  useFocusAfter(opened, rows.view.ref);
  return (
    <div className="mj-Table">
      <div
        {...rows.view}
        className="mj-Table-view"
        role="grid"
        tabIndex={0}
        aria-label={trans.__('Audit history, newest first')}
        aria-rowcount={list.complete ? list.records.length + 1 : -1}
        aria-colcount={shown.length}
        aria-readonly
      >
        <Head columns={shown} />
        <div className="mj-Table-whole" role="rowgroup" style={rows.whole}>
          <div className="mj-Table-rows" role="presentation" style={rows.part}>
            {rows.inView.map(row => (
              <TableRow
                key={row.record.index}
                {...row}
                columns={shown}
                opened={
                  opened === row.record.id ||
                  opened === String(row.record.index)
                }
                onOpen={rows.open}
              />
            ))}
          </div>
        </div>
      </div>
      <div className="mj-Table-end">{endOf(list, trans)}</div>
    </div>
  );
}

function Head(props: { columns: IColumn[] }): JSX.Element {
  return (
    <div className="mj-Table-head" role="row" aria-rowindex={1}>
      {props.columns.map(column => (
        <div
          key={column.name}
          role="columnheader"
          className={`mj-Cell mj-Cell-${column.name}`}
        >
          {column.title}
        </div>
      ))}
    </div>
  );
}

/** When the record is closed the keys go on where they were. */
function useFocusAfter(
  opened: string | null,
  element: React.RefObject<HTMLElement>
): void {
  const before = React.useRef(opened);
  React.useEffect(() => {
    if (before.current !== null && opened === null) {
      element.current?.focus();
    }
    before.current = opened;
  }, [opened, element]);
}

interface ITableRow extends IRow {
  columns: IColumn[];
  opened: boolean;
  onOpen: (record: IRecord) => void;
}

function Row(props: ITableRow): JSX.Element {
  const { record, active, opened } = props;
  const states = [
    'mj-Table-row',
    `mj-mod-${outcomeOf(record)}`,
    active ? 'mj-mod-active' : '',
    opened ? 'mj-mod-opened' : ''
  ];
  return (
    // the grid has the focus and takes the keys of all its rows
    // eslint-disable-next-line jsx-a11y/click-events-have-key-events
    <div
      id={props.id}
      role="row"
      tabIndex={-1}
      // the head is the first
      aria-rowindex={props.place + 2}
      aria-selected={active || opened}
      className={states.join(' ')}
      onClick={() => props.onOpen(record)}
    >
      {props.columns.map(column => (
        <Cell key={column.name} column={column} record={record} />
      ))}
    </div>
  );
}

function Cell(props: { column: IColumn; record: IRecord }): JSX.Element {
  const { column, record } = props;
  const text = column.text(record);
  const title = column.name === 'time' ? isoOf(record.t_wall_us) : text;
  return (
    <div
      role="gridcell"
      className={`mj-Cell mj-Cell-${column.name}`}
      title={plain(title, 1000)}
    >
      {column.name === 'time' ? (
        <Moment>{text}</Moment>
      ) : (
        <bdi>{plain(text, 80)}</bdi>
      )}
    </div>
  );
}

/** A moment whose year gives way where there is little room. */
function Moment(props: { children: string }): JSX.Element {
  const [, year, rest] = /^(\d+-)?(.*)$/.exec(props.children) ?? [];
  return (
    <bdi>
      <span className="mj-Cell-year">{year}</span>
      {rest}
    </bdi>
  );
}

const TableRow = React.memo(
  Row,
  (one, two) =>
    one.record === two.record &&
    one.place === two.place &&
    one.active === two.active &&
    one.opened === two.opened &&
    one.columns === two.columns &&
    one.id === two.id
);
