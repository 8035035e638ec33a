/** What every view gets. */

import { IStateDB } from '@jupyterlab/statedb';
import { CommandRegistry } from '@lumino/commands';

import { Trans } from './react';
import { Store } from './store';

export interface IViewContext {
  store: Store;
  trans: Trans;
  commands: CommandRegistry;
  /** Where views remember what is folded; null where there is no such place. */
  state: IStateDB | null;
}
