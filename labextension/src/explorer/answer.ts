/** Something that is asked for once while a component is shown. */

import React from 'react';

import { ApiError } from '../api';
import { asApiError } from '../value';

export interface IAnswer<T> {
  value: T | undefined;
  error: ApiError | undefined;
  again: () => void;
}

/** Asks when shown and whenever `key` is another; answers to earlier keys are dropped. */
export function useAnswer<T>(
  key: string | number,
  ask: () => Promise<T>
): IAnswer<T> {
  const [state, setState] = React.useState<{
    key: string | number;
    value?: T;
    error?: ApiError;
  }>({ key });
  const [attempt, again] = React.useReducer((count: number) => count + 1, 0);
  const asking = React.useRef(ask);
  asking.current = ask;
  React.useEffect(() => {
    let gone = false;
    setState({ key });
    asking.current().then(
      value => !gone && setState({ key, value }),
      (error: unknown) => !gone && setState({ key, error: asApiError(error) })
    );
    return () => {
      gone = true;
    };
  }, [key, attempt]);
  // what is still in the state may belong to the key of before
  const known = state.key === key ? state : undefined;
  return { value: known?.value, error: known?.error, again };
}
