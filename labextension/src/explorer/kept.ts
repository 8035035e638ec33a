/** What a reader last asked for, kept in the browser's workspace. */

import { IStateDB } from '@jupyterlab/statedb';
import React from 'react';

import { IAsked, readAsked } from './asked';

/** Undefined until it is known what was kept, so that nothing is asked twice. */
export function useKeptAsked(
  state: IStateDB | null,
  key: string
): [IAsked | undefined, (asked: IAsked) => void] {
  const [asked, setAsked] = React.useState<IAsked | undefined>(
    state === null ? {} : undefined
  );
  React.useEffect(() => {
    let gone = false;
    const take = (kept: unknown) => {
      if (!gone) {
        setAsked(known => known ?? readAsked(kept));
      }
    };
    state?.fetch(key).then(take, () => take(undefined));
    return () => {
      gone = true;
    };
  }, [state, key]);
  return [
    asked,
    next => {
      setAsked(next);
      void state?.save(key, { ...next });
    }
  ];
}
