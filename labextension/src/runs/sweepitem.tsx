import React from 'react';

import { IStatus } from '../api';
import { IViewContext } from '../context';
import { FoldButton } from '../fold';
import { Since } from '../hub/since';
import { lazily } from '../lazy';
import { plain, Text, useNow } from '../react';
import { RunList } from './runlist';
import { StateMark } from './statemark';
import { ISweep } from './types';
import { formatMetric, nameOf } from './words';

// most sweeps are only looked at from afar
const SweepRuns = lazily(() => import('./sweepruns'));

export interface ISweepItem extends IViewContext {
  sweep: ISweep;
  list: RunList;
  status: IStatus | undefined;
}

/** A sweep, with its runs below it, the best on top. */
export function SweepItem(props: ISweepItem): JSX.Element {
  const { sweep, list, trans } = props;
  const { spec } = sweep;
  const open = list.isOpen(sweep.id);
  const id = React.useId();
  const title = React.useId();
  useNow(30);
  return (
    <article className="mj-Run mj-Sweep" aria-labelledby={title}>
      <div className="mj-Run-head">
        <h3 id={title} title={plain(spec.run.notebook, 1000)}>
          <FoldButton
            open={open}
            controls={id}
            onClick={() => list.setOpen(sweep.id, !open)}
          >
            <Text most={60}>
              {trans.__('Sweep of %1', nameOf(spec.run.notebook))}
            </Text>
          </FoldButton>
        </h3>
        <StateMark state={sweep.state} trans={trans} />
      </div>
      {sweep.state === 'running' && (
        <progress
          className="mj-Run-progress"
          aria-label={trans.__('%1 of %2 runs', sweep.done, sweep.total)}
          value={sweep.done}
          max={Math.max(1, sweep.total)}
        />
      )}
      <p className="mj-Run-when">
        {trans.__('%1 of %2 runs', sweep.done, sweep.total)}
        {sweep.failed > 0 && (
          <> · {trans.__('%1 without success', sweep.failed)}</>
        )}
        {' · '}
        <Since seconds={sweep.ended_at ?? sweep.submitted_at} />
      </p>
      <p className="mj-Run-values">
        <Text most={120}>{spec.space.join(', ')}</Text>
      </p>
      {sweep.best_value !== null && (
        <p className="mj-Run-metrics">
          {trans.__('best')}{' '}
          <Text most={60}>
            {`${spec.metric} ${formatMetric(sweep.best_value)}`}
          </Text>
        </p>
      )}
      {sweep.reason && (
        <p className="mj-Run-reason">
          <Text most={300}>{sweep.reason}</Text>
        </p>
      )}
      <div id={id} hidden={!open}>
        {open && <SweepRuns {...props} />}
      </div>
    </article>
  );
}
