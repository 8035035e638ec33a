import React from 'react';

import { Button, ErrorNote, Trans } from '../react';
import { RunApi, Stream } from './api';
import { ILog, useLog } from './log';
import { linesOf } from './printed';
import { IRun } from './types';

/** What the kernel prints, as it comes: the end first, what was before it when it is wanted. */
export function RunLog(props: {
  run: IRun;
  api: RunApi;
  trans: Trans;
}): JSX.Element {
  const { run, api, trans } = props;
  const [stream, setStream] = React.useState<Stream>('stdout');
  const atEnd = React.useRef(true);
  const { log, error, retry, earlier } = useLog(api, run.id, stream, atEnd);
  const view = useSteadyView(log, atEnd);
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
        {log.start > 0 && (
          <Button
            kind="link"
            label={trans.__('Show what was before')}
            onClick={earlier}
          />
        )}
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
        {linesOf(log.text).join('\n') ||
          (log.ended
            ? trans.__('It printed nothing here.')
            : trans.__('Nothing has been printed here yet.'))}
      </pre>
    </div>
  );
}

/** Who reads the end stays there; who has scrolled back keeps the lines in view, whatever comes. */
function useSteadyView(
  log: ILog,
  atEnd: React.RefObject<boolean>
): React.RefObject<HTMLPreElement> {
  const view = React.useRef<HTMLPreElement>(null);
  const before = React.useRef({ start: 0, height: 0 });
  React.useLayoutEffect(() => {
    const shown = view.current;
    if (shown === null) {
      return;
    }
    if (log.start < before.current.start) {
      shown.scrollTop += shown.scrollHeight - before.current.height;
    } else if (atEnd.current) {
      shown.scrollTop = shown.scrollHeight;
    }
    before.current = { start: log.start, height: shown.scrollHeight };
  }, [log, atEnd]);
  return view;
}
