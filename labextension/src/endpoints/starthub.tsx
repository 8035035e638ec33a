import React from 'react';

import { ApiError, IStatus } from '../api';
import { CommandIDs } from '../commands';
import { IViewContext } from '../context';
import { Button, ErrorNote } from '../react';
import { asApiError } from '../value';
import { refusal } from './rights';

/** A button that starts the hub, and why it did not start. */
export default function StartHub(
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
