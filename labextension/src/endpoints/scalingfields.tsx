import React from 'react';

import { Trans } from '../react';
import { NumberField } from './form';
import {
  BOUNDS,
  FIELDS,
  IScalingDraft,
  put,
  ScalingField,
  settle
} from './scaling';

/** The numbers of a way to scale. */
export function ScalingFields(props: {
  draft: IScalingDraft;
  off?: boolean;
  trans: Trans;
  onChange: (draft: IScalingDraft) => void;
  /** A field was left in which something was typed. */
  onSettle: (draft: IScalingDraft) => void;
}): JSX.Element {
  const { draft, trans } = props;
  return (
    <>
      {FIELDS[draft.mode].map(field => (
        <NumberField
          key={field}
          label={labelOf(field, trans)}
          value={draft[field]}
          {...BOUNDS[field]}
          off={props.off}
          onChange={value => props.onChange(put(draft, field, value))}
          onLeave={() => {
            if (draft.typing) {
              props.onSettle(settle(draft));
            }
          }}
        />
      ))}
    </>
  );
}

function labelOf(field: ScalingField, trans: Trans): string {
  switch (field) {
    case 'count':
      return trans.__('Replicas');
    case 'low':
      return trans.__('Fewest replicas');
    case 'high':
      return trans.__('Most replicas');
    case 'target':
      return trans.__('Calls at once per replica');
    case 'idle':
      return trans.__('Seconds idle until zero');
  }
}
