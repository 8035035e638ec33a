import React from 'react';

import { Text, Trans } from '../react';
import { IVerdict } from './types';
import { VerdictMark } from './verdictmark';

// most pages never need it, as they never need this file
import '../../style/rundetail.css';

/** So many differences are listed; the rest is counted. */
const MOST = 8;

/** What differs, what was not given the same, and what is gone; nothing where there is nothing. */
export function Verdict(props: {
  verdict: IVerdict;
  /** Whether to say it in a word, too. */
  marked?: boolean;
  trans: Trans;
}): JSX.Element | null {
  const { verdict, marked, trans } = props;
  const { differences, close, causes, not_compared: gone } = verdict;
  const said = ({ what, detail }: IVerdict['close'][number]): string =>
    detail ? `${what} (${detail})` : what;
  if (!marked && ![differences, close, causes, gone].some(one => one.length)) {
    return null;
  }
  return (
    <div className="mj-Verdict" role="group" aria-label={trans.__('Verdict')}>
      {marked && (
        <p>
          <VerdictMark verdict={verdict} trans={trans} />
        </p>
      )}
      <Listed
        title={trans.__('Differs in')}
        lines={differences.map(said)}
        trans={trans}
      />
      <Listed
        title={trans.__('Differs by less than %1', verdict.tolerance)}
        lines={close.map(said)}
        trans={trans}
      />
      <Listed
        title={trans.__('Not given the same')}
        lines={causes}
        trans={trans}
      />
      <Listed
        title={trans.__('Gone, or not compared')}
        lines={gone}
        trans={trans}
      />
    </div>
  );
}

function Listed(props: {
  title: string;
  lines: string[];
  trans: Trans;
}): JSX.Element | null {
  const { title, lines, trans } = props;
  const id = React.useId();
  if (!lines.length) {
    return null;
  }
  const more = lines.length - MOST;
  return (
    <>
      <p id={id}>{title}</p>
      <ul aria-labelledby={id}>
        {lines.slice(0, MOST).map((line, at) => (
          <li key={at}>
            <Text most={300}>{line}</Text>
          </li>
        ))}
        {more > 0 && <li>{trans._n('%1 more', '%1 more', more)}</li>}
      </ul>
    </>
  );
}
