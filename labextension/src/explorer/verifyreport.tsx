import React from 'react';

import { Button, Text, Trans } from '../react';
import { IReport } from './verifier';

/** Problems of one check that are listed. */
const LISTED = 10;

/** What a check of the ledger found. */
export default function Report(props: {
  report: IReport;
  trans: Trans;
  open: (index: number) => void;
  close: () => void;
}): JSX.Element {
  const { report, trans } = props;
  return (
    <div
      className={`mj-Verify-report ${report.ok ? 'mj-mod-good' : 'mj-mod-bad'}`}
      role="status"
    >
      <p>
        {report.ok
          ? trans.__(
              'All %1 records hold together (checked in %2 s).',
              report.size.toLocaleString(),
              report.seconds.toFixed(1)
            )
          : trans.__(
              'The ledger does not hold together: %1 of its records were changed, lost or put in, or its columns are damaged.',
              report.problems.length.toLocaleString()
            )}
      </p>
      {!report.ok && (
        <>
          <ul>
            {report.problems.slice(0, LISTED).map((problem, at) => (
              <li key={at}>
                <Button
                  kind="link"
                  label={trans.__('Record %1', problem.index)}
                  onClick={() => props.open(problem.index)}
                />
                {': '}
                <Text most={200}>{String(problem.what)}</Text>
              </li>
            ))}
          </ul>
          <p>
            {trans.__(
              'Keep a copy of the ledger as it is, and compare it with a checkpoint or a backup kept elsewhere.'
            )}
          </p>
        </>
      )}
      <Button label={trans.__('Dismiss')} onClick={props.close} />
    </div>
  );
}
