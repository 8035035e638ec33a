import React from 'react';

import { confirm, plain, Trans } from '../react';
import { IControl, useDraft } from './change';
import { EditForm } from './editform';
import {
  describeScaling,
  draftOf,
  goesToZero,
  isSame,
  MAX_REPLICAS,
  Mode,
  policyOf,
  problemOf,
  put
} from './scaling';
import { ScalingFields } from './scalingfields';

/** How many replicas an endpoint has: a fixed number, a range, or none while idle. */
export function ScaleForm(props: IControl): JSX.Element {
  const { endpoint, store, trans, change } = props;
  const { name, revision, scaling: present } = endpoint.spec;
  const draft = useDraft(props, ({ spec }) => draftOf(spec.scaling));
  const wanted = policyOf(draft.value);
  const off = props.off !== false;

  const apply = async (): Promise<boolean> => {
    const agreed =
      !goesToZero(present, wanted) ||
      (await confirm(
        trans,
        trans.__('Let %1 go to zero?', plain(name, 60)),
        trans.__(
          'It will have no replica after %1 s without a call, and the next call waits until one has started.',
          wanted.idle_seconds
        ),
        trans.__('Go to Zero')
      ));
    return (
      agreed &&
      change.run(
        () => store.api.scale(name, wanted, revision),
        trans.__('Scaling changed. %1.', describeScaling(wanted, trans))
      )
    );
  };

  return (
    <EditForm
      {...props}
      label={trans.__('Scaling')}
      draft={draft}
      problem={problemOf(draft.value, trans)}
      unchanged={
        isSame(present, wanted) && trans.__('This is how it scales now.')
      }
      onApply={apply}
    >
      <Modes
        mode={draft.value.mode}
        off={off}
        trans={trans}
        onChange={mode => draft.edit({ ...draft.value, mode })}
      />
      {draft.value.mode === 'fixed' && (
        <ReplicaSlider
          value={draft.value.count}
          off={off}
          trans={trans}
          onChange={value => draft.edit(put(draft.value, 'count', value))}
        />
      )}
      <ScalingFields
        draft={draft.value}
        off={off}
        trans={trans}
        onChange={draft.edit}
        onSettle={draft.put}
      />
    </EditForm>
  );
}

function Modes(props: {
  mode: Mode;
  off: boolean;
  trans: Trans;
  onChange: (mode: Mode) => void;
}): JSX.Element {
  const { trans } = props;
  const group = React.useId();
  const modes: [Mode, string, string][] = [
    ['fixed', trans.__('Fixed'), trans.__('Always the same number.')],
    [
      'elastic',
      trans.__('Elastic'),
      trans.__('As many as the calls need, within bounds.')
    ],
    [
      'serverless',
      trans.__('Serverless'),
      trans.__('None while nobody calls; the first call starts one.')
    ]
  ];
  return (
    <fieldset className="mj-Endpoint-modes" disabled={props.off}>
      <legend className="mj-Endpoint-unseen">{trans.__('Design')}</legend>
      {modes.map(([mode, label, title]) => (
        <label key={mode} title={title}>
          <input
            type="radio"
            name={group}
            checked={mode === props.mode}
            onChange={() => props.onChange(mode)}
          />
          {label}
        </label>
      ))}
    </fieldset>
  );
}

/** Its range grows with the value when it is let go, so that it is fine for few and fit for many. */
function ReplicaSlider(props: {
  value: number;
  off: boolean;
  trans: Trans;
  onChange: (value: number) => void;
}): JSX.Element {
  const [most, setMost] = React.useState(() => reach(props.value));
  const value = Number.isNaN(props.value) ? 1 : props.value;
  const adapt = (): void => setMost(reach(value));
  return (
    <input
      type="range"
      className="mj-Endpoint-slider"
      aria-label={props.trans.__('Replicas, by slider')}
      min={1}
      max={Math.max(most, Math.min(value, MAX_REPLICAS))}
      value={value}
      disabled={props.off}
      onChange={event => props.onChange(event.target.valueAsNumber)}
      onBlur={adapt}
      onPointerUp={adapt}
    />
  );
}

function reach(value: number): number {
  return [10, 20, 50, 100, 200, 500].find(most => value < most) ?? MAX_REPLICAS;
}
