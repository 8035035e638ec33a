import React from 'react';

import { IEndpoint } from '../api';
import { Trans, useReread, useValue } from '../react';
import { Store } from '../store';
import { largest, Sparkline } from './sparkline';

/** How much an endpoint is called and how long it takes, now and in the last minutes. */
export function Rates(props: {
  endpoint: IEndpoint;
  store: Store;
  trans: Trans;
}): JSX.Element {
  const { endpoint, store, trans } = props;
  const history = store.history(endpoint.spec.name);
  const { value } = useValue(history);
  const rates = value?.requests_per_second ?? [];
  const latencies = value?.p99_ms ?? [];
  const minutes = value
    ? Math.round((value.step * rates.length) / 60)
    : undefined;

  // calls that stop make no events: while the curve shows some it moves on by itself
  useReread(history, largest(rates) > 0 ? (value?.step ?? 5) : 0);

  return (
    <div className="mj-Endpoint-rates">
      <Rate
        figure={figure(endpoint.requests_per_second)}
        unit={trans.__('calls/s')}
        values={rates}
        label={trans.__(
          'Calls per second in the last %1 minutes, at most %2',
          minutes,
          figure(largest(rates))
        )}
      />
      <Rate
        figure={endpoint.p99_ms === null ? '–' : figure(endpoint.p99_ms)}
        unit={trans.__('ms p99')}
        values={latencies}
        label={trans.__(
          'Milliseconds of the slowest calls in the last %1 minutes, at most %2',
          minutes,
          figure(largest(latencies))
        )}
      />
    </div>
  );
}

function Rate(props: {
  figure: string;
  unit: string;
  values: (number | null)[];
  label: string;
}): JSX.Element {
  return (
    <div className="mj-Endpoint-rate">
      <span>
        <b>{props.figure}</b> {props.unit}
      </span>
      {largest(props.values) > 0 && (
        <Sparkline values={props.values} label={props.label} />
      )}
    </div>
  );
}

/** Three digits, as the reader's language writes them. */
export function figure(value: number): string {
  return value.toLocaleString(document.documentElement.lang || 'en', {
    maximumSignificantDigits: value < 1000 ? 3 : undefined,
    maximumFractionDigits: value < 1000 ? undefined : 0
  });
}
