/** What a listbox and a grid of records have in common. */

import React from 'react';

import { IRecord } from '../api';
import { useActiveRow } from './keys';
import { RecordList } from './recordlist';
import { useWindowed } from './windowed';

export interface IRow {
  id: string;
  record: IRecord;
  /** In the whole list, from 0. */
  place: number;
  active: boolean;
}

export interface IRows {
  /** For the element that scrolls, has the focus and takes the keys. */
  view: {
    ref: React.RefObject<HTMLDivElement>;
    onScroll: () => void;
    onKeyDown: (event: React.KeyboardEvent) => void;
    'aria-activedescendant': string | undefined;
  };
  /** Styles of an element as high as all rows, and of the one in it that has those in view. */
  whole: React.CSSProperties;
  part: React.CSSProperties;
  inView: IRow[];
  open: (record: IRecord) => void;
}

/** Rows of one height, of which only those in view are in the page, and one is active. */
export function useRows(
  list: RecordList,
  options: {
    /** Of a row, in pixels. */
    height: number;
    /** What hides the upper edge of the view, in pixels. */
    head?: number;
    /** Rows that are fetched before they come into view. */
    ahead: number;
    /** Whether newer records wait although the head of the list is in view. */
    held: boolean;
    open: (record: IRecord) => void;
    close?: () => void;
  }
): IRows {
  const { records } = list;
  const { height, ahead, open } = options;
  const id = React.useId();
  const windowed = useWindowed(
    records.length,
    height,
    list.asked,
    list.renewed
  );
  const active = useActiveRow(records, windowed, options);
  const { first, last } = windowed;
  const held = windowed.away || options.held;
  React.useEffect(() => list.hold(held), [list, held]);
  React.useEffect(
    () => list.want(last + ahead),
    [list, last, ahead, records.length]
  );
  const inView = records.slice(first, last).map((record, at) => ({
    id: `${id}${record.index}`,
    record,
    place: first + at,
    active: active.row === first + at
  }));
  return {
    view: {
      ref: windowed.ref,
      onScroll: windowed.onScroll,
      onKeyDown: active.onKeyDown,
      'aria-activedescendant': inView.find(row => row.active)?.id
    },
    whole: { height: records.length * height },
    part: { transform: `translateY(${first * height}px)` },
    inView,
    open: record => {
      active.activate(record);
      open(record);
    }
  };
}
