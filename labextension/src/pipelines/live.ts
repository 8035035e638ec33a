/** A pipeline's figures while somebody looks at them. */

import React from 'react';

import { IEndpoint } from '../api';
import { Pace } from '../pace';
import { useReread, useValue } from '../react';
import { Store } from '../store';
import { Value } from '../value';
import { IPipeline, readPipeline } from './types';

/** Calls change the figures; nobody reads them more often than this. */
const LOOK_SECONDS = 2;
/** Calls that end make no events: while there were some the rates fall by themselves. */
const FALL_SECONDS = 5;

/** Reads when records came or the endpoint changed; nothing while it is not `shown`. */
export function usePipeline(
  store: Store,
  endpoint: IEndpoint,
  shown: boolean
): Value<IPipeline> {
  const { name } = endpoint.spec;
  const value = React.useMemo(
    () => new Value(() => readPipeline(store.api, name)),
    [store, name]
  );
  React.useEffect(() => {
    if (!shown) {
      return;
    }
    const pace = new Pace(() => void look(), LOOK_SECONDS * 1000);
    const look = async (): Promise<void> => {
      pace.began();
      value.invalidate();
      await value.settled();
      pace.ended();
    };
    const grew = (): void => pace.soon();
    store.grew.connect(grew);
    return () => {
      store.grew.disconnect(grew);
      pace.stop();
    };
  }, [store, value, shown]);
  // what came meanwhile, or another version, is to be seen at once
  React.useEffect(() => {
    if (shown) {
      value.invalidate();
    }
  }, [value, shown, endpoint.updated_at, endpoint.state]);
  const { value: known } = useValue(value);
  useReread(value, shown && known && moves(known) ? FALL_SECONDS : 0);
  return value;
}

function moves(pipeline: IPipeline): boolean {
  return pipeline.nodes.some(
    ({ stats }) => stats !== null && stats.requests_per_second > 0
  );
}
