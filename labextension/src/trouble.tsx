import React from 'react';

import { ApiError } from './api';
import { CommandIDs } from './commands';
import { IViewContext } from './context';
import { Button, Empty, ErrorNote } from './react';

/** Why something cannot be read; a stopped hub can be started here. */
export function Trouble(
  props: Pick<IViewContext, 'trans' | 'commands'> & {
    error: ApiError;
    /** What is missing without the hub. */
    stopped: string;
    retry: () => void;
  }
): JSX.Element {
  const { error, trans, commands } = props;
  if (error.code !== 'hub_stopped') {
    return <ErrorNote error={error} trans={trans} retry={props.retry} />;
  }
  return (
    <Empty>
      <p role="status">{props.stopped}</p>
      {commands.hasCommand(CommandIDs.startHub) && (
        <Button
          label={trans.__('Start the Hub')}
          kind="accept"
          onClick={() => void commands.execute(CommandIDs.startHub)}
        />
      )}
    </Empty>
  );
}
