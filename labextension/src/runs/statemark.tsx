import React from 'react';

import { Trans } from '../react';
import { moodOf, stateWord } from './words';

/** A state as a word with a mark. */
export function StateMark(props: { state: string; trans: Trans }): JSX.Element {
  return (
    <span className={`mj-Run-state mj-mod-${moodOf(props.state)}`}>
      {stateWord(props.state, props.trans)}
    </span>
  );
}
