/** Names to offer in the filter: of what is known already, nothing is asked for them. */

import { IRecord } from '../api';
import { Store } from '../store';
import { INames } from './filterbar';

/** Records that are looked at, and names that are offered. */
const LOOKED = 500;
const OFFERED = 50;
/** Names that nobody would pick from a list. */
const LONGEST = 80;

export function namesOf(store: Store, records: readonly IRecord[]): INames {
  const seen = records.slice(0, LOOKED);
  return {
    endpoints: offered([
      ...(store.endpoints.value ?? []).map(endpoint => endpoint.spec.name),
      ...seen.map(record => record.endpoint)
    ]),
    models: offered([
      ...(store.versions.value ?? []).map(version => version.model),
      ...seen.map(record => record.model?.name)
    ]),
    callers: offered(seen.map(record => record.actor?.sub))
  };
}

function offered(names: unknown[]): string[] {
  const texts = names.filter(
    (name): name is string =>
      typeof name === 'string' && name !== '' && name.length <= LONGEST
  );
  return [...new Set(texts)].sort().slice(0, OFFERED);
}
