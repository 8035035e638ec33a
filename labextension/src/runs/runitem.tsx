import React from 'react';

import { IStatus } from '../api';
import { IViewContext } from '../context';
import { FoldButton } from '../fold';
import { Since } from '../hub/since';
import { lazily } from '../lazy';
import { plain, Text, Trans, useNow } from '../react';
import { RunList } from './runlist';
import { StateMark } from './statemark';
import { IRun } from './types';
import { verdictOf, VerdictMark } from './verdictmark';
import {
  formatSeconds,
  isEnd,
  metricsOf,
  nameOf,
  parametersOf,
  secondsOf,
  shortId,
  usualSeconds
} from './words';

// most runs are only looked at from afar
const RunDetail = lazily(() => import('./rundetail'));

/** A run in a few lines, which unfolds to all of it. */
export function RunItem(
  props: IViewContext & {
    run: IRun;
    list: RunList;
    status: IStatus | undefined;
    /** What it is called among others of its notebook, such as those of a sweep. */
    name?: string;
    /** Runs from which it is told how long it usually takes. */
    known?: Iterable<IRun>;
  }
): JSX.Element {
  const { run, list, trans } = props;
  const open = list.isOpen(run.id);
  const id = React.useId();
  const title = React.useId();
  const parameters = parametersOf(run.spec.parameters);
  const metrics = metricsOf(run.metrics);
  return (
    <article className="mj-Run" data-run={run.id} aria-labelledby={title}>
      <div className="mj-Run-head">
        <h3 id={title} title={plain(run.spec.notebook, 1000)}>
          <FoldButton
            open={open}
            controls={id}
            onClick={() => {
              list.setOpen(run.id, !open);
              if (!open) {
                void list.read(run.id);
              }
            }}
          >
            <Text most={60}>{props.name ?? nameOf(run.spec.notebook)}</Text>
          </FoldButton>
        </h3>
        <StateMark state={run.state} trans={trans} />
      </div>
      {isEnd(run.state) ? (
        <Ended run={run} trans={trans} />
      ) : (
        <Going run={run} known={props.known ?? list.runs} trans={trans} />
      )}
      {run.reason && run.state !== 'succeeded' && (
        <p className="mj-Run-reason">
          <Text most={300}>{run.reason}</Text>
        </p>
      )}
      {parameters && props.name === undefined && (
        <p className="mj-Run-values">
          <Text most={120}>{parameters}</Text>
        </p>
      )}
      {metrics && (
        <p className="mj-Run-metrics">
          <Text most={120}>{metrics}</Text>
        </p>
      )}
      {run.spec.trigger.kind === 'rerun' && <Repeat run={run} trans={trans} />}
      <div id={id} hidden={!open}>
        {open && <RunDetail {...props} />}
      </div>
    </article>
  );
}

/** Of which run it is a repeat, and whether it came out the same. */
function Repeat(props: { run: IRun; trans: Trans }): JSX.Element {
  const { run, trans } = props;
  const verdict = verdictOf(run.record);
  return (
    <p className="mj-Run-when">
      {trans.__('repeat of %1', shortId(run.spec.trigger.of ?? ''))}{' '}
      {verdict !== null ? (
        <VerdictMark verdict={verdict} trans={trans} />
      ) : (
        run.state === 'succeeded' && trans.__('· not compared yet')
      )}
    </p>
  );
}

/** When it ended, and how long it took. */
function Ended(props: { run: IRun; trans: Trans }): JSX.Element {
  const { run, trans } = props;
  useNow(30);
  const took = secondsOf(run, Date.now());
  return (
    <p className="mj-Run-when">
      <Since seconds={run.ended_at ?? run.submitted_at} />
      {took !== undefined && (
        <> · {trans.__('took %1', formatSeconds(took, trans))}</>
      )}
      {run.state !== 'succeeded' && run.cells_total > 0 && (
        <>
          {' · '}
          {trans.__('%1 of %2 cells', run.cells_done, run.cells_total)}
        </>
      )}
    </p>
  );
}

/** How far it is. */
function Going(props: {
  run: IRun;
  known: Iterable<IRun>;
  trans: Trans;
}): JSX.Element {
  const { run, known, trans } = props;
  const now = useNow(1);
  const elapsed = secondsOf(run, now);
  const usual = usualSeconds(run, known);
  const cells = run.cells_total
    ? trans.__('%1 of %2 cells', run.cells_done, run.cells_total)
    : '';
  return (
    <>
      {cells && (
        <progress
          className="mj-Run-progress"
          aria-label={cells}
          value={run.cells_done}
          max={run.cells_total}
        />
      )}
      <p className="mj-Run-when">
        {[
          run.state === 'queued' && run.place !== null
            ? trans.__('place %1 in the queue', run.place)
            : '',
          cells,
          elapsed === undefined ? '' : formatSeconds(elapsed, trans),
          elapsed !== undefined && usual !== undefined && usual > elapsed
            ? trans.__('about %1 left', formatSeconds(usual - elapsed, trans))
            : '',
          run.attempt > 1 ? trans.__('attempt %1', run.attempt) : ''
        ]
          .filter(part => part)
          .join(' · ')}
      </p>
      {run.cell && (
        <p className="mj-Run-cell">
          <Text most={80}>{run.cell.title}</Text>
          {run.cell.last_line && (
            <code className="mj-Run-line">
              <Text most={120}>{run.cell.last_line}</Text>
            </code>
          )}
        </p>
      )}
    </>
  );
}
