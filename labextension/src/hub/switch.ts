/** Starting and stopping the hub. */

import { IStatus } from '../api';
import { confirm, Trans } from '../react';
import { Store } from '../store';

export function startHub(store: Store): Promise<void> {
  return change(store, () => store.api.startHub());
}

/** Stop it after asking. */
export async function stopHub(store: Store, trans: Trans): Promise<void> {
  const sure = await confirm(
    trans,
    trans.__('Stop the hub?'),
    trans.__(
      'All endpoints stop answering, for notebooks and applications alike, until it is started again. What is deployed and the audit history are kept.'
    ),
    trans.__('Stop the Hub')
  );
  if (sure) {
    await change(store, () => store.api.stopHub());
  }
}

/** Whatever came of it, what is shown is read again: another one may have been quicker. */
async function change(
  store: Store,
  act: () => Promise<IStatus>
): Promise<void> {
  const done = act();
  // meanwhile the server says that it is starting
  store.status.invalidate();
  try {
    store.status.put(await done);
  } finally {
    store.refreshAll();
  }
}
