/** Moving through rows with the keyboard; the list keeps the focus and names the active row. */

import React from 'react';

import { IRecord } from '../api';
import { IWindowed } from './windowed';

export interface IActiveRow {
  /** Place of the active record in the list, -1 when there is none. */
  row: number;
  activate: (record: IRecord) => void;
  onKeyDown: (event: React.KeyboardEvent) => void;
}

/** The active row stays the same record when others come before it. */
export function useActiveRow(
  records: readonly IRecord[],
  windowed: IWindowed,
  options: {
    head?: number;
    open: (record: IRecord) => void;
    close?: () => void;
  }
): IActiveRow {
  const [active, setActive] = React.useState<number>();
  const row = active === undefined ? -1 : placeOf(records, active);

  const go = (to: number) => {
    const place = Math.max(0, Math.min(to, records.length - 1));
    if (records.length > 0) {
      setActive(records[place].index);
      windowed.reveal(place, options.head);
    }
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    const page = windowed.page();
    const moves: Record<string, () => void> = {
      ArrowDown: () => go(row + 1),
      ArrowUp: () => go(row - 1),
      PageDown: () => go(row + page),
      PageUp: () => go(row - page),
      Home: () => go(0),
      End: () => go(records.length - 1),
      Enter: () => row >= 0 && options.open(records[row]),
      ' ': () => row >= 0 && options.open(records[row])
    };
    const act = event.key === 'Escape' ? options.close : moves[event.key];
    if (act && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      event.stopPropagation();
      act();
    }
  };
  return { row, activate: record => setActive(record.index), onKeyDown };
}

/** Records are sorted by index, the highest first. */
export function placeOf(records: readonly IRecord[], index: number): number {
  let low = 0;
  let high = records.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const there = records[middle].index;
    if (there === index) {
      return middle;
    }
    if (there > index) {
      low = middle + 1;
    } else {
      high = middle - 1;
    }
  }
  return -1;
}
