import React from 'react';

import { IEndpoint } from '../api';
import { Text, Trans } from '../react';
import { IDrawing, draw, IBox } from './place';
import { IPipeline, IPipelineNode } from './types';
import { failedOf, figuresOf, kindOf, toldOf, versionsOf } from './words';

export interface IGraph {
  pipeline: IPipeline;
  /** What is served now, to tell the versions of the steps. */
  endpoints: IEndpoint[];
  trans: Trans;
  /** Show the endpoint of a step; `from` is its box. */
  open?: (endpoint: string, from: Element) => void;
  /** A step got the pointer or the focus. */
  point?: (node: IPipelineNode) => void;
}

/** The graph as boxes and arrows; who does not see it has the boxes as a list. */
export function Graph(props: IGraph): JSX.Element {
  const { pipeline, trans } = props;
  const { nodes, edges } = pipeline;
  const drawing = React.useMemo(() => draw(nodes, edges), [nodes, edges]);
  const { width, height, boxes } = drawing;
  return (
    // what scrolls must be reached by the keyboard
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="mj-Pipeline-view" tabIndex={0}>
      <div className="mj-Pipeline-whole" style={{ width, height }}>
        <Arrows drawing={drawing} />
        <ol aria-label={trans.__('Steps')}>
          {boxes.map(({ node, ...place }) => (
            <li key={node.id} style={place}>
              {node.kind === 'step' ? (
                <StepBox {...props} node={node} />
              ) : (
                <OtherBox node={node} trans={trans} />
              )}
            </li>
          ))}
        </ol>
      </div>
    </div>
  );
}

function Arrows({ drawing }: { drawing: IDrawing }): JSX.Element {
  const { width, height, arrows } = drawing;
  return (
    <svg width={width} height={height} aria-hidden="true">
      {arrows.map(({ id, way, tip, label, labelAt: { x, y, anchor } }) => (
        <g key={id}>
          <path d={way} />
          <path d={tip} className="mj-mod-tip" />
          {label && (
            <text x={x} y={y} textAnchor={anchor}>
              {label}
            </text>
          )}
        </g>
      ))}
    </svg>
  );
}

function StepBox(props: IGraph & { node: IBox['node'] }): JSX.Element {
  const { node, endpoints, trans, open, point } = props;
  const { stats } = node;
  const endpoint = endpoints.find(({ spec }) => spec.name === node.endpoint);
  const failed = stats ? failedOf(stats, trans) : '';
  const mark = failed ? 'bad' : stats?.calls ? 'good' : 'plain';
  const inner = (
    <>
      <b>{<Text most={60}>{node.label}</Text>}</b>
      <Text className="mj-Pipeline-version" most={60}>
        {versionsOf(node, endpoint, trans)}
      </Text>
      {stats && (
        <span className="mj-Pipeline-figures">
          {failed && <strong>{failed}</strong>}
          {figuresOf(stats, trans).map(one => (
            <span key={one}>{one}</span>
          ))}
        </span>
      )}
    </>
  );
  const look = `mj-Pipeline-box mj-mod-${mark}`;
  if (!open) {
    return <div className={look}>{inner}</div>;
  }
  return (
    <button
      type="button"
      className={look}
      aria-label={toldOf(node, endpoint, trans)}
      onClick={event => open(node.endpoint, event.currentTarget)}
      onFocus={() => point?.(node)}
      onPointerEnter={() => point?.(node)}
    >
      {inner}
    </button>
  );
}

function OtherBox(props: { node: IBox['node']; trans: Trans }): JSX.Element {
  const { node, trans } = props;
  return (
    <div className={`mj-Pipeline-box mj-mod-${node.kind}`}>
      <span className="mj-Pipeline-kind">{kindOf(node, trans)}</span>{' '}
      <span title={node.label.slice(0, 1000)}>
        <Text most={200}>{node.label}</Text>
      </span>
    </div>
  );
}
