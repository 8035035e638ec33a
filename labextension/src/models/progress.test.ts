import { describe, expect, it } from 'vitest';

import { endpoint, serving, version } from '../../test/samples';
import { isServedAlone, progressOf, servedBy } from './progress';

const wanted = version('churn', 2);
const replicas = (...versions: number[]) =>
  versions.map(number => ({
    version: number,
    desired: 1,
    ready: 0,
    pending: 1,
    reason: ''
  }));

describe('a deployment', () => {
  it.each([
    ['pending', 'under_way'],
    ['loading', 'under_way'],
    ['ready', 'done'],
    ['idle', 'done'],
    ['degraded', 'done'],
    ['failed', 'failed'],
    ['undeployed', 'failed']
  ] as const)('on an endpoint that is %s is %s', (state, progress) => {
    const one = endpoint('e', serving('churn', { 2: 100 }, { state }));
    expect(progressOf(one, wanted)).toBe(progress);
  });

  it('is under way while the version loads behind what served before', () => {
    const one = endpoint(
      'e',
      serving('churn', { 1: 100 }, { replicas: replicas(1, 2) })
    );
    expect(progressOf(one, wanted)).toBe('under_way');
  });

  it('has failed when the version was taken away and the other serves on', () => {
    const one = endpoint(
      'e',
      serving('churn', { 1: 100 }, { replicas: replicas(1) })
    );
    expect(progressOf(one, wanted)).toBe('failed');
  });
});

describe('what an endpoint serves', () => {
  it('counts shares over zero only', () => {
    const one = endpoint('e', serving('churn', { 1: 0, 2: 100 }));
    expect(isServedAlone(one, wanted)).toBe(true);
    expect(servedBy(one)).toEqual(['churn/2']);
  });

  it('is something else where the model is another of the same number', () => {
    expect(
      isServedAlone(endpoint('e', serving('iris', { 2: 100 })), wanted)
    ).toBe(false);
  });
});
