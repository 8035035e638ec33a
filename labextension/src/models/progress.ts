/** How a deployment goes on, read from what the endpoint is doing. */

import { IEndpoint, IModelVersion } from '../api';

export type Progress = 'under_way' | 'done' | 'failed';

/** Whether the version answers all of the endpoint's calls by now. */
export function progressOf(
  endpoint: IEndpoint,
  version: IModelVersion
): Progress {
  if (isServedAlone(endpoint, version)) {
    switch (endpoint.state) {
      case 'pending':
      case 'loading':
        return 'under_way';
      case 'failed':
      case 'undeployed':
        return 'failed';
      default:
        return 'done';
    }
  }
  // what served before goes on until the new version answers; one that is given up is taken away
  const coming = endpoint.replicas.some(
    replicas => replicas.version === version.version
  );
  return coming ? 'under_way' : 'failed';
}

/** Whether the endpoint answers with this version and nothing else. */
export function isServedAlone(
  { spec }: IEndpoint,
  version: IModelVersion
): boolean {
  return (
    spec.model === version.model &&
    Object.entries(spec.traffic.weights).every(
      ([number, weight]) => Number(number) === version.version || weight === 0
    )
  );
}

/** What an endpoint answers with, such as `churn/3` or `churn/3 and churn/4`, in parts. */
export function servedBy({ spec }: IEndpoint): string[] {
  return Object.entries(spec.traffic.weights)
    .filter(([, weight]) => weight > 0)
    .map(([version]) => `${spec.model}/${version}`);
}
