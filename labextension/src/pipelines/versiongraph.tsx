import React from 'react';

import { IModelVersion } from '../api';
import { useAnswer } from '../explorer/answer';
import { ErrorNote, Loading, Trans, useValue } from '../react';
import { Store } from '../store';
import { Graph } from './graph';
import { checkPipeline } from './types';

/** The graph of a version that need not be deployed, over what is served now. */
export function VersionGraph(props: {
  version: IModelVersion;
  store: Store;
  trans: Trans;
}): JSX.Element {
  const { version, store, trans } = props;
  const endpoints = useValue(store.endpoints).value ?? [];
  const graph = version.flavors.mlops_pipeline?.graph;
  const found = useAnswer(version.digest, () =>
    checkPipeline(store.api, graph)
  );
  if (found.error) {
    return <ErrorNote error={found.error} trans={trans} retry={found.again} />;
  }
  return found.value ? (
    <Graph pipeline={found.value} endpoints={endpoints} trans={trans} />
  ) : (
    <Loading trans={trans} what={trans.__('Reading the steps…')} />
  );
}
