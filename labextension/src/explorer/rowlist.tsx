import React from 'react';

import { IRecord } from '../api';
import { Trans, useNow } from '../react';
import { NewerButton } from './newerbutton';
import { endOf } from './notes';
import { RecordList } from './recordlist';
import { useRows } from './rows';
import { StackedRow } from './stackedrow';
import { agoOf } from './words';

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
  const now = useNow(15);
  const rows = useRows(list, { height: ROW, ahead: AHEAD, held: paused, open });
  return (
    <div className="mj-RowList">
      <NewerButton list={list} trans={trans} />
      <div
        {...rows.view}
        className="mj-RowList-view"
        role="listbox"
        tabIndex={0}
        aria-label={trans.__('Audit history, newest first')}
      >
        <div
          className="mj-RowList-whole"
          role="presentation"
          style={rows.whole}
        >
          <div role="presentation" style={rows.part}>
            {rows.inView.map(row => (
              <StackedRow
                key={row.record.index}
                {...row}
                count={list.complete ? list.records.length : -1}
                ago={agoOf(row.record.t_wall_us, now, trans)}
                trans={trans}
                onOpen={rows.open}
              />
            ))}
          </div>
        </div>
      </div>
      <div className="mj-RowList-end">{endOf(list, trans)}</div>
    </div>
  );
}
