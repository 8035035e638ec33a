import React from 'react';

import { IEndpoint } from '../api';
import { figure } from '../endpoints/rates';
import { plain, Text, Trans } from '../react';
import { IPipeline, IPipelineNode } from './types';
import { beforeOf, msOf, versionsOf } from './words';

interface IStepTable {
  pipeline: IPipeline;
  /** What is served now, to tell the versions of the steps. */
  endpoints: IEndpoint[];
  trans: Trans;
}

/** What the graph draws, as text. */
export function StepTable(props: IStepTable): JSX.Element {
  const [open, setOpen] = React.useState(false);
  return (
    <details
      className="mj-Pipeline-text"
      onToggle={event => setOpen(event.currentTarget.open)}
    >
      <summary>{props.trans.__('As a table')}</summary>
      {open && <Table {...props} />}
    </details>
  );
}

function Table(props: IStepTable): JSX.Element {
  const { pipeline, trans } = props;
  const name = trans.__('Steps of %1', plain(pipeline.name, 60));
  return (
    // what scrolls must be reached by the keyboard
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="mj-Pipeline-scroll" tabIndex={0}>
      <table aria-label={name}>
        <thead>
          <tr>
            <th scope="col">{trans.__('Step')}</th>
            <th scope="col">{trans.__('Version')}</th>
            <th scope="col">{trans.__('After')}</th>
            <th scope="col">{trans.__('Calls/s')}</th>
            <th scope="col">{trans.__('p50 ms')}</th>
            <th scope="col">{trans.__('p99 ms')}</th>
            <th scope="col">{trans.__('Failed')}</th>
            <th scope="col">{trans.__('Last error')}</th>
          </tr>
        </thead>
        <tbody>
          {pipeline.nodes
            .filter(node => node.kind === 'step' || node.kind === 'ensemble')
            .map(node => (
              <Row key={node.id} {...props} node={node} />
            ))}
        </tbody>
      </table>
    </div>
  );
}

function Row(props: IStepTable & { node: IPipelineNode }): JSX.Element {
  const { node, pipeline, endpoints, trans } = props;
  const { stats } = node;
  const endpoint = endpoints.find(({ spec }) => spec.name === node.endpoint);
  return (
    <tr>
      <th scope="row">
        <Text most={60}>{node.label}</Text>
      </th>
      <td>
        {node.kind === 'step' && (
          <Text>{versionsOf(node, endpoint, trans)}</Text>
        )}
      </td>
      <td>
        <bdi>{beforeOf(node, pipeline.nodes, pipeline.edges, trans)}</bdi>
      </td>
      <td>{stats && figure(stats.requests_per_second)}</td>
      <td>{stats && msOf(stats.p50_ms)}</td>
      <td>{stats && msOf(stats.p99_ms)}</td>
      <td>{stats && trans.__('%1 %', figure(stats.error_share * 100))}</td>
      <td>{stats?.last_error && <Text most={200}>{stats.last_error}</Text>}</td>
    </tr>
  );
}
