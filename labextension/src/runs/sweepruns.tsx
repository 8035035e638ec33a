import { Throttler } from '@lumino/polling';
import React from 'react';

import { refusal } from '../endpoints/rights';
import { Button, confirm, ErrorNote, Loading, useValue } from '../react';
import { IChange, Store } from '../store';
import { Value } from '../value';
import { useAct } from './act';
import { Chart } from './chart';
import { RunItem } from './runitem';
import { RunList } from './runlist';
import type { ISweepItem } from './sweepitem';
import { IRun, ISweep } from './types';
import { parametersOf } from './words';

// most pages never need it, as they never need this file
import '../../style/rundetail.css';

/** So many runs are shown at first, and with each "Show more". */
const STEP = 20;
/** The most runs of a sweep that are read. */
const MOST = 1000;
const REREAD_MS = 1000;

/** A sweep's runs, the best on top. */
export default function SweepRuns(props: ISweepItem): JSX.Element {
  const { sweep, list, trans } = props;
  const { value, error, refresh } = useSweepRuns(props.store, list, sweep.id);
  const [shown, setShown] = React.useState(STEP);
  if (value === undefined) {
    return error ? (
      <ErrorNote error={error} trans={trans} retry={refresh} />
    ) : (
      <Loading trans={trans} what={trans.__('Reading the runs…')} />
    );
  }
  const runs = bestFirst(sweep, value);
  return (
    <>
      {error && <ErrorNote error={error} trans={trans} retry={refresh} />}
      <Cancel {...props} />
      <Chart sweep={sweep} runs={runs} trans={trans} />
      <ul
        className="mj-Sweep-runs"
        aria-label={
          sweep.spec.metric
            ? trans.__('Runs, best first')
            : trans.__('Runs, newest first')
        }
      >
        {runs.slice(0, shown).map(run => (
          <li key={run.id}>
            <RunItem
              {...props}
              // what is open here was read with its cells
              run={list.isOpen(run.id) ? (list.run(run.id) ?? run) : run}
              name={pointOf(sweep, run)}
              known={value}
            />
          </li>
        ))}
      </ul>
      {runs.length > shown && (
        <Button
          kind="link"
          label={trans._n('Show %1 more', 'Show %1 more', runs.length - shown)}
          onClick={() => setShown(shown + 5 * STEP)}
        />
      )}
    </>
  );
}

function Cancel(props: ISweepItem): JSX.Element | null {
  const { sweep, list, trans, status } = props;
  const act = useAct();
  if (sweep.state !== 'running') {
    return null;
  }
  const cancel = async (): Promise<void> => {
    const sure = await confirm(
      trans,
      trans.__('Cancel the sweep?'),
      trans.__('All of its runs end, and no further one is started.'),
      trans.__('Cancel the Sweep')
    );
    if (sure) {
      await act.run(async () =>
        list.putSweep(await list.api.cancelSweep(sweep.id))
      );
    }
  };
  return (
    <>
      <Button
        label={trans.__('Cancel the Sweep…')}
        kind="warn"
        disabled={
          refusal(status, 'run', trans) ||
          (act.busy && trans.__('It is being done…'))
        }
        onClick={() => void cancel()}
      />
      {act.error && (
        <ErrorNote error={act.error} trans={trans} close={act.clear} />
      )}
    </>
  );
}

/** A sweep's runs, read again as they change. */
function useSweepRuns(
  store: Store,
  list: RunList,
  id: string
): Pick<Value<IRun[]>, 'value' | 'error'> & { refresh: () => void } {
  const runs = React.useMemo(
    () =>
      new Value(async () => {
        const page = await list.api.runs({ sweep: id, limit: MOST });
        return page.runs;
      }),
    [list, id]
  );
  React.useEffect(() => {
    const reread = new Throttler(() => runs.invalidate(), {
      limit: REREAD_MS,
      edge: 'trailing'
    });
    const hear = (_: unknown, change: IChange): void => {
      const run = list.run(change.name ?? '');
      if (
        change.what === 'hub' ||
        change.name === id ||
        (change.what === 'run' && (!run || run.spec.sweep === id))
      ) {
        void reread.invoke();
      }
    };
    store.told.connect(hear);
    return () => {
      store.told.disconnect(hear);
      reread.dispose();
    };
  }, [store, list, runs, id]);
  const { value, error } = useValue(runs);
  return { value, error, refresh: () => void runs.refresh() };
}

/** By the metric, those without it last; by their time where nothing is compared. */
export function bestFirst(sweep: ISweep, runs: IRun[]): IRun[] {
  const { metric, direction } = sweep.spec;
  const sign = direction === 'minimize' ? 1 : -1;
  const worth = (run: IRun): number => {
    const value = run.metrics[metric];
    return Number.isFinite(value) ? sign * value : Infinity;
  };
  return [...runs].sort((one, two) => {
    const [a, b] = [worth(one), worth(two)];
    return a === b ? two.submitted_at - one.submitted_at : a - b;
  });
}

/** What tells a run of a sweep from the others. */
function pointOf(sweep: ISweep, run: IRun): string {
  const names = sweep.spec.space.map(one => one.split('=', 1)[0].trim());
  const point = Object.fromEntries(
    names
      .filter(name => name in run.spec.parameters)
      .map(name => [name, run.spec.parameters[name]])
  );
  return parametersOf(point) || run.id;
}
