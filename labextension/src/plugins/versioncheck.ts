import {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { DisposableDelegate, IDisposable } from '@lumino/disposable';

import { version } from '../../../package.json?front';
import { plain, Trans } from '../react';
import { Store } from '../store';
import { IMlops } from '../tokens';
import { whileShown } from './shown';

/** Whether the page and the server belong together. */
export const versioncheck: JupyterFrontEndPlugin<void> = {
  id: '@mlops-jupyter/labextension:versioncheck',
  description: 'Says when the server part is missing or of another version.',
  autoStart: true,
  requires: [IMlops],
  optional: [ISettingRegistry],
  activate: (
    _app: JupyterFrontEnd,
    mlops: IMlops,
    settings: ISettingRegistry | null
  ): void => {
    const { store, trans } = mlops;
    void whileShown(settings, 'versionCheck', () => check(store, trans));
  }
};

/** Look now, and whenever the server says who it is; each thing is said once. */
export function check(store: Store, trans: Trans): IDisposable {
  const said = new Set<string>();
  const look = (): void => {
    const problem = problemOf(store, trans);
    if (problem && !said.has(problem)) {
      said.add(problem);
      Notification.warning(problem, { autoClose: false });
    }
  };
  store.status.changed.connect(look);
  if (store.status.value === undefined) {
    void store.status.refresh();
  }
  look();
  return new DisposableDelegate(() => {
    store.status.changed.disconnect(look);
  });
}

/** Short enough to be shown whole by JupyterLab's notifications. */
function problemOf({ status }: Store, trans: Trans): string | undefined {
  if (status.error?.code === 'server_part_missing') {
    return trans.__(
      'MLOps: the server part is missing. Where Jupyter runs: pip install mlops-jupyter, then restart Jupyter.'
    );
  }
  const theirs = status.value?.version;
  if (theirs === undefined || theirs === version) {
    return undefined;
  }
  return trans.__(
    'MLOps: this page is version %1, the server %2. Reload; if that does not help: pip install -U mlops-jupyter, restart Jupyter.',
    version,
    plain(theirs, 20)
  );
}
