import React from 'react';

import { IEndpoint, IReplicas } from '../api';
import { Text, Trans } from '../react';

/** How many replicas are wanted, answer, and are on their way, and why they are not there. */
export function Replicas(props: {
  endpoint: IEndpoint;
  trans: Trans;
}): JSX.Element | null {
  const { endpoint, trans } = props;
  const { replicas } = endpoint;
  const reason = isPlain(endpoint) ? '' : endpoint.reason;
  const told = replicas.filter(
    one => one.ready !== one.desired && !endpoint.reason.includes(one.reason)
  );
  return (
    <>
      {endpoint.spec.deployed && (
        <p className="mj-Endpoint-replicas">
          <span className="mj-Endpoint-unseen">{trans.__('Replicas:')} </span>
          {counts(total(replicas), trans)}
        </p>
      )}
      {replicas.length > 1 && (
        <ul className="mj-Endpoint-replicas-versions">
          {replicas.map(one => (
            <li key={one.version}>
              {trans.__('v%1: %2', one.version, counts(one, trans))}
            </li>
          ))}
        </ul>
      )}
      {reason && (
        <p className="mj-Endpoint-reason">
          <Text most={300}>{reason}</Text>
        </p>
      )}
      {told.map(one => (
        <p key={one.version} className="mj-Endpoint-reason">
          {trans.__('v%1: ', one.version)}
          <Text most={300}>{one.reason}</Text>
        </p>
      ))}
    </>
  );
}

/** Whether there is nothing to say beyond the numbers. */
function isPlain({ state, spec, replicas }: IEndpoint): boolean {
  return (
    state === 'ready' &&
    spec.scaling.mode === 'fixed' &&
    total(replicas).ready === spec.scaling.max
  );
}

type Counts = Pick<IReplicas, 'desired' | 'ready' | 'pending'>;

function counts({ desired, ready, pending }: Counts, trans: Trans): string {
  return trans.__(
    '%1 desired · %2 ready · %3 pending',
    desired,
    ready,
    pending
  );
}

function total(replicas: IReplicas[]): Counts {
  return replicas.reduce(
    (sum, { desired, ready, pending }) => ({
      desired: sum.desired + desired,
      ready: sum.ready + ready,
      pending: sum.pending + pending
    }),
    { desired: 0, ready: 0, pending: 0 }
  );
}
