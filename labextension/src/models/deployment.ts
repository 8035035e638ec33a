/** Deploying a version: what is asked before, and what is shown after. */

import React from 'react';

import { ApiError, IEndpoint, IModelVersion, IScaling } from '../api';
import { IChange, useChange } from '../endpoints/change';
import { confirm, plain, Trans } from '../react';
import { Store } from '../store';
import { isServedAlone, servedBy } from './progress';

export interface IDeployment {
  change: IChange;
  /** Why it is not known what is served now, so that nothing was deployed. */
  unread: ApiError | undefined;
  /** The endpoint that was asked for and accepted. */
  asked: string | undefined;
  deploy: (scaling: IScaling | undefined) => Promise<void>;
  forget: () => void;
}

/** The deployment of a version at the endpoint `name`. */
export function useDeployment(
  store: Store,
  version: IModelVersion,
  name: string,
  trans: Trans
): IDeployment {
  const [asked, setAsked] = React.useState<string>();
  const [unread, setUnread] = React.useState<ApiError>();
  const change = useChange(store, name, trans);

  const deploy = async (scaling: IScaling | undefined): Promise<void> => {
    setAsked(undefined);
    // who decides on it shall see what is served now, not what was when the form was opened
    await store.endpoints.refresh();
    const { value, error } = store.endpoints;
    setUnread(error);
    const present = findEndpoint(value, name);
    if (error || (present && !(await agreed(present, version, trans)))) {
      return;
    }
    // revision 0 is an endpoint that is not there
    const options = { revision: present?.spec.revision ?? 0, scaling };
    const done = await change.run(
      () => store.api.deploy(name, version, options),
      ''
    );
    setAsked(done ? name : undefined);
  };

  return { change, unread, asked, deploy, forget: () => setUnread(undefined) };
}

export function findEndpoint(
  endpoints: IEndpoint[] | undefined,
  name: string
): IEndpoint | undefined {
  return endpoints?.find(({ spec }) => spec.name === name);
}

/** Ask if callers would get other answers than now. */
async function agreed(
  present: IEndpoint,
  version: IModelVersion,
  trans: Trans
): Promise<boolean> {
  if (!present.spec.deployed || isServedAlone(present, version)) {
    return true;
  }
  const name = plain(present.spec.name, 63);
  return confirm(
    trans,
    trans.__('Replace what %1 serves?', name),
    trans.__(
      '%1 answers with %2 now. Once %3 is ready it answers all calls instead; you can roll back.',
      name,
      plain(servedBy(present).join(', '), 200),
      plain(`${version.model}/${version.version}`, 80)
    ),
    trans.__('Replace')
  );
}
