import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import React from 'react';

import { IEndpoint } from '../api';
import { stateWord } from '../endpoints/state';
import { plain, Trans } from '../react';
import { Fleet } from './fleet';

/** How many endpoints are up and how many need somebody to look; a click opens the sidebar. */
export class StatusItem extends ReactWidget {
  constructor(
    private readonly fleet: Fleet,
    private readonly trans: Trans,
    private readonly open: () => void
  ) {
    super();
    this.addClass('mj-StatusItem');
  }

  protected render(): JSX.Element {
    return (
      <UseSignal signal={this.fleet.changed}>
        {() => (
          <Summary fleet={this.fleet} trans={this.trans} open={this.open} />
        )}
      </UseSignal>
    );
  }
}

function Summary(props: {
  fleet: Fleet;
  trans: Trans;
  open: () => void;
}): JSX.Element {
  const { fleet, trans } = props;
  const alarms = alarmsOf(fleet, trans);
  const said = summaryOf(fleet, trans);
  return (
    <button
      type="button"
      className="mj-StatusItem-button"
      title={[trans.__('Show the MLOps sidebar'), ...alarms].join('\n')}
      onClick={props.open}
    >
      {trans.__('MLOps: %1', said)}
      {alarms.length > 0 && (
        <span className="mj-StatusItem-alarms">
          {trans._n('%1 alarm', '%1 alarms', alarms.length)}
        </span>
      )}
    </button>
  );
}

function summaryOf({ status, endpoints }: Fleet, trans: Trans): string {
  switch (status?.hub.state) {
    case 'running':
      return trans.__('%1 up', endpoints.filter(isUp).length);
    case 'starting':
      return trans.__('starting…');
    case 'stopped':
      return trans.__('off');
    default:
      return trans.__('no hub');
  }
}

/** An idle endpoint answers: the call only waits for a replica. */
function isUp({ state }: IEndpoint): boolean {
  return state === 'ready' || state === 'idle' || state === 'degraded';
}

/** What somebody should look at, a line each. */
export function alarmsOf(
  { status, endpoints }: Pick<Fleet, 'status' | 'endpoints'>,
  trans: Trans
): string[] {
  const state = status?.hub.state;
  const hub =
    state === 'failed' || state === 'other_version'
      ? [plain(status?.hub.reason || trans.__('The hub has failed.'), 200)]
      : [];
  const bad = endpoints.filter(
    endpoint => endpoint.state === 'failed' || endpoint.state === 'degraded'
  );
  return [
    ...hub,
    ...bad.map(
      ({ spec, state: word }) =>
        `${plain(spec.name, 63)}: ${stateWord(word, trans)}`
    )
  ];
}
