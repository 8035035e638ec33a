/** Which rows of a long list are in view; only these need to be in the page. */

import React from 'react';

/** Rows kept in the page above and below the view, so that quick scrolling finds them there. */
const OVERSCAN = 12;
/** The view is taken to be this high until it has been measured. */
const UNMEASURED = 600;

export interface IWindowed {
  /** For the element that scrolls. */
  ref: React.RefObject<HTMLDivElement>;
  onScroll: () => void;
  /** Rows `first` to before `last` are to be in the page. */
  first: number;
  last: number;
  /** Whether the list is scrolled away from its head. */
  away: boolean;
  /** Scroll so that a row can be seen; `head` is what hides the view's upper edge. */
  reveal: (row: number, head?: number) => void;
  /** How many whole rows fit. */
  page: () => number;
}

/**
 * `subject` is what the list is about, `renewed` how often its head was asked for: with another
 * one it is looked at from its head.
 */
export function useWindowed(
  count: number,
  rowHeight: number,
  subject: unknown,
  renewed: number
): IWindowed {
  const ref = React.useRef<HTMLDivElement>(null);
  const [range, setRange] = React.useState({ first: 0, last: 0, away: false });

  const measure = React.useCallback(() => {
    const top = ref.current?.scrollTop ?? 0;
    const height = ref.current?.clientHeight || UNMEASURED;
    const next = {
      first: Math.max(0, Math.floor(top / rowHeight) - OVERSCAN),
      last: Math.min(count, Math.ceil((top + height) / rowHeight) + OVERSCAN),
      away: top > rowHeight / 2
    };
    setRange(known =>
      known.first === next.first &&
      known.last === next.last &&
      known.away === next.away
        ? known
        : next
    );
  }, [count, rowHeight]);

  React.useLayoutEffect(measure, [measure]);
  React.useEffect(() => {
    ref.current?.scrollTo({ top: 0 });
  }, [subject, renewed]);
  React.useEffect(() => {
    const observer = new ResizeObserver(measure);
    if (ref.current) {
      observer.observe(ref.current);
    }
    return () => observer.disconnect();
  }, [measure]);

  return {
    ref,
    onScroll: measure,
    first: Math.min(range.first, count),
    last: Math.min(range.last, count),
    away: range.away,
    reveal: (row, head = 0) => {
      const view = ref.current;
      if (!view) {
        return;
      }
      const top = row * rowHeight;
      const bottom = top + rowHeight - (view.clientHeight - head);
      if (top < view.scrollTop) {
        view.scrollTop = top;
      } else if (bottom > view.scrollTop) {
        view.scrollTop = bottom;
      }
    },
    page: () =>
      Math.max(
        1,
        Math.floor((ref.current?.clientHeight || UNMEASURED) / rowHeight) - 2
      )
  };
}
