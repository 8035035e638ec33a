import { Time } from '@jupyterlab/coreutils';
import { CommandRegistry } from '@lumino/commands';
import React from 'react';

import { ILineage, IModelVersion } from '../api';
import { CommandIDs } from '../commands';
import { Facts } from '../hub/facts';
import { formatCount } from '../hub/format';
import { lazily } from '../lazy';
import { Button, plain, Text, Trans } from '../react';
import { Store } from '../store';
import { unreachable } from './place';

// most versions are no pipelines
const VersionGraph = lazily(async () => ({
  default: (await import('../pipelines/parts')).VersionGraph
}));

/** So much of a digest tells it from the others that one is likely to see. */
const DIGEST = 12;

/** Where a version came from: notebook, commit, data, environment. */
export default function Lineage(props: {
  version: IModelVersion;
  trans: Trans;
  commands: CommandRegistry;
  /** Where a pipeline's graph is to be drawn, too. */
  store?: Store;
}): JSX.Element {
  const { version, trans, store } = props;
  return (
    <>
      {store && version.flavors.mlops_pipeline && (
        <VersionGraph version={version} store={store} trans={trans} />
      )}
      <Origins {...props} />
    </>
  );
}

function Origins(props: {
  version: IModelVersion;
  trans: Trans;
  commands: CommandRegistry;
}): JSX.Element {
  const { version, trans } = props;
  const { lineage, environment } = version;
  return (
    <Facts
      label={trans.__('Where version %1 came from', version.version)}
      facts={[
        [
          trans.__('Registered'),
          Time.format(new Date(version.created_at * 1000))
        ],
        [
          trans.__('By'),
          lineage.user === null ? (
            trans.__('not recorded')
          ) : (
            <Text key="user">{lineage.user}</Text>
          )
        ],
        [trans.__('Notebook'), <Notebook key="notebook" {...props} />],
        [
          trans.__('Commit'),
          <Commit key="commit" lineage={lineage} trans={trans} />
        ],
        [trans.__('Data'), <Data key="data" lineage={lineage} trans={trans} />],
        [
          trans.__('Environment'),
          <React.Fragment key="environment">
            {environment.kind === 'locked'
              ? trans.__('locked')
              : trans.__('the kernel’s')}
            {lineage.python_version !== null &&
              trans.__(', Python %1', plain(lineage.python_version, 20))}{' '}
            <Digest>{environment.digest}</Digest>
          </React.Fragment>
        ],
        [trans.__('Artifacts'), <Digest key="digest">{version.digest}</Digest>],
        [
          trans.__('MLflow run'),
          version.run_id && <Digest key="run">{version.run_id}</Digest>
        ]
      ]}
    />
  );
}

function Notebook(props: {
  version: IModelVersion;
  trans: Trans;
  commands: CommandRegistry;
}): JSX.Element {
  const { trans, commands } = props;
  const { notebook, cell_id: cell } = props.version.lineage;
  if (notebook === null) {
    return <>{trans.__('not recorded')}</>;
  }
  const reason = unreachable(notebook, trans);
  const name = notebook.split(/[\\/]/).pop() ?? notebook;
  if (reason) {
    return (
      <>
        <Text>{notebook}</Text>
        <span className="mj-Models-reason">{reason}</span>
      </>
    );
  }
  return (
    <Button
      kind="link"
      label={trans.__('Open %1', plain(notebook, 300))}
      onClick={() =>
        void commands.execute(CommandIDs.openNotebook, {
          path: notebook,
          ...(cell === null ? {} : { cell })
        })
      }
    >
      <Text>{name}</Text>
    </Button>
  );
}

function Commit(props: { lineage: ILineage; trans: Trans }): JSX.Element {
  const { trans } = props;
  const {
    git_commit: commit,
    git_dirty: dirty,
    git_remote: remote
  } = props.lineage;
  if (commit === null) {
    return <>{trans.__('not recorded')}</>;
  }
  return (
    <>
      <Digest>{commit}</Digest>{' '}
      {dirty && <strong>{trans.__('and changes not committed')}</strong>}
      {remote !== null && (
        <span className="mj-Models-remote">
          <Text>{remote}</Text>
        </span>
      )}
    </>
  );
}

function Data(props: { lineage: ILineage; trans: Trans }): JSX.Element {
  const { trans } = props;
  const {
    data_sha256: digest,
    data_rows: rows,
    data_columns: columns
  } = props.lineage;
  if (digest === null) {
    return <>{trans.__('not recorded')}</>;
  }
  return (
    <>
      {rows !== null && trans._n('%2 row', '%2 rows', rows, formatCount(rows))}
      {columns !== null && (
        <>
          {', '}
          {trans._n('%1 column', '%1 columns', columns)}
        </>
      )}{' '}
      <Digest>{digest}</Digest>
    </>
  );
}

function Digest(props: { children: string }): JSX.Element {
  return (
    <Text most={DIGEST} className="mj-Fact-code">
      {props.children}
    </Text>
  );
}
