import React from 'react';

import { IModelVersion } from '../api';
import { plain, Text, Trans, useValue } from '../react';
import { Store } from '../store';
import { findEndpoint } from './deployment';
import { progressOf } from './progress';

/** What becomes of a deployment, with the hub's reason. */
export function DeployProgress(props: {
  name: string;
  version: IModelVersion;
  store: Store;
  trans: Trans;
}): JSX.Element | null {
  const { name, version, trans } = props;
  const { value } = useValue(props.store.endpoints);
  const endpoint = findEndpoint(value, name);
  if (endpoint === undefined) {
    return null;
  }
  const progress = progressOf(endpoint, version);
  const said = {
    under_way: trans.__('Version %1 is loading…', version.version),
    done: trans.__(
      '%1 answers with version %2.',
      plain(name, 63),
      version.version
    ),
    failed: trans.__('Version %1 does not serve.', version.version)
  };
  return (
    <div
      role={progress === 'failed' ? 'alert' : 'status'}
      className={`mj-Models-progress mj-mod-${progress}`}
    >
      {progress === 'under_way' && (
        <progress aria-label={trans.__('Deployment')} />
      )}
      <p>{said[progress]}</p>
      {endpoint.reason && (
        <p>
          <Text most={500}>{endpoint.reason}</Text>
        </p>
      )}
    </div>
  );
}
