import React from 'react';

import { ApiError, IStatus } from '../api';
import { IViewContext } from '../context';
import { lazily } from '../lazy';
import { ErrorNote } from '../react';

// most hubs run
const StartHub = lazily(() => import('./starthub'));

/** Why the endpoints cannot be read; where only the hub is missing, a button that starts it. */
export function Trouble(
  props: IViewContext & {
    error: ApiError;
    status: IStatus | undefined;
    onStarted: () => void;
  }
): JSX.Element {
  const { store, trans, error } = props;
  const stopped = error.code === 'hub_stopped';
  if (!stopped && error.code !== 'hub_unreachable') {
    return (
      <ErrorNote
        error={error}
        trans={trans}
        retry={() => void store.endpoints.refresh()}
      />
    );
  }
  return (
    <div className="mj-Endpoint-trouble">
      <p role="status">
        {stopped
          ? trans.__('The hub is stopped, so no endpoint answers.')
          : trans.__('The hub cannot be reached.')}
      </p>
      <StartHub {...props} />
    </div>
  );
}
