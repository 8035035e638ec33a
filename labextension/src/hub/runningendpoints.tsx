/** The deployed endpoints, as JupyterLab's Running panel lists what runs. */

import { showErrorMessage } from '@jupyterlab/apputils';
import { IRunningSessions } from '@jupyterlab/running';
import { ISignal } from '@lumino/signaling';
import React from 'react';

import { IEndpoint } from '../api';
import { refusal } from '../endpoints/rights';
import { stateWord } from '../endpoints/state';
import { mlopsIcon } from '../icons';
import { confirm, plain, Text, Trans } from '../react';
import { Store } from '../store';
import { asApiError } from '../value';
import { Fleet } from './fleet';

export class RunningEndpoints implements IRunningSessions.IManager {
  constructor(
    private readonly fleet: Fleet,
    private readonly store: Store,
    private readonly trans: Trans,
    private readonly open: () => void
  ) {
    this.name = trans.__('Endpoints');
    this.shutdownLabel = trans.__('Undeploy');
    this.shutdownAllLabel = trans.__('Undeploy All');
    this.shutdownAllConfirmationText = trans.__(
      'Undeploy all endpoints? Calls to them are refused until they are deployed again.'
    );
  }

  readonly name: string;
  readonly shutdownLabel: string;
  readonly shutdownAllLabel: string;
  readonly shutdownAllConfirmationText: string;

  get runningChanged(): ISignal<Fleet, void> {
    return this.fleet.changed;
  }

  running(): IRunningSessions.IRunningItem[] {
    return this.deployed.map(endpoint => ({
      icon: () => mlopsIcon,
      label: () => <Text most={63}>{endpoint.spec.name}</Text>,
      labelTitle: () => plain(endpoint.reason || endpoint.spec.name, 300),
      detail: () => stateWord(endpoint.state, this.trans),
      open: this.open,
      shutdown: () => void this.shutdown(endpoint)
    }));
  }

  refreshRunning(): void {
    this.fleet.refresh();
  }

  /** JupyterLab has asked already. */
  shutdownAll(): void {
    void this.undeploy(this.deployed);
  }

  private get deployed(): IEndpoint[] {
    return this.fleet.endpoints.filter(({ spec }) => spec.deployed);
  }

  private async shutdown(endpoint: IEndpoint): Promise<void> {
    const { trans } = this;
    const sure = await confirm(
      trans,
      trans.__('Undeploy %1?', plain(endpoint.spec.name, 63)),
      trans.__(
        'Calls to it are refused until it is deployed again. Its history and settings are kept.'
      ),
      trans.__('Undeploy')
    );
    if (sure) {
      await this.undeploy([endpoint]);
    }
  }

  /** All that can be; the first that cannot says why. */
  private async undeploy(endpoints: IEndpoint[]): Promise<void> {
    const { store, trans } = this;
    let problem = refusal(this.fleet.status, 'deploy', trans) || '';
    for (const { spec } of problem ? [] : endpoints) {
      try {
        await store.api.undeploy(spec.name, spec.revision);
      } catch (thrown) {
        const { message, reason, fix } = asApiError(thrown);
        problem ||= [message, reason, fix]
          .filter(part => part)
          .map(part => plain(part, 300))
          .join(' ');
      }
    }
    store.endpoints.invalidate();
    this.fleet.refresh();
    if (problem) {
      await showErrorMessage(trans.__('It was not undeployed'), problem);
    }
  }
}
