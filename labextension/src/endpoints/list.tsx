import React from 'react';

import { IEndpoint, IStatus } from '../api';
import { plain, Text, Trans } from '../react';
import { Store } from '../store';
import { EndpointCard } from './card';
import { Nearness, NearItem } from './near';
import { stateWord } from './state';

/** More endpoints than this get a box to filter them. */
const FILTER_ABOVE = 10;
/** Cards that are there before anything is known of what is seen. */
const FIRST = 8;

/** A card for each endpoint, those that serve first. */
export function EndpointList(props: {
  endpoints: IEndpoint[];
  status: IStatus | undefined;
  off: string | false;
  store: Store;
  trans: Trans;
}): JSX.Element {
  const { endpoints, trans } = props;
  const [filter, setFilter] = React.useState('');
  const [nearness] = React.useState(() => new Nearness());
  React.useEffect(() => () => nearness.dispose(), [nearness]);
  const many = endpoints.length > FILTER_ABOVE;
  const shown = React.useMemo(
    () => (many ? fitting(endpoints, filter, trans) : ordered(endpoints)),
    [endpoints, filter, many, trans]
  );
  return (
    <>
      {many && (
        <FilterBox
          filter={filter}
          shown={shown.length}
          all={endpoints.length}
          trans={trans}
          onChange={setFilter}
        />
      )}
      <ul className="mj-Endpoints">
        {shown.map((endpoint, at) => (
          <Item
            key={endpoint.spec.name}
            {...props}
            endpoint={endpoint}
            nearness={nearness}
            initially={at < FIRST}
            unfilter={() => setFilter('')}
          />
        ))}
      </ul>
    </>
  );
}

function Item(props: {
  endpoint: IEndpoint;
  status: IStatus | undefined;
  off: string | false;
  store: Store;
  trans: Trans;
  nearness: Nearness;
  initially: boolean;
  unfilter: () => void;
}): JSX.Element {
  const { endpoint, status, off, store, trans, unfilter } = props;
  const [hold, setHold] = React.useState(false);
  return (
    <NearItem
      name={endpoint.spec.name}
      nearness={props.nearness}
      initially={props.initially}
      hold={hold}
      brief={<Text most={60}>{endpoint.spec.name}</Text>}
    >
      {() => (
        <EndpointCard
          {...{ endpoint, status, off, store, trans, unfilter }}
          onHold={setHold}
        />
      )}
    </NearItem>
  );
}

function FilterBox(props: {
  filter: string;
  shown: number;
  all: number;
  trans: Trans;
  onChange: (filter: string) => void;
}): JSX.Element {
  const { trans } = props;
  return (
    <div className="mj-Endpoint-filter" role="search">
      <input
        type="search"
        aria-label={trans.__('Filter endpoints')}
        placeholder={trans.__('Name, model or state')}
        value={props.filter}
        onChange={event => props.onChange(event.target.value)}
      />
      <p
        role="status"
        className={props.filter ? undefined : 'mj-Endpoint-unseen'}
      >
        {props.filter && trans.__('%1 of %2 endpoints', props.shown, props.all)}
      </p>
    </div>
  );
}

/** Those in whose name, model or state each word of the filter occurs. */
export function fitting(
  endpoints: IEndpoint[],
  filter: string,
  trans: Trans
): IEndpoint[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  return ordered(endpoints).filter(({ spec, state }) => {
    const text = [
      plain(spec.name, 1000),
      plain(spec.model, 1000),
      state,
      stateWord(state, trans)
    ]
      .join(' ')
      .toLowerCase();
    return words.every(word => text.includes(word));
  });
}

/** By name, those that are only remembered last. */
function ordered(endpoints: IEndpoint[]): IEndpoint[] {
  const serves = endpoints.filter(({ spec }) => spec.deployed);
  return [...serves, ...endpoints.filter(({ spec }) => !spec.deployed)];
}
