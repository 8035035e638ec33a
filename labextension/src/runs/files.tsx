import React from 'react';

import { formatBytes } from '../hub/format';
import { Text, Trans } from '../react';
import { RunApi } from './api';
import { IRun } from './types';

interface IFile {
  name: string;
  bytes: number;
}

/** The files that a run kept, to download. */
export function Files(props: {
  run: IRun;
  api: RunApi;
  trans: Trans;
}): JSX.Element | null {
  const { run, api, trans } = props;
  const files = filesOf(run.record.artifacts);
  if (!files.length) {
    return null;
  }
  return (
    <ul className="mj-Run-files" aria-label={trans.__('Files of the run')}>
      {files.map(({ name, bytes }) => (
        <li key={name}>
          <a href={api.artifactUrl(run.id, name)} download>
            <Text most={200}>{name}</Text>
          </a>{' '}
          {formatBytes(bytes)}
        </li>
      ))}
    </ul>
  );
}

function filesOf(said: unknown): IFile[] {
  return Array.isArray(said)
    ? said.filter(
        (one): one is IFile =>
          typeof one?.name === 'string' && typeof one?.bytes === 'number'
      )
    : [];
}
