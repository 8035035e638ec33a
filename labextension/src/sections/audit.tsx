import {
  filterDotIcon,
  filterIcon,
  launchIcon,
  pauseIcon,
  runIcon
} from '@jupyterlab/ui-components';
import React from 'react';

import { CommandIDs } from '../commands';
import { IViewContext } from '../context';
import { countAsked, IAsked } from '../explorer/asked';
import { useRecordList, useShown } from '../explorer/hooks';
import { useKeptAsked } from '../explorer/kept';
import { namesOf } from '../explorer/names';
import { Denied, LedgerError, mayRead, NoRows } from '../explorer/notes';
import { RowList } from '../explorer/rowlist';
import { VerifyBadge } from '../explorer/verifybadge';
import { lazily } from '../lazy';
import { Button, Loading, useValue } from '../react';
import { Section } from '../section';

// most pages show all records
const FilterBar = lazily(() => import('../explorer/filterbar'));

const KEPT = '@mlops-jupyter/labextension:audit-filter';

/** Who did what, newest first, as it happens. */
export function AuditSection(props: IViewContext): JSX.Element {
  const { trans, commands, state } = props;
  const [asked, setAsked] = useKeptAsked(state, KEPT);
  const [filtering, setFiltering] = React.useState(false);
  const [paused, setPaused] = React.useState(false);
  const Filter = countAsked(asked ?? {}) > 0 ? filterDotIcon : filterIcon;
  const Flow = paused ? runIcon : pauseIcon;
  return (
    <Section
      id="audit"
      trans={trans}
      state={state}
      actions={
        <>
          <Button
            label={trans.__('Filter')}
            kind="icon"
            pressed={filtering}
            onClick={() => setFiltering(!filtering)}
          >
            <Filter.react tag="span" />
          </Button>
          <Button
            label={
              paused
                ? trans.__('Show new records')
                : trans.__('Hold new records')
            }
            kind="icon"
            pressed={paused}
            onClick={() => setPaused(!paused)}
          >
            <Flow.react tag="span" />
          </Button>
          <Button
            label={trans.__('Open in tab')}
            kind="icon"
            onClick={() =>
              void commands.execute(CommandIDs.openAudit, { ...asked })
            }
          >
            <launchIcon.react tag="span" />
          </Button>
        </>
      }
    >
      {asked ? (
        <AuditContent
          {...props}
          asked={asked}
          setAsked={setAsked}
          filtering={filtering}
          paused={paused}
        />
      ) : (
        <Loading trans={trans} what={trans.__('Loading…')} />
      )}
    </Section>
  );
}

interface IContent extends IViewContext {
  asked: IAsked;
  setAsked: (asked: IAsked) => void;
  filtering: boolean;
  paused: boolean;
}

function AuditContent(props: IContent): JSX.Element {
  const { store, trans, commands, asked, setAsked } = props;
  const place = React.useRef<HTMLDivElement>(null);
  const allowed = mayRead(useValue(store.status).value);
  const shown = useShown(place);
  const list = useRecordList(store, asked, shown && allowed);
  return (
    <div className="mj-Audit" ref={place}>
      {!allowed && <Denied trans={trans} />}
      {allowed && props.filtering && (
        <FilterBar
          asked={asked}
          onChange={setAsked}
          names={namesOf(store, list?.records ?? [])}
          trans={trans}
        />
      )}
      {allowed && list?.error && (
        <LedgerError
          error={list.error}
          trans={trans}
          commands={commands}
          retry={() => list.retry()}
        />
      )}
      {allowed && list && list.records.length === 0 && (
        <NoRows list={list} trans={trans} clear={() => setAsked({})} />
      )}
      {allowed && list && list.records.length > 0 && (
        <RowList
          list={list}
          trans={trans}
          paused={props.paused}
          open={record =>
            void commands.execute(CommandIDs.openRecord, { key: record.id })
          }
        />
      )}
      {allowed && (
        <VerifyBadge store={store} trans={trans} commands={commands} />
      )}
    </div>
  );
}
