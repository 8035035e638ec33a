import { CommandRegistry } from '@lumino/commands';
import React from 'react';

import { ApiError, IStatus } from '../api';
import { Button, Empty, ErrorNote, Loading, Trans } from '../react';
import { Trouble } from '../trouble';
import { countAsked } from './asked';
import { RecordList } from './recordlist';

/** Whether the history may be read; nothing is known before the status is. */
export function mayRead(status: IStatus | undefined): boolean {
  return (
    status === undefined ||
    status.hub.state !== 'running' ||
    status.rights.includes('audit')
  );
}

/** Why there is no history to see. */
export function Denied(props: { trans: Trans }): JSX.Element {
  const { trans } = props;
  return (
    <Empty>
      <p>{trans.__('You may not read the audit history.')}</p>
      <p>
        {trans.__(
          'It shows what others asked for and got, so it needs the right “audit”, which you do not have on this hub.'
        )}
      </p>
      <p>{trans.__('Ask the person who runs the hub for it.')}</p>
    </Empty>
  );
}

/** An error of a request on the ledger; a stopped hub can be started here. */
export function LedgerError(props: {
  error: ApiError;
  trans: Trans;
  commands: CommandRegistry;
  retry: () => void;
}): JSX.Element {
  const { error, trans, commands } = props;
  if (error.status === 403 && error.code !== 'server_error') {
    return <ErrorNote error={error} trans={trans} />;
  }
  return (
    <Trouble
      error={error}
      stopped={trans.__('The hub is stopped, so its history cannot be read.')}
      retry={props.retry}
      trans={trans}
      commands={commands}
    />
  );
}

/** What is to be said when there are no rows. */
export function NoRows(props: {
  list: RecordList;
  trans: Trans;
  clear: () => void;
}): JSX.Element | null {
  const { list, trans } = props;
  if (!list.complete) {
    return list.error ? null : (
      <Loading trans={trans} what={progressOf(list, trans)} />
    );
  }
  if (countAsked(list.asked) > 0) {
    return (
      <Empty>
        <p>{trans.__('No record fits the filter.')}</p>
        <Button label={trans.__('Clear filter')} onClick={props.clear} />
      </Empty>
    );
  }
  return (
    <Empty>
      <p>{trans.__('Nothing has been recorded yet.')}</p>
      <p>
        {trans.__(
          'Each deployment, change and call appears here by itself. Begin with %1 in a notebook.',
          '%deploy'
        )}
      </p>
    </Empty>
  );
}

/** What stands below the rows. */
export function endOf(list: RecordList, trans: Trans): string {
  if (list.full) {
    return trans.__(
      'The list ends here at %1 rows: narrow the filter to see older ones.',
      list.records.length.toLocaleString()
    );
  }
  if (list.complete) {
    return trans.__('The beginning of the history.');
  }
  return list.loading ? progressOf(list, trans) : '';
}

function progressOf(list: RecordList, trans: Trans): string {
  return countAsked(list.asked) > 0 && list.searched > 0
    ? trans.__('Searching… %1 % done', Math.floor(100 * list.searched))
    : trans.__('Loading…');
}
