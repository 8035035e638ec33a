import React from 'react';

import { Trans } from '../react';
import { IVerdict } from './types';

/** What the hub has found of a run, as far as it is one that is known here. */
export function verdictOf(record: Record<string, unknown>): IVerdict | null {
  const found = record.verdict as Partial<IVerdict> | undefined;
  return found?.kind === undefined
    ? null
    : {
        text: '',
        tolerance: 0,
        differences: [],
        close: [],
        causes: [],
        not_compared: [],
        ...found,
        kind: found.kind
      };
}

/** The verdict in a word or two. */
function verdictWord(verdict: IVerdict, trans: Trans): string {
  switch (verdict.kind) {
    case 'identical':
      return trans.__('identical');
    case 'within_tolerance':
      return trans.__('within tolerance');
    default:
      return trans.__('differs');
  }
}

/** The verdict as a word with a mark. */
export function VerdictMark(props: {
  verdict: IVerdict;
  trans: Trans;
}): JSX.Element {
  const { verdict, trans } = props;
  const mood = verdict.kind === 'differs' ? 'bad' : 'good';
  return (
    <span className={`mj-Run-state mj-mod-${mood}`}>
      {verdictWord(verdict, trans)}
    </span>
  );
}
