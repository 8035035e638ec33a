import React from 'react';

import { ApiError } from '../api';
import { Button, ErrorNote, Trans } from '../react';
import { asApiError } from '../value';
import { RunApi, Stream } from './api';
import { linesOf } from './printed';
import { IRun } from './types';

/** Seconds between two looks while the run goes on. */
const LOOK_SECONDS = 1;
/** Characters that are kept: the end is what one looks for. */
const MOST = 200_000;

interface ILog {
  text: string;
  /** Whether something before it is left out. */
  cut: boolean;
  ended: boolean;
}

/** What the kernel prints, as it comes. */
export function RunLog(props: {
  run: IRun;
  api: RunApi;
  trans: Trans;
}): JSX.Element {
  const { run, api, trans } = props;
  const [stream, setStream] = React.useState<Stream>('stdout');
  const [log, error, retry] = useLog(api, run.id, stream);
  const view = React.useRef<HTMLPreElement>(null);
  const atEnd = React.useRef(true);
  React.useLayoutEffect(() => {
    // who has scrolled back reads there
    if (view.current && atEnd.current) {
      view.current.scrollTop = view.current.scrollHeight;
    }
  }, [log]);
  const streams: [Stream, string][] = [
    ['stdout', trans.__('stdout')],
    ['stderr', trans.__('stderr')]
  ];
  return (
    <div className="mj-Run-log">
      <div role="group" aria-label={trans.__('Which log')}>
        {streams.map(([one, label]) => (
          <Button
            key={one}
            label={label}
            pressed={stream === one}
            onClick={() => setStream(one)}
          />
        ))}
      </div>
      {error && <ErrorNote error={error} trans={trans} retry={retry} />}
      <pre
        ref={view}
        role="log"
        tabIndex={0}
        aria-label={trans.__('What the run printed')}
        onScroll={({
          currentTarget: { scrollTop, scrollHeight, clientHeight }
        }) => {
          atEnd.current = scrollTop + clientHeight > scrollHeight - 8;
        }}
      >
        {log.cut && trans.__('(the beginning is left out)') + '\n'}
        {linesOf(log.text).join('\n') ||
          (log.ended
            ? trans.__('It printed nothing here.')
            : trans.__('Nothing has been printed here yet.'))}
      </pre>
    </div>
  );
}

function useLog(
  api: RunApi,
  id: string,
  stream: Stream
): [ILog, ApiError | undefined, () => void] {
  const [log, setLog] = React.useState<ILog>(NOTHING);
  const [error, setError] = React.useState<ApiError>();
  const [attempt, again] = React.useReducer((count: number) => count + 1, 0);
  React.useEffect(() => {
    let gone = false;
    let timer = 0;
    let offset = 0;
    setLog(NOTHING);
    const read = async (): Promise<void> => {
      try {
        const part = await api.log(id, stream, offset);
        if (gone) {
          return;
        }
        const more = part.next > offset;
        offset = part.next;
        setError(undefined);
        setLog(before => appended(before, part.text, part.ended));
        if (more || !part.ended) {
          timer = window.setTimeout(
            () => void read(),
            more ? 0 : LOOK_SECONDS * 1000
          );
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
  }, [api, id, stream, attempt]);
  return [log, error, again];
}

const NOTHING: ILog = { text: '', cut: false, ended: false };

function appended(before: ILog, more: string, ended: boolean): ILog {
  if (more === '' && before.ended === ended) {
    return before;
  }
  const text = before.text + more;
  return {
    text: text.slice(-MOST),
    cut: before.cut || text.length > MOST,
    ended
  };
}
