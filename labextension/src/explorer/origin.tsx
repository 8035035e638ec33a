import { CommandRegistry } from '@lumino/commands';
import React from 'react';

import { IRecord } from '../api';
import { CommandIDs } from '../commands';
import { Facts } from '../hub/facts';
import Lineage from '../models/lineage';
import { Button, Loading, Text, Trans, useValue } from '../react';
import { Store } from '../store';

interface IOrigin {
  record: IRecord;
  store: Store;
  trans: Trans;
  commands: CommandRegistry;
}

/** Where the model of a record came from: notebook, commit, data, environment. */
export function Origin(props: IOrigin): JSX.Element | null {
  const { record, trans } = props;
  const named = typeof record.model?.name === 'string';
  if (!named && !record.code && !record.data) {
    return null;
  }
  return (
    <section aria-label={trans.__('Lineage')}>
      <h3>{trans.__('Lineage')}</h3>
      {record.code || record.data ? (
        <Recorded {...props} />
      ) : (
        <Catalogued {...props} />
      )}
    </section>
  );
}

/** What the record itself tells. */
function Recorded(props: IOrigin): JSX.Element {
  const { trans, commands } = props;
  const { code = {}, data = {}, model = {} } = props.record;
  const notebook = shown(code.notebook);
  return (
    <Facts
      label={trans.__('Where it came from')}
      facts={[
        [
          trans.__('Notebook'),
          notebook && (
            <Button
              kind="link"
              label={trans.__('Open the notebook')}
              onClick={() =>
                void commands.execute(CommandIDs.openNotebook, {
                  path: String(code.notebook),
                  ...(code.cell ? { cell: String(code.cell) } : {})
                })
              }
            >
              {notebook}
            </Button>
          )
        ],
        [trans.__('Notebook’s digest'), digest(code.notebook_sha256)],
        [
          trans.__('Commit'),
          code.git && (
            <React.Fragment key="commit">
              {digest(code.git)}{' '}
              {code.dirty === true && (
                <strong>{trans.__('and changes not committed')}</strong>
              )}
            </React.Fragment>
          )
        ],
        [
          trans.__('Data'),
          data.sha256 && (
            <React.Fragment key="data">
              {trans.__(
                '%1 rows, %2 columns',
                String(data.rows ?? '?'),
                String(data.columns ?? '?')
              )}{' '}
              {digest(data.sha256)}
            </React.Fragment>
          )
        ],
        [trans.__('Artifacts'), digest(model.digest)],
        [trans.__('Environment'), digest(model.env)]
      ]}
    />
  );
}

/** What the catalogue knows of the version that the record names. */
function Catalogued(props: IOrigin): JSX.Element {
  const { record, store, trans, commands } = props;
  const versions = useValue(store.versions);
  const { name, version, digest: recorded, env } = record.model ?? {};
  const found = versions.value?.find(
    one => one.model === name && one.version === version
  );
  if (!found) {
    return (
      <>
        {versions.value === undefined && !versions.error ? (
          <Loading trans={trans} what={trans.__('Loading…')} />
        ) : (
          <p className="mj-Quiet">
            {trans.__(
              'The hub’s catalogue does not know this version; the record tells what it was:'
            )}
          </p>
        )}
        <Facts
          label={trans.__('Version')}
          facts={[
            [trans.__('Artifacts'), digest(recorded)],
            [trans.__('Environment'), digest(env)]
          ]}
        />
      </>
    );
  }
  return (
    <>
      {recorded !== undefined && recorded !== found.digest && (
        <p role="alert">
          <strong>
            {trans.__(
              'The catalogue’s version has other artifacts than the one that was called.'
            )}
          </strong>{' '}
          {digest(recorded)}
        </p>
      )}
      <Lineage version={found} trans={trans} commands={commands} />
    </>
  );
}

function shown(value: unknown): React.ReactNode {
  return value ? <Text most={200}>{String(value)}</Text> : undefined;
}

function digest(value: unknown): React.ReactNode {
  return value ? (
    <Text className="mj-Detail-code" most={16}>
      {String(value)}
    </Text>
  ) : undefined;
}
