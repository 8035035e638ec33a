/** A pipeline as the hub draws it, and as the front end asks for it. */

import { Api, path } from '../api';

/** What a step did since the version is served; rates are those of the last minute. */
export interface IStepStats {
  calls: number;
  requests_per_second: number;
  p50_ms: number | null;
  p99_ms: number | null;
  /** From 0 to 1. */
  error_share: number;
  failures: number;
  fallbacks: number;
  /** Rows that a switch has led past it. */
  skipped: number;
  last_error: string;
  /** Epoch seconds; 0 for never. */
  last_error_at: number;
}

export interface IPipelineNode {
  id: string;
  kind: 'input' | 'step' | 'switch' | 'ensemble' | 'output';
  /** A step's name, a switch's condition, fields at the ends. */
  label: string;
  /** Its place: how far on, and in which of the ways beside one another. */
  column: number;
  row: number;
  endpoint: string;
  /** The endpoint with the version or alias that the step is pinned to. */
  ref: string;
  stats: IStepStats | null;
}

export interface IPipelineEdge {
  source: string;
  target: string;
  /** Of a switch: `yes` or `no`. */
  label: string;
}

export interface IPipeline {
  name: string;
  /** 0 for one that is not deployed. */
  version: number;
  nodes: IPipelineNode[];
  edges: IPipelineEdge[];
}

export function readPipeline(
  api: Pick<Api, 'json'>,
  name: string
): Promise<IPipeline> {
  return api.json('GET', path`api/pipelines/${name}`);
}

/** What a graph would be over what is served now; refused where it could not run. */
export function checkPipeline(
  api: Pick<Api, 'json'>,
  graph: unknown
): Promise<IPipeline> {
  return api.json('POST', 'api/pipelines/check', { graph });
}
