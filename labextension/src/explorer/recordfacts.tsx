import React from 'react';

import { ILoggedRecord } from '../api';
import { Facts } from '../hub/facts';
import { formatCount } from '../hub/format';
import { Button, plain, Text, Trans } from '../react';
import { IAsked, MOST_TEXT } from './asked';
import {
  actionOf,
  isoOf,
  latencyOf,
  localOf,
  modelOf,
  statusOf
} from './words';

/** Characters of a digest that tell it from others. */
const DIGEST = 16;

/** What happened, who did it, and where it stands in the ledger. */
export function RecordFacts(props: {
  found: ILoggedRecord;
  trans: Trans;
  ask: (parts: IAsked) => void;
}): JSX.Element {
  const { found, trans, ask } = props;
  const { record } = found;
  const { name, version } = record.model ?? {};
  const actor = record.actor ?? {};
  const behalf = record.on_behalf_of;
  return (
    <>
      <Facts
        label={trans.__('What happened')}
        facts={[
          [
            trans.__('Time'),
            <span key="time" title={isoOf(record.t_wall_us)}>
              {localOf(record.t_wall_us)}
            </span>
          ],
          [trans.__('What'), text(actionOf(record, trans))],
          [trans.__('Outcome'), text(statusOf(record, trans))],
          [trans.__('Kind of error'), text(record.error_class)],
          [trans.__('Latency'), latencyOf(record.latency_us) || undefined],
          [
            trans.__('Rows'),
            typeof record.rows === 'number'
              ? formatCount(record.rows)
              : undefined
          ],
          [
            trans.__('Endpoint'),
            askable(record.endpoint, endpoint => ask({ endpoint }), trans)
          ],
          [
            trans.__('Model'),
            askable(
              modelOf(record),
              () => ask({ model: name, version }),
              trans,
              name
            )
          ],
          [trans.__('Request id'), text(record.request_id)],
          [trans.__('Audit level'), text(record.level)]
        ]}
      />
      <Facts
        label={trans.__('Who')}
        facts={[
          [
            trans.__('Caller'),
            askable(actor.sub, caller => ask({ caller }), trans)
          ],
          [
            trans.__('Proven by'),
            text([actor.method, actor.kind].filter(Boolean).join(', '))
          ],
          [trans.__('For'), behalf && text(`${behalf.sub} (${behalf.method})`)],
          [trans.__('Token'), text(actor.token_id)],
          [trans.__('From'), text(record.client?.peer)]
        ]}
      />
      <Details detail={record.detail} trans={trans} />
      <Facts
        label={trans.__('Place in the ledger')}
        facts={[
          [trans.__('Id'), <Code key="id">{String(record.id)}</Code>],
          [trans.__('Index'), String(found.index)],
          [trans.__('Ledger'), text(found.log)],
          [
            trans.__('Hash'),
            <Code key="leaf" most={DIGEST}>
              {String(found.leaf)}
            </Code>
          ]
        ]}
      />
    </>
  );
}

/** What an action was given: names and values as they were recorded. */
function Details(props: {
  detail: Record<string, unknown> | undefined;
  trans: Trans;
}): JSX.Element | null {
  const parts = Object.entries(props.detail ?? {});
  if (parts.length === 0) {
    return null;
  }
  return (
    <Facts
      label={props.trans.__('Details')}
      facts={parts.map(([name, value]) => [
        plain(name, 40),
        <Text key={name} most={300}>
          {typeof value === 'string' ? value : JSON.stringify(value)}
        </Text>
      ])}
    />
  );
}

/** A value that the list can be asked for; too long ones it cannot. */
function askable(
  value: unknown,
  ask: (value: string) => void,
  trans: Trans,
  asked: unknown = value
): React.ReactNode {
  if (value === undefined || value === null || value === '') {
    return undefined;
  }
  const shown = <Text most={200}>{String(value)}</Text>;
  if (typeof asked !== 'string' || asked.length > MOST_TEXT) {
    return shown;
  }
  return (
    <Button
      kind="link"
      label={trans.__('Show all of %1', plain(String(value), 80))}
      onClick={() => ask(String(value))}
    >
      {shown}
    </Button>
  );
}

function text(value: unknown): React.ReactNode {
  return value === undefined || value === null || value === '' ? undefined : (
    <Text most={200}>{String(value)}</Text>
  );
}

function Code(props: { children: string; most?: number }): JSX.Element {
  return (
    <Text className="mj-Detail-code" most={props.most ?? 80}>
      {props.children}
    </Text>
  );
}
