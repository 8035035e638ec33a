/** A scaling policy while somebody fills it in: what is typed, and what is wrong with it. */

import { IScaling } from '../api';
import { Trans } from '../react';

export const MAX_REPLICAS = 1000;
const MAX_TARGET = 10_000;
const MAX_IDLE_SECONDS = 86_400;

export type Mode = IScaling['mode'];
export type ScalingField = 'count' | 'low' | 'high' | 'target' | 'idle';

/** What a way to scale is given by. */
export const FIELDS: Record<Mode, ScalingField[]> = {
  fixed: ['count'],
  elastic: ['low', 'high', 'target'],
  serverless: ['high', 'target', 'idle']
};

const REPLICAS = { min: 1, max: MAX_REPLICAS };

/** What a field may hold; whole numbers where no step is given. */
export const BOUNDS: Record<
  ScalingField,
  { min: number; max: number; step?: 'any' }
> = {
  count: REPLICAS,
  low: REPLICAS,
  high: REPLICAS,
  target: { min: 0, max: MAX_TARGET, step: 'any' },
  idle: { min: 0, max: MAX_IDLE_SECONDS, step: 'any' }
};

/** Fields that another mode would use are kept for when it comes back; what is no number is NaN. */
export interface IScalingDraft extends Record<ScalingField, number> {
  mode: Mode;
  /** The bound that is being typed, and what the other one was before. */
  typing?: { field: 'low' | 'high'; other: number };
}

/** The draft that changes nothing. */
export function draftOf(policy: IScaling): IScalingDraft {
  return {
    mode: policy.mode,
    count: policy.min || 1,
    low: policy.mode === 'elastic' ? policy.min : 1,
    high: policy.max,
    target: policy.target,
    idle: policy.idle_seconds
  };
}

/**
 * The draft with one field changed. The other bound moves along before they cross, and back when
 * the crossing was only the first digit of a longer number.
 */
export function put(
  draft: IScalingDraft,
  field: ScalingField,
  value: number
): IScalingDraft {
  if (field !== 'low' && field !== 'high') {
    return { ...draft, [field]: value };
  }
  const typing =
    draft.typing?.field === field
      ? draft.typing
      : { field, other: field === 'low' ? draft.high : draft.low };
  const { other } = typing;
  return field === 'low'
    ? { ...draft, typing, low: value, high: value > other ? value : other }
    : { ...draft, typing, high: value, low: value < other ? value : other };
}

/** The draft when a field is left: the bounds stay where they are. */
export function settle(draft: IScalingDraft): IScalingDraft {
  return { ...draft, typing: undefined };
}

export function policyOf(draft: IScalingDraft): IScaling {
  const { mode, count, low, high, target, idle } = draft;
  switch (mode) {
    case 'fixed':
      return { mode, min: count, max: count, target, idle_seconds: idle };
    case 'elastic':
      return { mode, min: low, max: high, target, idle_seconds: idle };
    case 'serverless':
      return { mode, min: 0, max: high, target, idle_seconds: idle };
  }
}

/** What keeps the draft from being applied, in a sentence; empty when nothing does. */
export function problemOf(draft: IScalingDraft, trans: Trans): string {
  const { min, max, target, idle_seconds: idle } = policyOf(draft);
  const { mode } = draft;
  if (!Number.isInteger(min) || !Number.isInteger(max)) {
    return trans.__('Replicas are counted in whole numbers.');
  }
  if (mode !== 'serverless' && min < 1) {
    return trans.__('At least one replica; choose serverless to go to zero.');
  }
  if (max < 1) {
    return trans.__('At least one replica must be allowed.');
  }
  if (max > MAX_REPLICAS) {
    return trans.__('At most %1 replicas are allowed.', MAX_REPLICAS);
  }
  if (mode !== 'fixed' && !(target > 0 && target <= MAX_TARGET)) {
    return trans.__('The target must be over 0 and at most %1.', MAX_TARGET);
  }
  if (mode === 'serverless' && !(idle > 0 && idle <= MAX_IDLE_SECONDS)) {
    return trans.__('The idle time must be over 0 s and at most a day.');
  }
  return '';
}

/** Whether it makes no difference. */
export function isSame(one: IScaling, other: IScaling): boolean {
  return (
    one.mode === other.mode &&
    one.min === other.min &&
    one.max === other.max &&
    (one.mode === 'fixed' || one.target === other.target) &&
    (one.mode !== 'serverless' || one.idle_seconds === other.idle_seconds)
  );
}

/** Whether an endpoint that always has a replica may have none with what is wanted. */
export function goesToZero(present: IScaling, wanted: IScaling): boolean {
  return wanted.min === 0 && present.min > 0;
}

/** A policy in a few words. */
export function describeScaling(policy: IScaling, trans: Trans): string {
  const { min, max } = policy;
  switch (policy.mode) {
    case 'fixed':
      return trans._n('Fixed: %1 replica', 'Fixed: %1 replicas', min);
    case 'elastic':
      return trans.__(
        'Elastic: %1 to %2 replicas, calls at once each: %3',
        min,
        max,
        policy.target
      );
    case 'serverless':
      return trans.__(
        'Serverless: up to %1, none after %2 s without a call',
        max,
        policy.idle_seconds
      );
  }
}
