import React from 'react';

import { IModelVersion } from '../api';
import { Form, Outcome } from '../endpoints/form';
import {
  describeScaling,
  IScalingDraft,
  policyOf,
  problemOf
} from '../endpoints/scaling';
import { Button, ErrorNote, Trans, useValue } from '../react';
import { Store } from '../store';
import { findEndpoint, useDeployment } from './deployment';
import { DeployProgress } from './deployprogress';
import { problemOfName } from './names';
import { ScalingChoice } from './scalingchoice';

/** Serve a version behind an endpoint, and see how it goes. */
export default function DeployForm(props: {
  version: IModelVersion;
  store: Store;
  trans: Trans;
  onClose: () => void;
}): JSX.Element {
  const { version, store, trans } = props;
  const id = React.useId();
  const [name, setName] = React.useState(version.model);
  const [scaling, setScaling] = React.useState<IScalingDraft>();
  const { value: endpoints } = useValue(store.endpoints);
  const deployment = useDeployment(store, version, name, trans);
  const { change, unread, asked } = deployment;
  const present = findEndpoint(endpoints, name);

  return (
    <div className="mj-Models-deploy">
      <Form
        label={trans.__('Deploy version %1', version.version)}
        submit={trans.__('Deploy')}
        off={
          problemOfName(name, trans) ||
          (scaling && problemOf(scaling, trans)) ||
          (change.busy && trans.__('It is being deployed…'))
        }
        onSubmit={() => void deployment.deploy(scaling && policyOf(scaling))}
        more={<Button label={trans.__('Close')} onClick={props.onClose} />}
      >
        <span className="mj-Field">
          <label htmlFor={id}>{trans.__('Endpoint')}</label>
          <input
            id={id}
            type="text"
            value={name}
            maxLength={63}
            spellCheck={false}
            autoComplete="off"
            onChange={event => setName(event.target.value.trim())}
          />
        </span>
        <ScalingChoice
          draft={scaling}
          kept={
            present
              ? {
                  name: trans.__('As it is'),
                  description: describeScaling(present.spec.scaling, trans)
                }
              : { name: trans.__('One replica'), description: '' }
          }
          trans={trans}
          onChange={setScaling}
        />
      </Form>
      {unread && (
        <ErrorNote error={unread} trans={trans} close={deployment.forget} />
      )}
      <Outcome change={change} trans={trans} />
      {asked !== undefined && (
        <DeployProgress
          name={asked}
          version={version}
          store={store}
          trans={trans}
        />
      )}
    </div>
  );
}
