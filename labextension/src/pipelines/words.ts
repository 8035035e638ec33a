/** What is known of a pipeline's nodes, in words. */

import { IEndpoint } from '../api';
import { figure } from '../endpoints/rates';
import { describeTraffic } from '../endpoints/traffic';
import { plain, Trans } from '../react';
import { IPipelineEdge, IPipelineNode, IStepStats } from './types';

/** So much of an error is shown; its record has all of it. */
const ERROR = 500;

/** What a node is, without its label. */
export function kindOf(node: IPipelineNode, trans: Trans): string {
  switch (node.kind) {
    case 'input':
      return trans.__('takes');
    case 'output':
      return trans.__('gives');
    case 'switch':
      return trans.__('switch');
    case 'ensemble':
      return trans.__('ensemble');
    case 'step':
      return trans.__('step');
  }
}

/** Which versions a step asks: the one it is pinned to, or those that its endpoint serves. */
export function versionsOf(
  node: IPipelineNode,
  endpoint: IEndpoint | undefined,
  trans: Trans
): string {
  if (node.ref !== node.endpoint) {
    return node.ref;
  }
  const weights = Object.keys(endpoint?.spec.traffic.weights ?? {});
  const serves =
    weights.length === 1
      ? trans.__('v%1', weights[0])
      : endpoint && describeTraffic(endpoint.spec.traffic, trans);
  return [
    node.label === node.endpoint ? '' : node.endpoint,
    endpoint?.pipeline ? trans.__('pipeline') : '',
    endpoint?.spec.deployed ? serves : trans.__('not served')
  ]
    .filter(Boolean)
    .join(' · ');
}

/** Milliseconds, or a dash where nothing was measured. */
export function msOf(value: number | null): string {
  return value === null ? '–' : figure(value);
}

/** The part of the calls that failed, or nothing. */
export function failedOf(stats: IStepStats, trans: Trans): string {
  const share = stats.error_share;
  return share > 0 ? trans.__('%1 % failed', figure(share * 100)) : '';
}

/** The figures of a step, each to be kept on one line. */
export function figuresOf(stats: IStepStats, trans: Trans): string[] {
  const rate = trans.__('%1/s', figure(stats.requests_per_second));
  if (stats.p50_ms === null && stats.p99_ms === null) {
    return [rate];
  }
  return [
    rate,
    trans.__('p50 %1 ms', msOf(stats.p50_ms)),
    trans.__('p99 %1 ms', msOf(stats.p99_ms))
  ];
}

/** What is known of a step besides its figures: what was led past, what a fallback answered. */
export function besidesOf(stats: IStepStats, trans: Trans): string[] {
  return [
    trans._n('%1 call in all', '%1 calls in all', stats.calls),
    stats.failures > 0
      ? trans._n('%1 failure', '%1 failures', stats.failures)
      : '',
    stats.fallbacks > 0
      ? trans.__('%1 answered by the fallback', stats.fallbacks)
      : '',
    stats.skipped > 0
      ? trans._n('%1 row led past it', '%1 rows led past it', stats.skipped)
      : ''
  ].filter(Boolean);
}

export function lastErrorOf(stats: IStepStats, trans: Trans): string {
  return stats.last_error
    ? trans.__('Last error: %1', plain(stats.last_error, ERROR))
    : '';
}

/** All that is known of a step, for those who do not see its box. */
export function toldOf(
  node: IPipelineNode,
  endpoint: IEndpoint | undefined,
  trans: Trans
): string {
  const stats = node.stats;
  const told = [
    plain(node.label, 60),
    plain(versionsOf(node, endpoint, trans))
  ];
  if (stats) {
    told.push(
      ...figuresOf(stats, trans),
      failedOf(stats, trans),
      ...besidesOf(stats, trans),
      lastErrorOf(stats, trans)
    );
  }
  return told.filter(Boolean).join(', ');
}

/** What leads to a node, with the answer of a switch: `langid`, `lang != "en": yes`. */
export function beforeOf(
  node: IPipelineNode,
  nodes: IPipelineNode[],
  edges: IPipelineEdge[],
  trans: Trans
): string {
  return edges
    .filter(edge => edge.target === node.id)
    .flatMap(edge => {
      const source = nodes.find(one => one.id === edge.source);
      if (!source) {
        return [];
      }
      const name =
        source.kind === 'input'
          ? trans.__('the call')
          : plain(source.label, 60);
      return [edge.label ? `${name}: ${plain(edge.label, 20)}` : name];
    })
    .join(', ');
}
