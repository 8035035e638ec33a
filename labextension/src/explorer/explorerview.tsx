import { pauseIcon, runIcon } from '@jupyterlab/ui-components';
import React from 'react';

import { Boundary } from '../boundary';
import { IViewContext } from '../context';
import { formatCount } from '../hub/format';
import { Button, Trans, useValue } from '../react';
import { changed, IAsked } from './asked';
import { Detail } from './detail';
import { ExportLinks } from './exportlinks';
import FilterBar from './filterbar';
import { useRecordList, useShown } from './hooks';
import { namesOf } from './names';
import { NewerButton } from './newerbutton';
import { Denied, LedgerError, mayRead, NoRows } from './notes';
import { RecordList } from './recordlist';
import { Table } from './table';
import { VerifyBadge } from './verifybadge';

// most pages never need it, as they never need this file
import '../../style/explorer.css';

export interface IExplorer extends Omit<IViewContext, 'state'> {
  asked: IAsked;
  /** Id or index of the record whose detail is shown. */
  opened: string | null;
  ask: (asked: IAsked) => void;
  open: (key: string | null) => void;
}

/** The whole history in a tab: filter, table, detail. */
export function ExplorerView(props: IExplorer): JSX.Element {
  const { store, trans, commands, asked, ask, opened, open } = props;
  const place = React.useRef<HTMLDivElement>(null);
  const [paused, setPaused] = React.useState(false);
  const allowed = mayRead(useValue(store.status).value);
  const shown = useShown(place);
  const list = useRecordList(store, asked, shown && allowed);
  return (
    <div className="mj-Explorer" ref={place}>
      {!allowed && <Denied trans={trans} />}
      {allowed && (
        <>
          <FilterBar
            asked={asked}
            onChange={ask}
            names={namesOf(store, list?.records ?? [])}
            trans={trans}
          />
          <Tools
            {...props}
            list={list}
            paused={paused}
            pause={() => setPaused(!paused)}
          />
          {list?.error && (
            <LedgerError
              error={list.error}
              trans={trans}
              commands={commands}
              retry={() => list.retry()}
            />
          )}
          <div className="mj-Explorer-main">
            {list && list.records.length === 0 && (
              <NoRows list={list} trans={trans} clear={() => ask({})} />
            )}
            {list && list.records.length > 0 && (
              <Table
                list={list}
                trans={trans}
                paused={paused}
                opened={opened}
                open={record => open(String(record.id))}
                close={() => open(null)}
              />
            )}
            <Drawer {...props} />
          </div>
        </>
      )}
    </div>
  );
}

/** The record that is open; what cannot be shown of it leaves the table as it is. */
function Drawer(props: IExplorer): JSX.Element | null {
  const { store, trans, commands, asked, ask, opened, open } = props;
  if (opened === null) {
    return null;
  }
  const name = trans.__('Record');
  const close = (): void => open(null);
  return (
    <Boundary
      // what one record cannot show another may
      key={opened}
      name={name}
      trans={trans}
      close={close}
      frame={note => (
        <aside className="mj-Detail" aria-label={name}>
          {note}
        </aside>
      )}
    >
      <Detail
        store={store}
        trans={trans}
        commands={commands}
        recordKey={opened}
        open={open}
        close={close}
        ask={parts => ask(changed(asked, parts))}
      />
    </Boundary>
  );
}

function Tools(
  props: IExplorer & {
    list: RecordList | undefined;
    paused: boolean;
    pause: () => void;
  }
): JSX.Element {
  const { store, trans, list, paused } = props;
  const Flow = paused ? runIcon : pauseIcon;
  return (
    <div className="mj-Tools">
      <Button
        label={
          paused ? trans.__('Show new records') : trans.__('Hold new records')
        }
        kind="icon"
        pressed={paused}
        onClick={props.pause}
      >
        <Flow.react tag="span" />
      </Button>
      <span className="mj-Tools-count">{countOf(list, trans)}</span>
      {list && <NewerButton list={list} trans={trans} />}
      <VerifyBadge store={store} trans={trans} commands={props.commands} />
      <ExportLinks api={store.api} asked={props.asked} trans={trans} />
    </div>
  );
}

function countOf(list: RecordList | undefined, trans: Trans): string {
  if (!list?.loaded) {
    return '';
  }
  const count = list.records.length;
  if (count === 0 && !list.complete) {
    return '';
  }
  return list.complete
    ? trans._n('%2 record', '%2 records', count, formatCount(count))
    : trans.__('%1 loaded, more below', formatCount(count));
}
