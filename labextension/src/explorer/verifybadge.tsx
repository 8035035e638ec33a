import React from 'react';

import { IVerification } from '../api';
import { CommandIDs } from '../commands';
import { IViewContext } from '../context';
import { Button, ErrorNote, Text, Trans, useNow, useValue } from '../react';
import { IReport, Verifier } from './verifier';
import { mayRead } from './notes';
import { agoOf, isoOf, localOf } from './words';

/** Problems of one check that are listed. */
const LISTED = 10;

/** What the last check of the ledger found, and a button for one now. */
export function VerifyBadge(
  props: Omit<IViewContext, 'state'>
): JSX.Element | null {
  const { store, trans, commands } = props;
  const verifier = useVerifier(props.store);
  const known = useValue(store.verification);
  const status = useValue(store.status).value;
  if (!mayRead(status)) {
    return null;
  }
  const running = verifier.since !== undefined;
  const open = (index: number) =>
    void commands.execute(CommandIDs.openRecord, { key: String(index) });
  return (
    <div className="mj-Verify">
      <div className="mj-Verify-line">
        {running ? (
          <Progress since={verifier.since ?? 0} trans={trans} />
        ) : (
          <Found
            found={known.value}
            failed={known.error !== undefined}
            trans={trans}
            open={open}
          />
        )}
        <Button
          label={trans.__('Verify now')}
          disabled={running && trans.__('The ledger is being checked.')}
          onClick={() => void verifier.run()}
        />
      </div>
      {verifier.error && (
        <ErrorNote
          error={verifier.error}
          trans={trans}
          retry={() => void verifier.run()}
          close={() => verifier.dismiss()}
        />
      )}
      {verifier.report && (
        <Report
          report={verifier.report}
          trans={trans}
          open={open}
          close={() => verifier.dismiss()}
        />
      )}
    </div>
  );
}

function useVerifier(store: IViewContext['store']): Verifier {
  const verifier = Verifier.of(store);
  const [, tick] = React.useReducer((count: number) => count + 1, 0);
  React.useEffect(() => {
    verifier.changed.connect(tick);
    return () => {
      verifier.changed.disconnect(tick);
    };
  }, [verifier]);
  return verifier;
}

function Progress(props: { since: number; trans: Trans }): JSX.Element {
  const seconds = Math.round((useNow(1) - props.since) / 1000);
  return (
    <span className="mj-Verify-text">
      <progress aria-label={props.trans.__('Checking the ledger')} />{' '}
      {props.trans.__('Checking… %1 s', Math.max(0, seconds))}
    </span>
  );
}

function Found(props: {
  found: IVerification | null | undefined;
  failed: boolean;
  trans: Trans;
  open: (index: number) => void;
}): JSX.Element {
  const { found, failed, trans } = props;
  const now = useNow(30);
  if (found === undefined || found === null) {
    return (
      <span className="mj-Verify-text mj-mod-never">
        {found === null && trans.__('Never verified')}
        {found === undefined &&
          (failed ? trans.__('Verification: not known') : '')}
      </span>
    );
  }
  const micros = found.at * 1e6;
  const size = found.size.toLocaleString();
  return (
    <span
      className={`mj-Verify-text ${found.ok ? 'mj-mod-good' : 'mj-mod-bad'}`}
      title={`${localOf(micros)} (${isoOf(micros)})`}
    >
      <Button
        kind="link"
        label={
          found.ok
            ? trans._n(
                '✓ %2 record verified',
                '✓ %2 records verified',
                found.size,
                size
              )
            : trans._n(
                '⚠ %1 problem found',
                '⚠ %1 problems found',
                found.problems
              )
        }
        onClick={() => props.open(found.index)}
      />{' '}
      {agoOf(micros, now, trans)}
    </span>
  );
}

function Report(props: {
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
