import React from 'react';

import { IEndpoint } from '../api';
import { Button, confirm, plain, Trans } from '../react';
import { Store } from '../store';
import { IChange, useDraft } from './change';
import { Form, Moved, moved, NumberField } from './form';
import {
  describeScaling,
  draftOf,
  goesToZero,
  isSame,
  IScalingDraft,
  MAX_REPLICAS,
  Mode,
  policyOf,
  problemOf,
  put,
  ScalingField,
  settle
} from './scaling';

/** How many replicas an endpoint has: a fixed number, a range, or none while idle. */
export function ScaleForm(props: {
  endpoint: IEndpoint;
  store: Store;
  trans: Trans;
  change: IChange;
  off: string | false;
}): JSX.Element {
  const { endpoint, store, trans, change } = props;
  const { name, revision, scaling: present } = endpoint.spec;
  const draft = useDraft(endpoint, ({ spec }) => draftOf(spec.scaling));
  const wanted = policyOf(draft.value);
  const unchanged = isSame(present, wanted);
  const off =
    props.off ||
    problemOf(draft.value, trans) ||
    moved(draft, trans) ||
    (unchanged && trans.__('This is how it scales now.')) ||
    (change.busy && trans.__('The change is being made…'));

  const edit = (value: IScalingDraft): void => {
    change.clear();
    draft.put(value);
  };
  const apply = async (): Promise<void> => {
    if (
      goesToZero(present, wanted) &&
      !(await confirm(
        trans,
        trans.__('Let %1 go to zero?', plain(name, 60)),
        trans.__(
          'It will have no replica after %1 s without a call, and the next call waits until one has started.',
          wanted.idle_seconds
        ),
        trans.__('Go to Zero')
      ))
    ) {
      return;
    }
    const done = await change.run(
      () => store.api.scale(name, wanted, revision),
      trans.__('Scaling changed. %1.', describeScaling(wanted, trans))
    );
    if (done) {
      draft.reset();
    }
  };

  return (
    <Form
      label={trans.__('Scaling')}
      submit={trans.__('Apply')}
      off={off}
      onSubmit={() => void apply()}
      more={
        !unchanged && <Button label={trans.__('Reset')} onClick={draft.reset} />
      }
    >
      <Modes
        mode={draft.value.mode}
        off={props.off !== false}
        trans={trans}
        onChange={mode => edit({ ...draft.value, mode })}
      />
      <Fields
        draft={draft.value}
        off={props.off !== false}
        trans={trans}
        onChange={(field, value) => edit(put(draft.value, field, value))}
        onLeave={() => {
          if (draft.value.typing) {
            draft.put(settle(draft.value));
          }
        }}
      />
      <Moved draft={draft} trans={trans} />
    </Form>
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

function Fields(props: {
  draft: IScalingDraft;
  off: boolean;
  trans: Trans;
  onChange: (field: ScalingField, value: number) => void;
  onLeave: () => void;
}): JSX.Element {
  const { draft, off, trans } = props;
  const field = (
    name: ScalingField,
    label: string,
    min: number,
    max: number,
    step: number | 'any' = 1
  ): JSX.Element => (
    <NumberField
      label={label}
      value={draft[name]}
      min={min}
      max={max}
      step={step}
      off={off}
      onChange={value => props.onChange(name, value)}
      onLeave={props.onLeave}
    />
  );
  switch (draft.mode) {
    case 'fixed':
      return (
        <div className="mj-Endpoint-fields">
          <ReplicaSlider
            value={draft.count}
            off={off}
            trans={trans}
            onChange={value => props.onChange('count', value)}
          />
          {field('count', trans.__('Replicas'), 1, MAX_REPLICAS)}
        </div>
      );
    case 'elastic':
      return (
        <div className="mj-Endpoint-fields">
          {field('low', trans.__('Fewest replicas'), 1, MAX_REPLICAS)}
          {field('high', trans.__('Most replicas'), 1, MAX_REPLICAS)}
          {field(
            'target',
            trans.__('Calls at once per replica'),
            0,
            10_000,
            'any'
          )}
        </div>
      );
    case 'serverless':
      return (
        <div className="mj-Endpoint-fields">
          {field('high', trans.__('Most replicas'), 1, MAX_REPLICAS)}
          {field(
            'target',
            trans.__('Calls at once per replica'),
            0,
            10_000,
            'any'
          )}
          {field('idle', trans.__('Seconds idle until zero'), 0, 86_400, 'any')}
        </div>
      );
  }
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
