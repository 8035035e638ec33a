/** A run's log in parts: its tail, what comes after it, and what was before it. */

import React from 'react';

import { ApiError } from '../api';
import { asApiError } from '../value';
import { RunApi, Stream } from './api';
import { ILogPart } from './types';

/** Seconds between two looks while the run goes on. */
const LOOK_SECONDS = 1;
/** Bytes that are read at first, and with each step back. */
const STEP = 64 * 1024;
/** Characters that are kept while only the end is looked at. */
const MOST = 200_000;

export interface ILog {
  text: string;
  /** The byte that it begins with. */
  start: number;
  ended: boolean;
}

/** The log as far as it was read, and a way to read what was before. */
export function useLog(
  api: RunApi,
  id: string,
  stream: Stream,
  atEnd: React.RefObject<boolean>
): {
  log: ILog;
  error: ApiError | undefined;
  retry: () => void;
  earlier: () => void;
} {
  const [parts, setParts] = React.useState<ILogPart[]>([]);
  const [error, setError] = React.useState<ApiError>();
  const [attempt, retry] = React.useReducer((count: number) => count + 1, 0);
  React.useEffect(() => {
    let gone = false;
    let timer = 0;
    let offset = -STEP;
    setParts([]);
    const read = async (): Promise<void> => {
      try {
        const part = await api.log(id, stream, offset);
        if (gone) {
          return;
        }
        const more = part.text !== '';
        const behind = part.ended ? more : part.text.length > STEP;
        offset = part.next;
        setError(undefined);
        setParts(before => joined(before, part, atEnd.current ?? false));
        if (more || !part.ended) {
          const pause = behind ? 0 : LOOK_SECONDS * 1000;
          timer = window.setTimeout(() => void read(), pause);
        }
      } catch (thrown) {
        if (!gone) {
          setError(asApiError(thrown));
        }
      }
    };
    void read();
    return () => {
      gone = true;
      window.clearTimeout(timer);
    };
  }, [api, id, stream, attempt, atEnd]);
  const earlier = React.useCallback(async (): Promise<void> => {
    const [first] = parts;
    try {
      const part = await api.log(id, stream, -STEP, first.start);
      setParts(now => (now[0] === first ? [part, ...now] : now));
    } catch (thrown) {
      setError(asApiError(thrown));
    }
  }, [api, id, stream, parts]);
  const log = React.useMemo(
    () => ({
      text: parts.map(({ text }) => text).join(''),
      start: parts[0]?.start ?? 0,
      ended: parts.at(-1)?.ended ?? false
    }),
    [parts]
  );
  return { log, error, retry, earlier: () => void earlier() };
}

/** With what has come; the oldest parts give way unless somebody reads there. */
export function joined(
  parts: ILogPart[],
  part: ILogPart,
  cut: boolean
): ILogPart[] {
  const last = parts.at(-1);
  if (last !== undefined && part.text === '') {
    return last.ended === part.ended
      ? parts
      : [...parts.slice(0, -1), { ...last, ended: part.ended }];
  }
  const all = [...parts, part];
  let size = all.reduce((sum, { text }) => sum + text.length, 0);
  let first = 0;
  while (cut && size > MOST && first < all.length - 1) {
    size -= all[first++].text.length;
  }
  return all.slice(first);
}
