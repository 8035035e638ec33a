import { refreshIcon } from '@jupyterlab/ui-components';
import React from 'react';

import { IViewContext } from '../context';
import { EndpointList } from '../endpoints/list';
import { Trouble } from '../endpoints/trouble';
import { Button, Empty, Loading, Trans, useReread, useValue } from '../react';
import { Section } from '../section';
import { Store } from '../store';
import { Value } from '../value';

/** How a notebook makes an endpoint; a command, so the same in every language. */
const DEPLOY = '%deploy churn@champion';
/** Seconds after which rates are read again while there are calls. */
const RATES_SECONDS = 5;

/** All endpoints, and all that can be done with them. */
export function EndpointsSection(props: IViewContext): JSX.Element {
  const { store, trans, state } = props;
  return (
    <Section
      id="endpoints"
      trans={trans}
      state={state}
      badge={<Count store={store} trans={trans} />}
      actions={
        <Button
          label={trans.__('Refresh endpoints')}
          kind="icon"
          onClick={() => {
            void store.status.refresh();
            void store.endpoints.refresh();
          }}
        >
          <refreshIcon.react tag="span" aria-hidden="true" />
        </Button>
      }
    >
      <Endpoints {...props} />
    </Section>
  );
}

function Endpoints(props: IViewContext): JSX.Element {
  const { store, trans } = props;
  const { value, error } = useValue(store.endpoints);
  const { value: status } = useValue(store.status);
  const called = value?.some(one => one.requests_per_second > 0);
  // calls that end make no events
  useReread(store.endpoints, called ? RATES_SECONDS : 0);
  const content = React.useRef<HTMLDivElement>(null);
  const started = React.useRef(false);
  React.useEffect(() => {
    // the button that started the hub is gone by now; its focus must not get lost
    if (started.current && error === undefined) {
      started.current = false;
      content.current?.focus();
    }
  }, [error]);
  if (value === undefined && error === undefined) {
    return <Loading trans={trans} what={trans.__('Reading the endpoints…')} />;
  }
  return (
    <div ref={content} tabIndex={-1}>
      {error && (
        <Trouble
          {...props}
          error={error}
          status={status}
          onStarted={() => {
            started.current = true;
          }}
        />
      )}
      {value?.length === 0 && !error && <NoEndpoints trans={trans} />}
      {value !== undefined && value.length > 0 && (
        <EndpointList
          endpoints={value}
          status={status}
          off={
            error !== undefined &&
            trans.__('This is what was last known; nothing can be done now.')
          }
          store={store}
          trans={trans}
        />
      )}
    </div>
  );
}

function NoEndpoints({ trans }: { trans: Trans }): JSX.Element {
  return (
    <Empty>
      <p>{trans.__('No endpoint yet: no model is being served.')}</p>
      <p>
        {trans.__('Deploy one from Models below, or from a notebook:')}{' '}
        <code>{DEPLOY}</code>
      </p>
    </Empty>
  );
}

/** How many there are, without asking for it. */
function Count(props: { store: Store; trans: Trans }): JSX.Element | null {
  const endpoints = useKnown(props.store.endpoints);
  const count = endpoints?.filter(({ spec }) => spec.deployed).length;
  return count ? (
    <span className="mj-Endpoint-count">
      {count}
      <span className="mj-Endpoint-unseen">
        {' '}
        {props.trans._n('endpoint', 'endpoints', count)}
      </span>
    </span>
  ) : null;
}

function useKnown<T>(value: Value<T>): T | undefined {
  const [known, setKnown] = React.useState(value.value);
  React.useEffect(() => {
    const read = (): void => setKnown(value.value);
    value.changed.connect(read);
    read();
    return () => {
      value.changed.disconnect(read);
    };
  }, [value]);
  return known;
}
