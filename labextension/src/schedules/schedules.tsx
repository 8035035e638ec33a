import React from 'react';

import { CommandIDs } from '../commands';
import { IViewContext } from '../context';
import { lazily } from '../lazy';
import { Button, Empty, Loading, useNow, useValue } from '../react';
import { RunApi } from '../runs/api';
import { ISchedule } from '../runs/types';
import { IChange, Store } from '../store';
import { Trouble } from '../trouble';
import { Value } from '../value';

const ScheduleItem = lazily(async () => ({
  default: (await import('./scheduleitem')).ScheduleItem
}));

/** How a notebook schedules another; a command, so the same in every language. */
const SCHEDULE = '%schedule fit.ipynb "0 2 * * *"';

/** All schedules, by name. */
export default function Schedules(props: IViewContext): JSX.Element {
  const { store, trans, commands } = props;
  const api = React.useMemo(() => new RunApi(store.api), [store]);
  const schedules = useSchedules(store, api);
  const { value, error } = useValue(schedules);
  const { value: status } = useValue(store.status);
  useNow(30);
  if (value === undefined && error === undefined) {
    return <Loading trans={trans} what={trans.__('Reading the schedules…')} />;
  }
  return (
    <div className="mj-Runs">
      {error && (
        <Trouble
          error={error}
          stopped={trans.__('The hub is stopped, so no schedule starts a run.')}
          retry={() => void schedules.refresh()}
          trans={trans}
          commands={commands}
        />
      )}
      {value?.length === 0 && !error && <NoSchedules {...props} />}
      {value !== undefined && value.length > 0 && (
        <ul
          className="mj-Runs-list mj-Schedules-list"
          aria-label={trans.__('Schedules')}
        >
          {value.map(schedule => (
            <li key={schedule.spec.name}>
              <ScheduleItem
                {...props}
                schedule={schedule}
                api={api}
                status={status}
                changed={() => schedules.invalidate()}
              />
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** The hub's schedules, read again as they change. */
function useSchedules(store: Store, api: RunApi): Value<ISchedule[]> {
  const schedules = React.useMemo(
    () => new Value(() => api.schedules()),
    [api]
  );
  React.useEffect(() => {
    const hear = (_: unknown, { what }: IChange): void => {
      if (what === 'schedule' || what === 'hub') {
        schedules.invalidate();
      }
    };
    store.told.connect(hear);
    return () => {
      store.told.disconnect(hear);
    };
  }, [store, schedules]);
  return schedules;
}

function NoSchedules({ trans, commands }: IViewContext): JSX.Element {
  return (
    <Empty>
      <p>{trans.__('No notebook is run by a rule yet.')}</p>
      <p>
        {trans.__(
          'Choose “Schedule…” in the menu of a notebook in the file browser, or in a cell:'
        )}{' '}
        <code>{SCHEDULE}</code>
      </p>
      {commands.hasCommand(CommandIDs.scheduleJob) &&
        commands.isEnabled(CommandIDs.scheduleJob) && (
          <Button
            label={trans.__('Schedule the Open Notebook…')}
            onClick={() => void commands.execute(CommandIDs.scheduleJob)}
          />
        )}
    </Empty>
  );
}
