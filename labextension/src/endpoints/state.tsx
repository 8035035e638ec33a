import React from 'react';

import { DeployState } from '../api';
import { Trans } from '../react';

/** A shape for each state, since colour alone tells nothing to many. */
const SHAPES: Record<DeployState, JSX.Element> = {
  pending: <circle cx="6" cy="6" r="4" strokeDasharray="2 2" />,
  loading: <path d="M6 2a4 4 0 0 1 0 8zM6 2a4 4 0 0 0 0 8" />,
  ready: <circle className="mj-mod-solid" cx="6" cy="6" r="4.5" />,
  idle: <circle cx="6" cy="6" r="4" />,
  degraded: <path className="mj-mod-solid" d="M6 1.5 11 10.5H1z" />,
  failed: <path d="M2.5 2.5l7 7M9.5 2.5l-7 7" />,
  undeployed: <path d="M2 6h8" />
};

/** What an endpoint is doing, or was when last heard of, as a word with a mark. */
export function StateMark(props: {
  state: DeployState;
  past: boolean;
  trans: Trans;
}): JSX.Element {
  const { state, past, trans } = props;
  const word = stateWord(state, trans);
  return (
    <span className={`mj-Endpoint-state mj-mod-${past ? 'past' : state}`}>
      <svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
        {SHAPES[state]}
      </svg>
      {past ? trans.__('was %1', word) : word}
    </span>
  );
}

export function stateWord(state: DeployState, trans: Trans): string {
  switch (state) {
    case 'pending':
      return trans.__('pending');
    case 'loading':
      return trans.__('loading');
    case 'ready':
      return trans.__('ready');
    case 'idle':
      return trans.__('idle');
    case 'degraded':
      return trans.__('degraded');
    case 'failed':
      return trans.__('failed');
    case 'undeployed':
      return trans.__('undeployed');
  }
}
