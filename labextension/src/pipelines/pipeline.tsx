import React from 'react';

import { IEndpoint } from '../api';
import { useShown } from '../explorer/hooks';
import { FoldButton } from '../fold';
import { Since } from '../hub/since';
import { ErrorNote, Loading, Text, Trans, useValue } from '../react';
import { Store } from '../store';
import { Graph } from './graph';
import { usePipeline } from './live';
import { openCard } from './opening';
import { StepTable } from './steptable';
import { IPipelineNode } from './types';
import { besidesOf, lastErrorOf } from './words';

interface IShown {
  endpoint: IEndpoint;
  store: Store;
  trans: Trans;
  /** Have all endpoints in the list. */
  unfilter: () => void;
}

/** Cards come and go as one scrolls; what was unfolded is so again. */
const unfolded = new Set<string>();

/** The graph of a pipeline's endpoint, unfolded on demand. */
export function Pipeline(props: IShown): JSX.Element {
  const { endpoint, trans } = props;
  const { name } = endpoint.spec;
  const [open, setOpen] = React.useState(unfolded.has(name));
  const id = React.useId();
  const fold = (): void => {
    unfolded[open ? 'delete' : 'add'](name);
    setOpen(!open);
  };
  return (
    <div className="mj-Pipeline">
      <FoldButton open={open} controls={id} onClick={fold}>
        {trans.__('Pipeline')}
      </FoldButton>
      <div id={id} hidden={!open}>
        {open && <Steps {...props} />}
      </div>
    </div>
  );
}

function Steps(props: IShown): JSX.Element {
  const { endpoint, store, trans, unfilter } = props;
  const place = React.useRef<HTMLDivElement>(null);
  const value = usePipeline(store, endpoint, useShown(place));
  const { value: pipeline, error } = useValue(value);
  const endpoints = useValue(store.endpoints).value ?? [];
  const [pointed, point] = React.useState('');
  const node = pipeline?.nodes.find(({ id }) => id === pointed);
  return (
    <div ref={place}>
      {error && (
        <ErrorNote
          error={error}
          trans={trans}
          retry={() => void value.refresh()}
        />
      )}
      {!pipeline && !error && (
        <Loading trans={trans} what={trans.__('Reading the steps…')} />
      )}
      {pipeline && (
        <>
          <Graph
            pipeline={pipeline}
            endpoints={endpoints}
            trans={trans}
            open={(name, from) => {
              unfilter();
              void openCard(from, name);
            }}
            point={({ id }) => point(id)}
          />
          {node && <Besides node={node} trans={trans} />}
          <StepTable pipeline={pipeline} endpoints={endpoints} trans={trans} />
        </>
      )}
    </div>
  );
}

/** Of the step that was pointed at last: what its box has no room for. */
function Besides(props: {
  node: IPipelineNode;
  trans: Trans;
}): JSX.Element | null {
  const { node, trans } = props;
  const { stats } = node;
  if (stats === null) {
    return null;
  }
  return (
    <div className="mj-Pipeline-besides">
      <p>
        <b>
          <Text most={60}>{node.label}</Text>
        </b>
        {': '}
        {besidesOf(stats, trans).join(', ')}
      </p>
      {stats.last_error && (
        <p className="mj-Pipeline-error">
          <bdi>{lastErrorOf(stats, trans)}</bdi>{' '}
          <Since seconds={stats.last_error_at} />
        </p>
      )}
    </div>
  );
}
