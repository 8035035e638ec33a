import React from 'react';

import { IVerification } from '../api';
import { CommandIDs } from '../commands';
import { IViewContext } from '../context';
import { lazily } from '../lazy';
import { Button, ErrorNote, Trans, useNow, useValue } from '../react';
import { Verifier } from './verifier';
import { mayRead } from './notes';
import { agoOf, isoOf, localOf } from './words';

// few checks are made here
const Report = lazily(() => import('./verifyreport'));

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
