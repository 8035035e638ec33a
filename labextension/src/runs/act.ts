import React from 'react';

import { ApiError } from '../api';
import { asApiError } from '../value';

export interface IAct {
  busy: boolean;
  error: ApiError | undefined;
  /** Do it unless something is being done; true when it was done. */
  run: (act: () => Promise<unknown>) => Promise<boolean>;
  clear: () => void;
}

/** One request at a time, and why the last one failed. */
export function useAct(): IAct {
  const [busy, setBusy] = React.useState(false);
  const [error, setError] = React.useState<ApiError>();
  const running = React.useRef(false);
  const run = React.useCallback(
    async (act: () => Promise<unknown>): Promise<boolean> => {
      if (running.current) {
        return false;
      }
      running.current = true;
      setBusy(true);
      setError(undefined);
      try {
        await act();
        return true;
      } catch (thrown) {
        setError(asApiError(thrown));
        return false;
      } finally {
        running.current = false;
        setBusy(false);
      }
    },
    []
  );
  return { busy, error, run, clear: () => setError(undefined) };
}
