/** Telling who asked for a run that it has ended, wherever in JupyterLab they are by then. */

import { Notification } from '@jupyterlab/apputils';

import { IStatus } from '../api';
import { plain, Trans } from '../react';
import { Store } from '../store';
import { RunApi } from './api';
import { IRun } from './types';
import { nameOf } from './words';

/** Characters that JupyterLab's notifications show whole. */
const MOST = 140;

const told = new Set<string>();

/** Tell of the run with this id, once, if the reader asked for it since `since` (milliseconds). */
export async function tellEnd(
  store: Store,
  trans: Trans,
  id: string,
  since: number,
  show: () => void
): Promise<void> {
  if (told.has(id)) {
    return;
  }
  told.add(id);
  const [run] = await Promise.all([
    new RunApi(store.api).run(id),
    store.status.value ?? store.status.refresh()
  ]);
  if (isTheirs(run, store.status.value) && (run.ended_at ?? 0) * 1000 > since) {
    notify(run, trans, show);
  }
}

/** Of a sweep or a schedule nobody wants to hear each run. */
function isTheirs(run: IRun, status: IStatus | undefined): boolean {
  const { kind } = run.spec.trigger;
  return (
    run.submitted_by === status?.user.subject &&
    (kind === 'hand' || kind === 'rerun')
  );
}

function notify(run: IRun, trans: Trans, show: () => void): void {
  const name = plain(nameOf(run.spec.notebook), 40);
  const options = {
    autoClose: run.state === 'succeeded' ? 8000 : (false as const),
    actions: [{ label: trans.__('Show'), callback: show }]
  };
  if (run.state === 'succeeded') {
    Notification.success(trans.__('The run of %1 succeeded.', name), options);
    return;
  }
  const said =
    run.state === 'cancelled'
      ? trans.__('The run of %1 was cancelled.', name)
      : run.state === 'timed_out'
        ? trans.__('The run of %1 ran out of time.', name)
        : trans.__('The run of %1 failed.', name);
  const text = `${said} ${plain(run.reason, MOST)}`.trim();
  const message = text.length > MOST ? `${text.slice(0, MOST - 1)}…` : text;
  if (run.state === 'cancelled') {
    Notification.warning(message, { ...options, autoClose: 8000 });
  } else {
    Notification.error(message, options);
  }
}
