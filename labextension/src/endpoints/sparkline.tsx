import React from 'react';

const WIDTH = 100;
const HEIGHT = 22;

/** A small curve; where there is no value, there is no line. `label` says it in words. */
export function Sparkline(props: {
  values: (number | null)[];
  label: string;
}): JSX.Element {
  return (
    <svg
      className="mj-Endpoint-sparkline"
      role="img"
      aria-label={props.label}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
    >
      <path d={curve(props.values)} vectorEffect="non-scaling-stroke" />
    </svg>
  );
}

/** An SVG path through the values, from zero at the bottom to the largest at the top. */
export function curve(values: (number | null)[]): string {
  const most = largest(values) || 1;
  const step = WIDTH / Math.max(1, values.length - 1);
  let drawing = false;
  const parts = values.map((value, at) => {
    if (value === null || !Number.isFinite(value)) {
      drawing = false;
      return '';
    }
    const x = round(at * step);
    const y = round(HEIGHT - 1 - (value / most) * (HEIGHT - 2));
    const alone = !drawing && !isNumber(values[at + 1]);
    const verb = drawing ? 'L' : 'M';
    drawing = true;
    return alone ? `M${x} ${y}h1` : `${verb}${x} ${y}`;
  });
  return parts.join('');
}

export function largest(values: (number | null)[]): number {
  return values.reduce<number>(
    (most, value) => (isNumber(value) ? Math.max(most, value) : most),
    0
  );
}

function isNumber(value: number | null | undefined): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
