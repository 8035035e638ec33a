/** For tests: pipelines as a hub draws them. */

import {
  IPipeline,
  IPipelineEdge,
  IPipelineNode,
  IStepStats
} from '../src/pipelines/types';

export const QUIET: IStepStats = {
  calls: 0,
  requests_per_second: 0,
  p50_ms: null,
  p99_ms: null,
  error_share: 0,
  failures: 0,
  fallbacks: 0,
  skipped: 0,
  last_error: '',
  last_error_at: 0
};

export function step(
  name: string,
  column: number,
  row = 0,
  more: Partial<IPipelineNode> = {}
): IPipelineNode {
  return {
    id: `step:${name}`,
    kind: 'step',
    label: name,
    column,
    row,
    endpoint: name,
    ref: name,
    stats: QUIET,
    ...more
  };
}

export function other(
  kind: IPipelineNode['kind'],
  label: string,
  column: number
): IPipelineNode {
  return {
    ...step(label, column),
    id: kind,
    kind,
    endpoint: '',
    ref: '',
    stats: null
  };
}

export function edge(
  source: string,
  target: string,
  label = ''
): IPipelineEdge {
  return { source, target, label };
}

/** `langid`, then `translate` where it is not English, then `mood`. */
export function clips(stats: Partial<IStepStats> = {}): IPipeline {
  return {
    name: 'clips',
    version: 1,
    nodes: [
      other('input', 'text', 0),
      step('langid', 1, 0, { stats: { ...QUIET, ...stats } }),
      other('switch', 'lang != "en"', 2),
      step('translate', 3),
      step('mood', 4),
      other('output', 'lang, mood', 5)
    ],
    edges: [
      edge('input', 'step:langid'),
      edge('step:langid', 'switch'),
      edge('switch', 'step:translate', 'yes'),
      edge('step:translate', 'step:mood'),
      edge('switch', 'step:mood', 'no'),
      edge('step:mood', 'output')
    ]
  };
}
