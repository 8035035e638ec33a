/** React's side of a list of records. */

import React from 'react';

import { Store } from '../store';
import { IAsked, sameAsked } from './asked';
import { RecordList } from './recordlist';

/** Whether the element can be seen: not folded away, scrolled out, or in a hidden tab. */
export function useShown(element: React.RefObject<HTMLElement>): boolean {
  const [shown, setShown] = React.useState(true);
  React.useEffect(() => {
    let within = true;
    const tell = () => setShown(within && !document.hidden);
    const observer = new IntersectionObserver(entries => {
      within = entries[entries.length - 1].isIntersecting;
      tell();
    });
    if (element.current) {
      observer.observe(element.current);
    }
    document.addEventListener('visibilitychange', tell);
    return () => {
      observer.disconnect();
      document.removeEventListener('visibilitychange', tell);
    };
  }, [element]);
  return shown;
}

/** The list for a question; renders again with it, and is live while `shown`. */
export function useRecordList(
  store: Store,
  asked: IAsked,
  shown: boolean
): RecordList | undefined {
  const [, tick] = React.useReducer((count: number) => count + 1, 0);
  const [list, setList] = React.useState<RecordList>();
  const first = React.useRef(asked);
  React.useEffect(() => {
    const made = new RecordList(store, first.current);
    made.changed.connect(tick);
    setList(made);
    return () => made.dispose();
  }, [store]);
  React.useEffect(() => {
    if (list && shown) {
      const watching = list.watch();
      return () => watching.dispose();
    }
    return undefined;
  }, [list, shown]);
  React.useEffect(() => {
    first.current = asked;
    if (list && !sameAsked(list.asked, asked)) {
      list.ask(asked);
    }
  }, [list, asked]);
  return list;
}
