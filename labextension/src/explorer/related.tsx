import React from 'react';

import { Api, IRecord } from '../api';
import { Button, Trans } from '../react';
import { useAnswer } from './answer';
import { localOf, sentenceOf } from './words';

/** Records that are looked through for the outcome of an intent. */
const LOOKED = 200;
/** Seconds by which clocks of two records of one change may differ. */
const SLACK = 1;

interface IRelated {
  record: IRecord;
  api: Pick<Api, 'records' | 'record'>;
  trans: Trans;
  open: (key: string) => void;
}

/** The other records of the same change: what was asked for, what came of it, what was read. */
export function Related(props: IRelated): JSX.Element | null {
  const { record, trans } = props;
  const read = record.detail?.record;
  if (record.phase === 'intent') {
    return <Outcome {...props} />;
  }
  const key =
    typeof record.intent === 'string'
      ? record.intent
      : record.action === 'payload.read' && typeof read === 'string'
        ? read
        : undefined;
  if (key === undefined) {
    return null;
  }
  return (
    <section aria-label={trans.__('Belongs to')}>
      <h3>{trans.__('Belongs to')}</h3>
      <Button
        kind="link"
        label={
          record.intent
            ? trans.__('What was asked for')
            : trans.__('What was read')
        }
        onClick={() => props.open(key)}
      />
    </section>
  );
}

function Outcome({ record, api, trans, open }: IRelated): JSX.Element {
  const found = useAnswer(record.id, async () => {
    const page = await api.records(
      {
        endpoint: record.endpoint,
        action: record.action,
        kind: record.kind,
        since: Math.floor(record.t_wall_us / 1e6) - SLACK
      },
      { limit: LOOKED }
    );
    return page.records.filter(other => other.intent === record.id);
  });
  return (
    <section aria-label={trans.__('What came of it')}>
      <h3>{trans.__('What came of it')}</h3>
      {found.error && (
        <p className="mj-Quiet">
          {trans.__('It could not be looked up.')}{' '}
          <Button label={trans.__('Try again')} onClick={found.again} />
        </p>
      )}
      {found.value?.length === 0 && (
        <p className="mj-Quiet">{trans.__('No outcome is recorded yet.')}</p>
      )}
      {found.value?.map(other => (
        <p key={other.index}>
          <Button
            kind="link"
            label={`${sentenceOf(other, trans)} (${localOf(other.t_wall_us)})`}
            onClick={() => open(String(other.id))}
          />
        </p>
      ))}
    </section>
  );
}
