import React from 'react';

import { IEndpoint, ITraffic } from '../api';
import { Trans, useValue } from '../react';
import { Store } from '../store';
import { IControl, useDraft } from './change';
import { EditForm } from './editform';
import { NumberField } from './form';
import { IShares, move, sharesOf } from './shares';
import { describeTraffic } from './traffic';
import { versionsOf } from './versions';

interface ITrafficDraft {
  shares: IShares;
  shadows: number[];
}

/** Which versions answer, in shares that always sum to 100, and which only get copies. */
export function TrafficForm(props: IControl): JSX.Element {
  const { endpoint, store, trans, change } = props;
  const { name, revision, traffic: present } = endpoint.spec;
  const draft = useDraft(props, ({ spec }) => draftOf(spec.traffic));
  const wanted = trafficOf(draft.value);
  const rows = rowsOf(draft.value);
  const off = props.off !== false;

  return (
    <EditForm
      {...props}
      label={trans.__('Traffic')}
      draft={draft}
      unchanged={
        isSame(present, wanted) &&
        trans.__('This is how the calls are divided now.')
      }
      onApply={() =>
        change.run(
          () => store.api.traffic(name, wanted, revision),
          trans.__('Traffic changed. %1.', describeTraffic(wanted, trans))
        )
      }
    >
      {rows.map(version => (
        <VersionShare
          key={version}
          version={version}
          draft={draft.value}
          off={off}
          trans={trans}
          onChange={draft.edit}
        />
      ))}
      <AddVersion
        endpoint={endpoint}
        store={store}
        trans={trans}
        there={rows}
        off={off}
        onAdd={version => draft.edit(add(draft.value, version))}
      />
    </EditForm>
  );
}

function VersionShare(props: {
  version: number;
  draft: ITrafficDraft;
  off: boolean;
  trans: Trans;
  onChange: (draft: ITrafficDraft) => void;
}): JSX.Element {
  const { version, draft, trans, onChange } = props;
  const { weights } = draft.shares;
  const shadow = draft.shadows.includes(version);
  const only = Object.keys(weights).length < 2;
  const off = props.off || shadow || only;
  const share = shadow ? 0 : weights[version];
  const put = (value: number): void => {
    if (!Number.isNaN(value)) {
      const shares = move(draft.shares, String(version), Math.round(value));
      onChange({ ...draft, shares });
    }
  };
  return (
    <div
      className="mj-Endpoint-share"
      role="group"
      aria-label={trans.__('Version %1', version)}
    >
      <span className="mj-Endpoint-share-version">
        {trans.__('v%1', version)}
      </span>
      <input
        type="range"
        className="mj-Endpoint-slider"
        aria-label={trans.__('Per cent for version %1, by slider', version)}
        min={0}
        max={100}
        value={share}
        disabled={off}
        onChange={event => put(event.target.valueAsNumber)}
      />
      <NumberField
        label={trans.__('Per cent for version %1', version)}
        hideLabel
        value={share}
        min={0}
        max={100}
        off={off}
        onChange={put}
      />
      <label
        className="mj-Endpoint-share-shadow"
        title={trans.__(
          'A shadow gets a copy of each call; its answers are recorded, not sent.'
        )}
      >
        <input
          type="checkbox"
          checked={shadow}
          disabled={props.off || (!shadow && only)}
          onChange={() => onChange(toggleShadow(draft, version))}
        />
        {trans.__('shadow')}
      </label>
    </div>
  );
}

function AddVersion(props: {
  endpoint: IEndpoint;
  store: Store;
  trans: Trans;
  there: number[];
  off: boolean;
  onAdd: (version: number) => void;
}): JSX.Element | null {
  const { trans } = props;
  const { value } = useValue(props.store.versions);
  const id = React.useId();
  const others = versionsOf(value, props.endpoint.spec.model)
    .map(({ version }) => version)
    .filter(version => !props.there.includes(version));
  if (!others.length) {
    return value === undefined ? null : (
      <p className="mj-Endpoint-form-hint">
        {trans.__('There is no other version of this model to add.')}
      </p>
    );
  }
  return (
    <span className="mj-Endpoint-field">
      <label htmlFor={id}>{trans.__('Add')}</label>
      <select
        id={id}
        value=""
        disabled={props.off}
        onChange={event => props.onAdd(Number(event.target.value))}
      >
        <option value="">{trans.__('a version…')}</option>
        {others.map(version => (
          <option key={version} value={version}>
            {trans.__('Version %1', version)}
          </option>
        ))}
      </select>
    </span>
  );
}

function draftOf(traffic: ITraffic): ITrafficDraft {
  return { shares: sharesOf(traffic.weights), shadows: traffic.shadows };
}

/** What the draft asks for; a version without calls is not asked for at all. */
function trafficOf({ shares, shadows }: ITrafficDraft): ITraffic {
  const kept = Object.entries(shares.weights).filter(([, share]) => share > 0);
  return {
    weights: Object.fromEntries(kept),
    shadows: [...shadows].sort((one, two) => one - two)
  };
}

function isSame(one: ITraffic, other: ITraffic): boolean {
  const key = ({ weights, shadows }: ITraffic): string =>
    JSON.stringify([
      Object.entries(weights).filter(([, share]) => share > 0),
      [...shadows].sort((a, b) => a - b)
    ]);
  return key(one) === key(other);
}

function rowsOf({ shares, shadows }: ITrafficDraft): number[] {
  const served = Object.keys(shares.weights).map(Number);
  return [...served, ...shadows].sort((one, two) => one - two);
}

/** A version that comes new serves nothing until somebody gives it a share. */
function add(draft: ITrafficDraft, version: number): ITrafficDraft {
  const weights = { ...draft.shares.weights, [version]: 0 };
  return { ...draft, shares: { weights } };
}

/** A shadow serves nothing: its share goes to the others. */
function toggleShadow(draft: ITrafficDraft, version: number): ITrafficDraft {
  if (draft.shadows.includes(version)) {
    return add(
      { ...draft, shadows: draft.shadows.filter(other => other !== version) },
      version
    );
  }
  const { [version]: _, ...others } = draft.shares.weights;
  return {
    shares: sharesOf(others),
    shadows: [...draft.shadows, version]
  };
}
