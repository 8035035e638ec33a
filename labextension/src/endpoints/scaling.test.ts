import { nullTranslator } from '@jupyterlab/translation';
import { describe, expect, it } from 'vitest';

import { IScaling } from '../api';
import {
  describeScaling,
  draftOf,
  goesToZero,
  isSame,
  policyOf,
  problemOf,
  put,
  settle
} from './scaling';

const trans = nullTranslator.load('mlops_jupyter');
const fixed: IScaling = {
  mode: 'fixed',
  min: 2,
  max: 2,
  target: 1,
  idle_seconds: 60
};
const elastic: IScaling = { ...fixed, mode: 'elastic', min: 4, max: 8 };
const serverless: IScaling = { ...fixed, mode: 'serverless', min: 0, max: 3 };

describe('a draft of how to scale', () => {
  it.each([fixed, elastic, serverless])('changes nothing at first: %o', one => {
    expect(policyOf(draftOf(one))).toEqual(one);
  });

  it('never has more at least than at most', () => {
    expect(policyOf(put(draftOf(elastic), 'low', 9))).toMatchObject({
      min: 9,
      max: 9
    });
    expect(policyOf(put(draftOf(elastic), 'high', 2))).toMatchObject({
      min: 2,
      max: 2
    });
  });

  it('gives the other bound back when the crossing was only a first digit', () => {
    const first = put(draftOf(elastic), 'high', 1);
    expect(policyOf(first)).toMatchObject({ min: 1, max: 1 });
    expect(policyOf(put(first, 'high', 12))).toMatchObject({ min: 4, max: 12 });
  });

  it('leaves the bounds where they are once the field is left', () => {
    const left = settle(put(draftOf(elastic), 'high', 1));
    expect(policyOf(put(left, 'high', 12))).toMatchObject({ min: 1, max: 12 });
  });

  it('keeps the other bound while a field is empty', () => {
    expect(put(draftOf(elastic), 'high', NaN).low).toBe(4);
  });

  it('keeps what another design would use', () => {
    const there = { ...draftOf(elastic), mode: 'fixed' as const };
    const back = put(there, 'count', 5);
    expect(policyOf({ ...back, mode: 'elastic' })).toEqual(elastic);
  });
});

describe('what is wrong with a draft', () => {
  it.each([
    ['an empty number', put(draftOf(fixed), 'count', NaN), /whole numbers/],
    ['half a replica', put(draftOf(fixed), 'count', 1.5), /whole numbers/],
    ['zero of a fixed number', put(draftOf(fixed), 'count', 0), /serverless/],
    ['less than zero', put(draftOf(fixed), 'count', -1), /At least one/],
    ['far too many', put(draftOf(fixed), 'count', 1001), /At most 1000/],
    ['elastic from zero', put(draftOf(elastic), 'low', 0), /serverless/],
    ['no target', put(draftOf(elastic), 'target', NaN), /target/],
    ['a target of zero', put(draftOf(elastic), 'target', 0), /target/],
    [
      'serverless with none',
      put(draftOf(serverless), 'high', 0),
      /one replica/
    ],
    ['two idle days', put(draftOf(serverless), 'idle', 172_800), /a day/]
  ])('%s', (_, draft, problem) => {
    expect(problemOf(draft, trans)).toMatch(problem);
  });

  it.each([fixed, elastic, serverless])('nothing: %o', one => {
    expect(problemOf(draftOf(one), trans)).toBe('');
  });
});

describe('a policy', () => {
  it('goes to zero only where it did not before', () => {
    expect(goesToZero(fixed, serverless)).toBe(true);
    expect(goesToZero(serverless, { ...serverless, max: 9 })).toBe(false);
    expect(goesToZero(serverless, fixed)).toBe(false);
  });

  it('is the same whatever it has of what its design does not use', () => {
    expect(isSame(fixed, { ...fixed, target: 9, idle_seconds: 1 })).toBe(true);
    expect(isSame(elastic, { ...elastic, target: 9 })).toBe(false);
    expect(isSame(serverless, { ...serverless, idle_seconds: 1 })).toBe(false);
  });

  it('is told in words', () => {
    expect(describeScaling(fixed, trans)).toBe('Fixed: 2 replicas');
    expect(describeScaling({ ...fixed, min: 1, max: 1 }, trans)).toBe(
      'Fixed: 1 replica'
    );
    expect(describeScaling(elastic, trans)).toContain('4 to 8');
    expect(describeScaling(serverless, trans)).toContain('60 s');
  });
});
