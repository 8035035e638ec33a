import React from 'react';

import { NumberField } from '../endpoints/form';
import {
  IScalingDraft,
  MAX_REPLICAS,
  Mode,
  put,
  ScalingField,
  settle
} from '../endpoints/scaling';
import { Trans } from '../react';

export const START: IScalingDraft = {
  mode: 'fixed',
  count: 1,
  low: 1,
  high: 4,
  target: 1,
  idle: 60
};

/** How to scale what is deployed; undefined leaves it as it is, or to the hub. */
export function ScalingFields(props: {
  draft: IScalingDraft | undefined;
  /** What undefined means. */
  kept: string;
  trans: Trans;
  onChange: (draft: IScalingDraft | undefined) => void;
}): JSX.Element {
  const { draft, trans, onChange } = props;
  const id = React.useId();
  const [last, setLast] = React.useState(START);
  const change = (next: IScalingDraft): void => {
    setLast(next);
    onChange(next);
  };
  return (
    <>
      <span className="mj-Field">
        <label htmlFor={id}>{trans.__('Scaling')}</label>
        <select
          id={id}
          value={draft?.mode ?? ''}
          onChange={event => {
            const mode = event.target.value;
            if (mode === '') {
              onChange(undefined);
            } else {
              change({ ...last, mode: mode as Mode });
            }
          }}
        >
          <option value="">{props.kept}</option>
          <option value="fixed">{trans.__('Fixed')}</option>
          <option value="elastic">{trans.__('Elastic')}</option>
          <option value="serverless">{trans.__('Serverless')}</option>
        </select>
      </span>
      {draft !== undefined &&
        fieldsOf(draft.mode, trans).map(([field, label, least, most, step]) => (
          <NumberField
            key={field}
            label={label}
            value={draft[field]}
            min={least}
            max={most}
            step={step}
            onChange={value => change(put(draft, field, value))}
            onLeave={() => {
              if (draft.typing) {
                change(settle(draft));
              }
            }}
          />
        ))}
    </>
  );
}

type Field = [ScalingField, string, number, number, number | 'any'];

function fieldsOf(mode: Mode, trans: Trans): Field[] {
  const most: Field = ['high', trans.__('Most'), 1, MAX_REPLICAS, 1];
  const target: Field = [
    'target',
    trans.__('Calls at once per replica'),
    0,
    10_000,
    'any'
  ];
  switch (mode) {
    case 'fixed':
      return [['count', trans.__('Replicas'), 1, MAX_REPLICAS, 1]];
    case 'elastic':
      return [['low', trans.__('Fewest'), 1, MAX_REPLICAS, 1], most, target];
    case 'serverless':
      return [
        most,
        target,
        ['idle', trans.__('Seconds idle until zero'), 0, 86_400, 'any']
      ];
  }
}
