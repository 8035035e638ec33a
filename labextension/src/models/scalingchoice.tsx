import React from 'react';

import { IScalingDraft, Mode } from '../endpoints/scaling';
import { ScalingFields } from '../endpoints/scalingfields';
import { Trans } from '../react';

const START: IScalingDraft = {
  mode: 'fixed',
  count: 1,
  low: 1,
  high: 4,
  target: 1,
  idle: 60
};

/** How to scale what is deployed; undefined leaves it as it is, or to the hub. */
export function ScalingChoice(props: {
  draft: IScalingDraft | undefined;
  /** What undefined means. */
  kept: { name: string; description: string };
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
          <option value="">{props.kept.name}</option>
          <option value="fixed">{trans.__('Fixed')}</option>
          <option value="elastic">{trans.__('Elastic')}</option>
          <option value="serverless">{trans.__('Serverless')}</option>
        </select>
      </span>
      {draft === undefined && props.kept.description && (
        <p className="mj-Models-note">{props.kept.description}</p>
      )}
      {draft !== undefined && (
        <ScalingFields
          draft={draft}
          trans={trans}
          onChange={change}
          onSettle={change}
        />
      )}
    </>
  );
}
