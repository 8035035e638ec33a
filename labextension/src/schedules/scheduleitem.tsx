import React from 'react';

import { IStatus } from '../api';
import { CommandIDs } from '../commands';
import { IViewContext } from '../context';
import { refusal } from '../endpoints/rights';
import { Button, confirm, ErrorNote, plain, Text } from '../react';
import { useAct } from '../runs/act';
import { RunApi } from '../runs/api';
import { ISchedule } from '../runs/types';
import {
  formatSeconds,
  moodOf,
  nameOf,
  parametersOf,
  stateWord
} from '../runs/words';
import { cronWords } from './cronwords';
import { inZone } from './inzone';

interface IScheduleItem extends IViewContext {
  schedule: ISchedule;
  api: RunApi;
  status: IStatus | undefined;
  /** Something was done to it. */
  changed: () => void;
}

/** A rule, when it starts and has started something, and what can be done with it. */
export function ScheduleItem(props: IScheduleItem): JSX.Element {
  const { schedule, trans, commands } = props;
  const { spec } = schedule;
  const title = React.useId();
  const words = cronWords(spec.cron, trans);
  const parameters = parametersOf(spec.run.parameters);
  const then = schedule.next_starts
    .slice(1)
    .map(at => inZone(at, spec.time_zone));
  return (
    <article className="mj-Run" aria-labelledby={title}>
      <div className="mj-Run-head">
        <h3 id={title}>
          <Text most={63}>{spec.name}</Text>
        </h3>
        {spec.suspended && (
          <span className="mj-Run-state mj-mod-off">
            {trans.__('suspended')}
          </span>
        )}
        {schedule.active.length > 0 && (
          <span className="mj-Run-state mj-mod-coming">
            {trans._n('%1 runs', '%1 run', schedule.active.length)}
          </span>
        )}
      </div>
      <p>
        <Text most={80}>{words}</Text>{' '}
        {words !== spec.cron && <code>{plain(spec.cron, 60)}</code>}{' '}
        <span className="mj-Run-when">{plain(spec.time_zone, 60)}</span>
      </p>
      <p className="mj-Run-values" title={plain(spec.run.notebook, 1000)}>
        <Text most={120}>
          {[nameOf(spec.run.notebook), parameters].filter(one => one).join(' ')}
        </Text>
      </p>
      <p className="mj-Run-when">
        {schedule.next_at === null
          ? trans.__('next: none')
          : trans.__('next: %1', inZone(schedule.next_at, spec.time_zone))}
        {then.length > 0 && (
          <>
            <br />
            {trans.__('then:')}{' '}
            {then.map((start, at) => (
              <React.Fragment key={at}>
                {at > 0 && '; '}
                <span className="mj-Schedule-start">{start}</span>
              </React.Fragment>
            ))}
          </>
        )}
        {spec.jitter_seconds > 0 && (
          <>
            <br />
            {trans.__(
              'each put off by a part of %1',
              formatSeconds(spec.jitter_seconds, trans)
            )}
          </>
        )}
      </p>
      {schedule.last_at !== null && (
        <p className="mj-Run-when">
          {trans.__('last: %1', inZone(schedule.last_at, spec.time_zone))}{' '}
          {schedule.last_state && (
            <span
              className={`mj-Run-state mj-mod-${moodOf(schedule.last_state)}`}
            >
              {stateWord(schedule.last_state, trans)}
            </span>
          )}{' '}
          {schedule.last_run !== null && (
            <Button
              kind="link"
              label={trans.__('Show the run')}
              onClick={() =>
                void commands.execute(CommandIDs.openRun, {
                  id: schedule.last_run
                })
              }
            />
          )}
        </p>
      )}
      {schedule.reason && (
        <p className="mj-Run-reason">
          <Text most={300}>{schedule.reason}</Text>
        </p>
      )}
      <Actions {...props} />
    </article>
  );
}

function Actions(props: IScheduleItem): JSX.Element {
  const { schedule, api, status, trans, commands, changed } = props;
  const { name, suspended } = schedule.spec;
  const act = useAct();
  const off =
    refusal(status, 'run', trans) ||
    (act.busy && trans.__('It is being done…'));
  const run = (done: () => Promise<unknown>): void => {
    void act.run(done).then(changed);
  };
  const remove = async (): Promise<void> => {
    const sure = await confirm(
      trans,
      trans.__('Delete the schedule %1?', plain(name, 63)),
      trans.__(
        'It starts nothing any more. The runs that it has started stay in the history.'
      ),
      trans.__('Delete')
    );
    if (sure) {
      run(() => api.deleteSchedule(name));
    }
  };
  return (
    <>
      <div
        className="mj-Run-actions"
        role="group"
        aria-label={trans.__('Actions for the schedule %1', plain(name, 63))}
      >
        <Button
          label={trans.__('Run now')}
          disabled={off}
          onClick={() => run(() => api.trigger(name))}
        />
        <Button
          label={suspended ? trans.__('Resume') : trans.__('Suspend')}
          disabled={off}
          onClick={() =>
            run(() => (suspended ? api.resume(name) : api.suspend(name)))
          }
        />
        <Button
          label={trans.__('Edit…')}
          disabled={off}
          onClick={() =>
            void commands
              .execute(CommandIDs.editSchedule, { name })
              .then(changed)
          }
        />
        <Button
          label={trans.__('Delete…')}
          kind="warn"
          disabled={off}
          onClick={() => void remove()}
        />
      </div>
      {act.error && (
        <ErrorNote error={act.error} trans={trans} close={act.clear} />
      )}
    </>
  );
}
