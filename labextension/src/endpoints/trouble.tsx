import React from 'react';

import { ApiError, IStatus } from '../api';
import { CommandIDs } from '../commands';
import { IViewContext } from '../context';
import { Button, ErrorNote } from '../react';
import { asApiError } from '../value';
import { refusal } from './rights';

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

function StartHub(
  props: IViewContext & { status: IStatus | undefined; onStarted: () => void }
): JSX.Element {
  const { store, trans, commands, status } = props;
  const [busy, setBusy] = React.useState(false);
  const [failure, setFailure] = React.useState<ApiError>();
  const start = async (): Promise<void> => {
    setBusy(true);
    setFailure(undefined);
    try {
      if (commands.hasCommand(CommandIDs.startHub)) {
        await commands.execute(CommandIDs.startHub);
      } else {
        await store.api.startHub();
      }
      props.onStarted();
      store.refreshAll();
    } catch (thrown) {
      setFailure(asApiError(thrown));
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Button
        label={trans.__('Start the Hub')}
        kind="accept"
        disabled={
          refusal(status, 'hub', trans) || (busy && trans.__('It is starting…'))
        }
        onClick={() => void start()}
      />
      {failure && <ErrorNote error={failure} trans={trans} />}
    </>
  );
}
