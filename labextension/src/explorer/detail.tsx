import { closeIcon, copyIcon } from '@jupyterlab/ui-components';
import React from 'react';

import { ILoggedRecord } from '../api';
import { IViewContext } from '../context';
import { lazily } from '../lazy';
import { Button, Loading, Trans } from '../react';
import { useAnswer } from './answer';
import { IAsked } from './asked';
import { LedgerError } from './notes';
import { Origin } from './origin';
import { Payload } from './payload';
import { visible } from './payloadtext';
import { RecordFacts } from './recordfacts';
import { Related } from './related';
import { copyText, saveBlob } from './save';
import { sentenceOf } from './words';

// most records are of no pipeline
const RunTree = lazily(async () => ({
  default: (await import('../pipelines/parts')).RunTree
}));

export interface IDetail extends Omit<IViewContext, 'state'> {
  /** Id or index of the record. */
  recordKey: string;
  open: (key: string) => void;
  close: () => void;
  /** Ask the list for what is like this record. */
  ask: (parts: IAsked) => void;
}

/** All that is known of one record. */
export function Detail(props: IDetail): JSX.Element {
  const { store, trans, commands, recordKey, close } = props;
  const found = useAnswer(recordKey, () => store.api.record(recordKey));
  const head = React.useRef<HTMLHeadingElement>(null);
  React.useEffect(() => {
    head.current?.focus();
  }, [recordKey]);
  return (
    // Escape closes it from wherever the focus is
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <aside
      className="mj-Detail"
      aria-label={trans.__('Record')}
      onKeyDown={event => {
        if (event.key === 'Escape') {
          event.stopPropagation();
          close();
        }
      }}
    >
      <div className="mj-Detail-head">
        <h2 ref={head} tabIndex={-1}>
          {found.value
            ? trans.__('Record %1', found.value.index)
            : trans.__('Record')}
        </h2>
        {found.value && <Actions found={found.value} {...props} />}
        <Button label={trans.__('Close')} kind="icon" onClick={close}>
          <closeIcon.react tag="span" />
        </Button>
      </div>
      {found.error && (
        <LedgerError
          error={found.error}
          trans={trans}
          commands={commands}
          retry={found.again}
        />
      )}
      {!found.value && !found.error && (
        <Loading trans={trans} what={trans.__('Loading…')} />
      )}
      {found.value && (
        <div className="mj-Detail-body" key={found.value.index}>
          <p className="mj-Detail-sentence">
            {sentenceOf(found.value.record, trans)}
          </p>
          <Blocks {...props} found={found.value} />
        </div>
      )}
    </aside>
  );
}

function Actions(props: IDetail & { found: ILoggedRecord }): JSX.Element {
  const { found, trans } = props;
  const { id } = found.record;
  return (
    <Button
      label={trans.__('Copy the id')}
      kind="icon"
      onClick={() => copyText(String(id))}
    >
      <copyIcon.react tag="span" />
    </Button>
  );
}

function Blocks(props: IDetail & { found: ILoggedRecord }): JSX.Element {
  const { found, store, trans } = props;
  const { record } = found;
  return (
    <>
      <RecordFacts found={found} trans={trans} ask={props.ask} />
      {record.pipeline?.run && (
        <RunTree
          record={record}
          api={store.api}
          trans={trans}
          open={props.open}
        />
      )}
      {record.kind === 'prediction' && (
        <>
          <Payload record={record} side="input" api={store.api} trans={trans} />
          <Payload
            record={record}
            side="output"
            api={store.api}
            trans={trans}
          />
        </>
      )}
      <Related
        record={record}
        api={store.api}
        trans={trans}
        open={props.open}
      />
      <Origin
        record={record}
        store={store}
        trans={trans}
        commands={props.commands}
      />
      <Receipt {...props} />
      <details className="mj-Detail-whole">
        <summary>{trans.__('The whole record')}</summary>
        <pre className="mj-Payload-text" dir="ltr">
          {visible(JSON.stringify(record, null, 2))}
        </pre>
      </details>
    </>
  );
}

function Receipt(props: {
  found: ILoggedRecord;
  store: IDetail['store'];
  commands: IDetail['commands'];
  trans: Trans;
}): JSX.Element {
  const { found, store, trans, commands } = props;
  const [wanted, want] = React.useReducer((count: number) => count + 1, 0);
  return (
    <section aria-label={trans.__('Receipt')}>
      <h3>{trans.__('Receipt')}</h3>
      <p className="mj-Quiet">
        <Button label={trans.__('Download the receipt')} onClick={want} />{' '}
        {trans.__(
          'It proves offline, with the ledger’s public key, that this record is in the ledger.'
        )}
      </p>
      {wanted > 0 && (
        <ReceiptDownload
          key={wanted}
          name={`receipt-${found.index}.txt`}
          recordKey={found.index}
          store={store}
          trans={trans}
          commands={commands}
        />
      )}
    </section>
  );
}

function ReceiptDownload(props: {
  name: string;
  recordKey: number;
  store: IDetail['store'];
  commands: IDetail['commands'];
  trans: Trans;
}): JSX.Element | null {
  const { store, recordKey, name, trans } = props;
  const answer = useAnswer(recordKey, async () => {
    saveBlob((await store.api.receipt(recordKey)).blob, name);
    return true;
  });
  if (answer.error) {
    return (
      <LedgerError
        error={answer.error}
        trans={trans}
        commands={props.commands}
        retry={answer.again}
      />
    );
  }
  return answer.value ? (
    <p role="status">{trans.__('Saved as %1.', name)}</p>
  ) : null;
}
