import { describe, expect, it } from 'vitest';

import { version } from '../../test/samples';
import { groupModels } from './group';

const registered = (name: string, more: object = {}) => ({
  name,
  latest: 1,
  aliases: {},
  description: '',
  problem: '',
  ...more
});

describe('grouped models', () => {
  it('have their versions newest first, and come by their newest registration', () => {
    const models = groupModels(
      [
        version('old', 1, {}, 10),
        version('churn', 9, {}, 20),
        version('churn', 10, {}, 30)
      ],
      undefined
    );
    expect(models.map(({ name }) => name)).toEqual(['churn', 'old']);
    expect(models[0].versions.map(one => one.version)).toEqual([10, 9]);
  });

  it('are there before the registry has answered, without aliases', () => {
    const [model] = groupModels([version('churn', 1)], undefined);
    expect(model.aliases.size).toBe(0);
  });

  it('take their aliases from the registry, several of one version in order', () => {
    const [model] = groupModels(
      [version('churn', 1), version('churn', 2)],
      [registered('churn', { aliases: { staging: 2, champion: 2, old: 1 } })]
    );
    expect(model.aliases.get(2)).toEqual(['champion', 'staging']);
    expect(model.aliases.get(1)).toEqual(['old']);
  });

  it('of the registry alone come last', () => {
    const models = groupModels(
      [version('churn', 1)],
      [registered('zebra'), registered('ape', { problem: 'Its name.' })]
    );
    expect(models.map(({ name }) => name)).toEqual(['churn', 'ape', 'zebra']);
    expect(models[1].problem).toBe('Its name.');
  });

  it('keep apart what only looks like an object’s own field', () => {
    const models = groupModels(
      [version('constructor', 1), version('__proto__', 1)],
      []
    );
    expect(models).toHaveLength(2);
  });
});
