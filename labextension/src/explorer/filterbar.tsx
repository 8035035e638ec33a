import React from 'react';

import { Button, Trans } from '../react';
import { changed, countAsked, IAsked } from './asked';
import { ChoiceField, MomentField, TextField } from './field';

const STATUSES = [
  200, 202, 400, 401, 403, 404, 409, 413, 422, 429, 500, 503, 504
];
const SPANS = [900, 3600, 86_400, 7 * 86_400, 30 * 86_400];
/** The value of the choice whose bounds are given by hand. */
const BETWEEN = 'between';

/** Names that a reader may want to filter by. */
export interface INames {
  endpoints: readonly string[];
  models: readonly string[];
  callers: readonly string[];
}

/** All that the history can be searched by. */
export default function FilterBar(props: {
  asked: IAsked;
  onChange: (asked: IAsked) => void;
  names: INames;
  trans: Trans;
}): JSX.Element {
  const { asked, trans, names } = props;
  // what was typed is told after a pause, in which other fields may have changed
  const latest = React.useRef(asked);
  latest.current = asked;
  const set = (parts: Partial<IAsked>) => {
    latest.current = changed(latest.current, parts);
    props.onChange(latest.current);
  };
  const count = countAsked(asked);
  return (
    <div className="mj-FilterBar" role="search" aria-label={trans.__('Filter')}>
      <TextField
        label={trans.__('Text in names')}
        value={asked.text ?? ''}
        onChange={text => set({ text })}
      />
      <ChoiceField
        label={trans.__('Kind')}
        value={asked.kind ?? ''}
        choices={kinds(trans)}
        onChange={kind => set({ kind })}
      />
      <StatusField asked={asked} trans={trans} set={set} />
      <TextField
        label={trans.__('Endpoint')}
        value={asked.endpoint ?? ''}
        suggestions={names.endpoints}
        onChange={endpoint => set({ endpoint })}
      />
      <TextField
        label={trans.__('Model')}
        value={asked.model ?? ''}
        suggestions={names.models}
        onChange={model => set({ model })}
      />
      <TextField
        label={trans.__('Version')}
        type="number"
        value={String(asked.version ?? '')}
        onChange={version =>
          set({
            version: /^\d{1,9}$/.test(version) ? Number(version) : undefined
          })
        }
      />
      <TextField
        label={trans.__('Caller')}
        value={asked.caller ?? ''}
        suggestions={names.callers}
        onChange={caller => set({ caller })}
      />
      <TimeFields asked={asked} trans={trans} set={set} />
      {count > 0 && (
        <Button
          label={trans.__('Clear filter')}
          onClick={() => props.onChange({})}
        />
      )}
    </div>
  );
}

interface IPart {
  asked: IAsked;
  trans: Trans;
  set: (parts: Partial<IAsked>) => void;
}

function StatusField({ asked, trans, set }: IPart): JSX.Element {
  const codes =
    asked.status === undefined || STATUSES.includes(asked.status)
      ? STATUSES
      : [asked.status, ...STATUSES];
  return (
    <ChoiceField
      label={trans.__('Status')}
      value={asked.failed ? 'failed' : String(asked.status ?? '')}
      choices={[
        ['', trans.__('Any')],
        ['failed', trans.__('Failed')],
        ...codes.map(code => [String(code), String(code)] as const)
      ]}
      onChange={value =>
        set({
          failed: value === 'failed',
          status: /^\d+$/.test(value) ? Number(value) : undefined
        })
      }
    />
  );
}

function TimeFields({ asked, trans, set }: IPart): JSX.Element {
  const bounded = asked.since !== undefined || asked.until !== undefined;
  const [between, setBetween] = React.useState(bounded);
  const byHand = asked.last === undefined && (between || bounded);
  return (
    <>
      <ChoiceField
        label={trans.__('Time')}
        value={byHand ? BETWEEN : String(asked.last ?? '')}
        choices={spans(asked.last, trans)}
        onChange={value => {
          setBetween(value === BETWEEN);
          set({
            last: /^\d+$/.test(value) ? Number(value) : undefined,
            since: undefined,
            until: undefined
          });
        }}
      />
      {byHand && (
        <>
          <MomentField
            label={trans.__('From')}
            value={asked.since}
            onChange={since => set({ since })}
          />
          <MomentField
            label={trans.__('To')}
            value={asked.until}
            onChange={until => set({ until })}
          />
        </>
      )}
    </>
  );
}

function kinds(trans: Trans): (readonly [string, string])[] {
  return [
    ['', trans.__('All')],
    ['prediction', trans.__('Calls')],
    ['control', trans.__('Changes')],
    ['run', trans.__('Runs')],
    ['access', trans.__('Access')],
    ['system', trans.__('The hub itself')]
  ];
}

function spans(
  last: number | undefined,
  trans: Trans
): (readonly [string, string])[] {
  const known =
    last === undefined || SPANS.includes(last) ? SPANS : [last, ...SPANS];
  return [
    ['', trans.__('Any time')],
    ...known.map(seconds => [String(seconds), spanOf(seconds, trans)] as const),
    [BETWEEN, trans.__('From … to …')]
  ];
}

function spanOf(seconds: number, trans: Trans): string {
  if (seconds < 3600) {
    return trans.__('Last %1 minutes', Math.round(seconds / 60));
  }
  return seconds < 2 * 86_400
    ? trans._n('Last hour', 'Last %1 hours', Math.round(seconds / 3600))
    : trans.__('Last %1 days', Math.round(seconds / 86_400));
}
