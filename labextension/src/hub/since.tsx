import { Time } from '@jupyterlab/coreutils';
import React from 'react';

/** How long ago, with the moment in its title. */
export function Since(props: { seconds: number }): JSX.Element {
  const moment = new Date(props.seconds * 1000);
  return (
    <time dateTime={moment.toISOString()} title={Time.format(moment)}>
      {Time.formatHuman(moment)}
    </time>
  );
}
