import React from 'react';

import { IStatus } from '../api';
import { CommandIDs } from '../commands';
import { IViewContext } from '../context';
import { refusal } from '../endpoints/rights';
import { RunningHub } from '../hub/running';
import { User } from '../hub/user';
import {
  Button,
  ErrorNote,
  Loading,
  plain,
  Text,
  Trans,
  useValue
} from '../react';
import { Section } from '../section';

/** Who am I and how proven; the hub's address and health; start and stop. */
export function HubSection(props: IViewContext): JSX.Element {
  const { trans } = props;
  return (
    <Section id="hub" trans={trans} state={props.state}>
      <Hub {...props} />
    </Section>
  );
}

function Hub(props: IViewContext): JSX.Element {
  const { store, trans } = props;
  const { value: status, error } = useValue(store.status);
  const trouble = error && (
    <ErrorNote
      error={error}
      trans={trans}
      retry={() => void store.status.refresh()}
    />
  );
  if (status === undefined) {
    return (
      trouble ?? <Loading trans={trans} what={trans.__('Asking the server…')} />
    );
  }
  return (
    <div className="mj-Hub">
      {trouble}
      <State status={status} trans={trans} />
      <Switch {...props} status={status} />
      <User status={status} trans={trans} />
      {status.hub.state === 'running' && (
        <RunningHub store={store} trans={trans} />
      )}
    </div>
  );
}

const MARKS: Record<IStatus['hub']['state'], string> = {
  running: 'good',
  starting: 'coming',
  stopped: 'off',
  failed: 'bad',
  other_version: 'bad'
};

function State(props: { status: IStatus; trans: Trans }): JSX.Element {
  const { trans } = props;
  const { hub, version } = props.status;
  return (
    <div className="mj-Hub-state" role="status">
      <p className={`mj-Hub-word mj-mod-${MARKS[hub.state]}`}>
        {wordOf(props.status, trans)}
      </p>
      {hub.state === 'other_version' && (
        <p>
          {trans.__(
            'The hub is version %1, Jupyter’s part is version %2.',
            plain(hub.version ?? '?', 40),
            plain(version, 40)
          )}
        </p>
      )}
      {hub.reason && (
        <p>
          <Text most={500}>{hub.reason}</Text>
        </p>
      )}
      {hub.fix && (
        <p className="mj-Error-fix">
          <Text most={300}>{hub.fix}</Text>
        </p>
      )}
    </div>
  );
}

function wordOf({ hub }: IStatus, trans: Trans): string {
  switch (hub.state) {
    case 'running':
      return trans.__('The hub runs.');
    case 'starting':
      return trans.__('The hub is starting…');
    case 'stopped':
      return trans.__('The hub does not run: no endpoint answers.');
    case 'failed':
      return trans.__('The hub did not answer as it should.');
    case 'other_version':
      return trans.__('A hub of another version runs.');
  }
}

function Switch(props: IViewContext & { status: IStatus }): JSX.Element {
  const { trans, commands, status } = props;
  const [busy, setBusy] = React.useState(false);
  const run = async (command: string): Promise<void> => {
    setBusy(true);
    try {
      await commands.execute(command);
    } finally {
      setBusy(false);
    }
  };
  const { state } = status.hub;
  const refused =
    refusal(status, 'hub', trans) || (busy && trans.__('It is being done…'));
  const starts = state === 'stopped' || state === 'failed';
  return (
    <p className="mj-Hub-switch">
      {starts || state === 'starting' ? (
        <Button
          label={trans.__('Start the Hub')}
          kind="accept"
          disabled={refused || (!starts && trans.__('It is starting…'))}
          onClick={() => void run(CommandIDs.startHub)}
        />
      ) : (
        <Button
          label={trans.__('Stop the Hub…')}
          kind="warn"
          disabled={refused}
          onClick={() => void run(CommandIDs.stopHub)}
        />
      )}
    </p>
  );
}
