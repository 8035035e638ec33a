/** Changing an endpoint that others may change too. */

import React from 'react';

import { ApiError, IEndpoint } from '../api';
import { plain, Trans } from '../react';
import { Store } from '../store';
import { asApiError } from '../value';

export interface IOutcome {
  kind: 'done' | 'conflict' | 'failed';
  text: string;
  error?: ApiError;
}

export interface IChange {
  busy: boolean;
  outcome: IOutcome | undefined;
  /** Do it, put the answer in its place, and say so; false when it was not done. */
  run: (act: () => Promise<IEndpoint>, said: string) => Promise<boolean>;
  clear: () => void;
}

/** What everything gets that changes an endpoint. */
export interface IControl {
  endpoint: IEndpoint;
  store: Store;
  trans: Trans;
  change: IChange;
  /** Why nothing can be done; false when it can. */
  off: string | false;
}

/** Why nothing can be done while a change is made; false when none is. */
export function busy(change: IChange, trans: Trans): string | false {
  return change.busy && trans.__('The change is being made…');
}

/** One change of an endpoint at a time, and how the last one went. */
export function useChange(store: Store, name: string, trans: Trans): IChange {
  const [busy, setBusy] = React.useState(false);
  const [outcome, setOutcome] = React.useState<IOutcome>();
  const running = React.useRef(false);

  const run = React.useCallback(
    async (act: () => Promise<IEndpoint>, said: string): Promise<boolean> => {
      if (running.current) {
        return false;
      }
      running.current = true;
      setBusy(true);
      setOutcome(undefined);
      try {
        store.putEndpoint(await act());
        setOutcome({ kind: 'done', text: said });
        return true;
      } catch (thrown) {
        setOutcome(await outcomeOf(asApiError(thrown), store, name, trans));
        return false;
      } finally {
        running.current = false;
        setBusy(false);
      }
    },
    [store, name, trans]
  );

  return { busy, outcome, run, clear: () => setOutcome(undefined) };
}

/** What a failure means; where somebody else was first, the present state is shown with it. */
async function outcomeOf(
  error: ApiError,
  store: Store,
  name: string,
  trans: Trans
): Promise<IOutcome> {
  if (error.status !== 409) {
    return { kind: 'failed', text: '', error };
  }
  try {
    const present = await store.api.endpoint(name);
    store.putEndpoint(present);
    if (error.code === 'revision_conflict') {
      return {
        kind: 'conflict',
        text: trans.__(
          'Nothing was done: %1 changed this endpoint in the meantime. What you see is its present state.',
          plain(present.updated_by, 60)
        )
      };
    }
  } catch {
    // the first error says more than that its state could not be read either
  }
  return { kind: 'failed', text: '', error };
}

export interface IDraft<T> {
  value: T;
  /** Whether the endpoint was changed by others since the editing began. */
  moved: boolean;
  /** Put in what somebody typed; what was said of the last change is over. */
  edit: (value: T) => void;
  /** Put in what makes no difference to who types. */
  put: (value: T) => void;
  /** Begin again from what is there now. */
  reset: () => void;
  /** Keep what was typed, for the endpoint as it is now. */
  rebase: () => void;
}

/**
 * What somebody edits of an endpoint. It follows the endpoint until it is touched, and then stays
 * what was typed, for the revision that was seen.
 */
export function useDraft<T>(
  { endpoint, change }: Pick<IControl, 'endpoint' | 'change'>,
  from: (endpoint: IEndpoint) => T
): IDraft<T> {
  const present = endpoint.spec.revision;
  const [edited, setEdited] = React.useState<{ value: T; revision: number }>();
  const put = (value: T): void =>
    setEdited(before => ({ value, revision: before?.revision ?? present }));
  return {
    value: edited?.value ?? from(endpoint),
    moved: edited !== undefined && edited.revision !== present,
    edit: value => {
      change.clear();
      put(value);
    },
    put,
    reset: () => setEdited(undefined),
    rebase: () =>
      setEdited(before => before && { value: before.value, revision: present })
  };
}
