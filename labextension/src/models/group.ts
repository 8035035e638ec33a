/** Versions as the hub's catalogue has them, under the models as the registry has them. */

import { IModelVersion, IRegisteredModel } from '../api';

export interface IModel {
  name: string;
  /** Newest first; empty when the hub has none of them. */
  versions: IModelVersion[];
  /** Aliases by version; empty until the registry has answered. */
  aliases: Map<number, string[]>;
  description: string;
  /** What is wrong with it in the registry. */
  problem: string;
  /** The newest version that the registry has. */
  latest: number | null;
}

/** Models by their newest registration; those that the hub has no version of come last, by name. */
export function groupModels(
  versions: IModelVersion[],
  registered: IRegisteredModel[] | undefined
): IModel[] {
  const models = new Map<string, IModel>();
  const model = (name: string): IModel => {
    let found = models.get(name);
    if (found === undefined) {
      found = {
        name,
        versions: [],
        aliases: new Map(),
        description: '',
        problem: '',
        latest: null
      };
      models.set(name, found);
    }
    return found;
  };
  for (const version of versions) {
    model(version.model).versions.push(version);
  }
  for (const { name, aliases, description, problem, latest } of registered ??
    []) {
    const found = model(name);
    Object.assign(found, { description, problem, latest });
    for (const [alias, version] of Object.entries(aliases).sort()) {
      found.aliases.set(version, [
        ...(found.aliases.get(version) ?? []),
        alias
      ]);
    }
  }
  for (const { versions } of models.values()) {
    versions.sort((one, two) => two.version - one.version);
  }
  return [...models.values()].sort(
    (one, two) => newest(two) - newest(one) || (one.name < two.name ? -1 : 1)
  );
}

function newest({ versions }: IModel): number {
  return Math.max(0, ...versions.map(version => version.created_at));
}
