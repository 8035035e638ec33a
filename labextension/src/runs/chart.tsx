import React from 'react';

import { Trans } from '../react';
import { ISweep, IRun } from './types';
import { formatMetric } from './words';

const WIDTH = 220;
const HEIGHT = 80;
const MARGIN = 5;

export interface IPoint {
  id: string;
  x: number;
  y: number;
}

/** The metric over the parameter that is searched, or over the trials where there are several. */
export function Chart(props: {
  sweep: ISweep;
  runs: IRun[];
  trans: Trans;
}): JSX.Element | null {
  const { sweep, runs, trans } = props;
  const { metric } = sweep.spec;
  const { axis, points } = pointsOf(sweep, runs);
  if (points.length < 2) {
    return null;
  }
  const [left, right] = ends(points.map(({ x }) => x));
  const [low, high] = ends(points.map(({ y }) => y));
  const said = trans.__(
    '%1 from %2 to %3 over %4 from %5 to %6, %7 runs; best %8',
    metric,
    formatMetric(low),
    formatMetric(high),
    axis ?? trans.__('trial'),
    formatMetric(left),
    formatMetric(right),
    points.length,
    sweep.best_value === null ? '–' : formatMetric(sweep.best_value)
  );
  return (
    <figure className="mj-Sweep-chart">
      <svg role="img" aria-label={said} viewBox={`0 0 ${WIDTH} ${HEIGHT}`}>
        {points.map(({ id, x, y }) => (
          <circle
            key={id}
            className={id === sweep.best_run ? 'mj-mod-best' : undefined}
            cx={place(x, left, right, WIDTH)}
            cy={HEIGHT - place(y, low, high, HEIGHT)}
            r={id === sweep.best_run ? 4 : 2.5}
          />
        ))}
      </svg>
      <figcaption>
        <span>
          {axis ?? trans.__('trial')} {formatMetric(left)} –{' '}
          {formatMetric(right)}
        </span>
        <span>
          {metric} {formatMetric(low)} – {formatMetric(high)}
        </span>
      </figcaption>
    </figure>
  );
}

/** One point for each run that measured; `axis` is the parameter, undefined for the trial's number. */
export function pointsOf(
  sweep: ISweep,
  runs: IRun[]
): { axis: string | undefined; points: IPoint[] } {
  const { metric, space } = sweep.spec;
  const names = space.map(dimension => dimension.split('=', 1)[0].trim());
  const measured = [...runs]
    .sort((one, two) => one.submitted_at - two.submitted_at)
    .map((run, at) => ({ run, trial: at + 1, y: run.metrics[metric] }))
    .filter(({ y }) => Number.isFinite(y));
  const axis =
    names.length === 1 &&
    measured.every(
      ({ run }) => typeof run.spec.parameters[names[0]] === 'number'
    )
      ? names[0]
      : undefined;
  return {
    axis,
    points: measured.map(({ run, trial, y }) => ({
      id: run.id,
      x: axis === undefined ? trial : Number(run.spec.parameters[axis]),
      y
    }))
  };
}

function ends(values: number[]): [number, number] {
  return [Math.min(...values), Math.max(...values)];
}

function place(value: number, low: number, high: number, size: number): number {
  const part = high > low ? (value - low) / (high - low) : 0.5;
  return Math.round(10 * (MARGIN + part * (size - 2 * MARGIN))) / 10;
}
