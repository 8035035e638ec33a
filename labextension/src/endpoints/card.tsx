import { Time } from '@jupyterlab/coreutils';
import { stopIcon } from '@jupyterlab/ui-components';
import React from 'react';

import { IEndpoint, IStatus } from '../api';
import { Button, confirm, plain, Text, Trans, useNow } from '../react';
import { lazily } from '../lazy';
import { Store } from '../store';
import { busy, IControl, useChange } from './change';
import { Outcome } from './form';
import { Rates } from './rates';
import { Replicas } from './replicas';
import { refusal } from './rights';
import { describeScaling } from './scaling';
import { StateMark } from './state';
import type { Tab } from './tabform';
import { describeTraffic } from './traffic';

// most pages only look at endpoints
const TabForm = lazily(() => import('./tabform'));
const Redeploy = lazily(() => import('./redeploy'));
const Pipeline = lazily(() => import('../pipelines/parts'));

export interface ICardProps {
  endpoint: IEndpoint;
  status: IStatus | undefined;
  /** Why nothing can be done now, whoever asks. */
  off: string | false;
  store: Store;
  trans: Trans;
  /** Have all endpoints in the list. */
  unfilter: () => void;
  /** Says whether there is something in the card that must not be lost. */
  onHold: (hold: boolean) => void;
}

/** All of one endpoint, stacked so that it fits a sidebar. */
export function EndpointCard(props: ICardProps): JSX.Element {
  const { endpoint, status, store, trans } = props;
  const { spec } = endpoint;
  const title = React.useId();
  const change = useChange(store, spec.name, trans);
  const off = props.off || refusal(status, 'deploy', trans);
  const control = { endpoint, store, trans, change, off };
  return (
    <article className="mj-Endpoint" aria-labelledby={title} tabIndex={-1}>
      <div className="mj-Endpoint-head">
        <h3 id={title}>
          <Text most={60}>{spec.name}</Text>
        </h3>
        <StateMark
          state={endpoint.state}
          past={props.off !== false}
          trans={trans}
        />
        {spec.deployed && <Undeploy {...control} />}
      </div>
      <p className="mj-Endpoint-model">
        <Text most={60}>{spec.model}</Text> ·{' '}
        {describeTraffic(spec.traffic, trans)}
      </p>
      <Replicas endpoint={endpoint} trans={trans} />
      {spec.deployed && (
        <>
          <p className="mj-Endpoint-scaling">
            {describeScaling(spec.scaling, trans)}
          </p>
          <Rates endpoint={endpoint} store={store} trans={trans} />
        </>
      )}
      {endpoint.pipeline && <Pipeline {...props} />}
      <Changed endpoint={endpoint} trans={trans} />
      <Controls
        {...control}
        callOff={props.off || refusal(status, 'invoke', trans)}
        onHold={props.onHold}
      />
    </article>
  );
}

function Changed(props: { endpoint: IEndpoint; trans: Trans }): JSX.Element {
  const { updated_at: at, updated_by: by } = props.endpoint;
  useNow(30);
  const moment = new Date(at * 1000);
  return (
    <p className="mj-Endpoint-changed">
      <time dateTime={moment.toISOString()} title={Time.format(moment)}>
        {props.trans.__('Changed %1', Time.formatHuman(moment, 'short'))}
      </time>{' '}
      {props.trans.__('by')} <Text most={40}>{by}</Text>
    </p>
  );
}

/** What can be done with it: one form at a time. */
function Controls(
  props: IControl & { callOff: string | false } & Pick<ICardProps, 'onHold'>
): JSX.Element {
  const { onHold, callOff, ...control } = props;
  const { endpoint, trans, change } = control;
  const { name, deployed } = endpoint.spec;
  const [tab, setTab] = React.useState<Tab>();
  const body = React.useId();
  const hold = tab !== undefined || change.busy || change.outcome !== undefined;
  React.useEffect(() => onHold(hold), [hold, onHold]);

  // the button that was pressed goes with the state; its focus must not get lost
  const end = React.useRef<HTMLDivElement>(null);
  const was = React.useRef(deployed);
  React.useEffect(() => {
    const lost = hold && document.activeElement === document.body;
    if (was.current !== deployed && lost) {
      end.current?.closest('article')?.focus();
    }
    was.current = deployed;
  }, [deployed, hold]);

  if (!deployed) {
    return (
      <>
        <Redeploy {...control} />
        <div key="outcome" ref={end}>
          <Outcome change={change} trans={trans} />
        </div>
      </>
    );
  }
  const tabs: [Tab, string][] = [
    ['scale', trans.__('Scale')],
    ['traffic', trans.__('Traffic')],
    ['versions', trans.__('Versions')],
    ['call', trans.__('Call')]
  ];
  return (
    <>
      <div
        className="mj-Endpoint-actions"
        role="group"
        aria-label={trans.__('Actions for %1', plain(name, 60))}
      >
        {tabs.map(([one, label]) => (
          <button
            key={one}
            type="button"
            className="mj-Button mj-Endpoint-action"
            aria-expanded={tab === one}
            aria-controls={tab === one ? body : undefined}
            onClick={() => {
              change.clear();
              setTab(tab === one ? undefined : one);
            }}
          >
            {label}
          </button>
        ))}
      </div>
      {tab && (
        <div id={body} className="mj-Endpoint-panel">
          <TabForm {...control} tab={tab} callOff={callOff} />
        </div>
      )}
      <div key="outcome" ref={end}>
        <Outcome change={change} trans={trans} />
      </div>
    </>
  );
}

function Undeploy(props: IControl): JSX.Element {
  const { endpoint, store, trans, change } = props;
  const { name, revision } = endpoint.spec;
  const undeploy = async (): Promise<void> => {
    const sure = await confirm(
      trans,
      trans.__('Undeploy %1?', plain(name, 60)),
      trans.__(
        'Its replicas stop, and whoever calls it gets an error. It is remembered and can be deployed again.'
      ),
      trans.__('Undeploy')
    );
    if (sure) {
      await change.run(
        () => store.api.undeploy(name, revision),
        trans.__('Undeployed.')
      );
    }
  };
  return (
    <Button
      label={trans.__('Undeploy')}
      kind="icon"
      disabled={props.off || busy(change, trans)}
      onClick={() => void undeploy()}
    >
      <stopIcon.react tag="span" width="16px" height="16px" />
    </Button>
  );
}
