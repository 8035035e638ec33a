import React from 'react';

import { IHubInfo } from '../api';
import { ErrorNote, Loading, Text, Trans, useNow, useValue } from '../react';
import { Store } from '../store';
import { Facts } from './facts';
import { formatBytes, formatCount } from './format';
import { Since } from './since';

/** What a hub that runs says of itself; mounted only then, since asking would start one. */
export function RunningHub(props: { store: Store; trans: Trans }): JSX.Element {
  const { store, trans } = props;
  const { value: info, error } = useValue(store.hub);
  useNow(30);
  const trouble = error && (
    <ErrorNote
      error={error}
      trans={trans}
      retry={() => void store.hub.refresh()}
    />
  );
  if (info === undefined) {
    return (
      trouble ?? <Loading trans={trans} what={trans.__('Asking the hub…')} />
    );
  }
  return (
    <>
      {trouble}
      {!info.ledger.ok && (
        <p className="mj-Hub-alarm" role="alert">
          {trans.__('The audit ledger cannot be written.')}{' '}
          <Text most={300}>{info.ledger.reason}</Text>
        </p>
      )}
      <Facts
        label={trans.__('The hub')}
        facts={[
          [trans.__('Address'), <Code key="url">{info.url}</Code>],
          [trans.__('Version'), <Text key="version">{info.version}</Text>],
          [
            trans.__('Started'),
            <Since key="since" seconds={info.started_at} />
          ],
          [trans.__('Endpoints'), formatCount(info.endpoints)],
          [trans.__('GPUs'), <Gpus key="gpus" gpus={info.gpus} trans={trans} />]
        ]}
      />
      <Ledger info={info} trans={trans} />
      <details className="mj-Hub-more">
        <summary>{trans.__('Where it runs')}</summary>
        <Facts
          label={trans.__('Where it runs')}
          facts={[
            [trans.__('Process'), String(info.pid)],
            [trans.__('Python'), <Code key="python">{info.python}</Code>],
            [trans.__('State'), <Code key="home">{info.home}</Code>],
            [
              trans.__('Socket'),
              info.socket && <Code key="socket">{info.socket}</Code>
            ],
            [trans.__('Ledger'), <Code key="origin">{info.ledger.origin}</Code>]
          ]}
        />
      </details>
    </>
  );
}

function Code(props: { children: string }): JSX.Element {
  return <Text className="mj-Fact-code">{props.children}</Text>;
}

function Ledger(props: { info: IHubInfo; trans: Trans }): JSX.Element {
  const { trans } = props;
  const { ledger } = props.info;
  const part = (count: number): string =>
    count < ledger.size
      ? trans.__(
          '%1 of %2 records',
          formatCount(count),
          formatCount(ledger.size)
        )
      : trans.__('all');
  return (
    <Facts
      label={trans.__('The audit ledger')}
      facts={[
        [
          trans.__('Ledger'),
          trans._n(
            '%2 record',
            '%2 records',
            ledger.size,
            formatCount(ledger.size)
          )
        ],
        [trans.__('On disk'), formatBytes(ledger.bytes)],
        [trans.__('Last checkpoint'), part(ledger.checkpoint_size)],
        [trans.__('Indexed'), part(ledger.indexed)]
      ]}
    />
  );
}

function Gpus(props: {
  gpus: Record<string, unknown>[];
  trans: Trans;
}): JSX.Element {
  if (!props.gpus.length) {
    return <>{props.trans.__('none')}</>;
  }
  return (
    <ul className="mj-Hub-gpus">
      {props.gpus.map(({ index, name, memory_bytes: memory }, at) => (
        <li key={at}>
          <Text>
            {[
              typeof index === 'number' ? `${index}:` : '',
              typeof name === 'string' ? name : 'GPU',
              typeof memory === 'number' ? formatBytes(memory) : ''
            ]
              .filter(part => part)
              .join(' ')}
          </Text>
        </li>
      ))}
    </ul>
  );
}
