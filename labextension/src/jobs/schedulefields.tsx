import React from 'react';

import { Trans } from '../react';
import { Concurrency } from '../runs/types';
import { cronWords } from '../schedules/cronwords';
import { IScheduleDraft, Problems } from './draft';
import { Field } from './field';

/** When a schedule starts its runs. */
export function ScheduleFields(props: {
  draft: IScheduleDraft;
  problems: Problems;
  /** Whether it is there already: then its name stays. */
  named: boolean;
  trans: Trans;
  onChange: (draft: IScheduleDraft) => void;
}): JSX.Element {
  const { draft, problems, trans, onChange } = props;
  const set = (parts: Partial<IScheduleDraft>): void =>
    onChange({ ...draft, ...parts });
  const words = problems.cron ? '' : cronWords(draft.cron, trans);
  const policies: [Concurrency, string][] = [
    ['Forbid', trans.__('leave the new one out')],
    ['Allow', trans.__('let both go on')],
    ['Replace', trans.__('end the old one')]
  ];
  return (
    <fieldset className="mj-Job-part">
      <legend>{trans.__('When')}</legend>
      <Field label={trans.__('Name')} problem={problems.name}>
        {shared => (
          <input
            {...shared}
            type="text"
            value={draft.name}
            readOnly={props.named}
            spellCheck={false}
            onChange={event => set({ name: event.target.value })}
          />
        )}
      </Field>
      <Field
        label={trans.__('Rule')}
        hint={
          <span role="status">
            {words && words !== draft.cron.trim()
              ? `${words}, ${draft.zone}`
              : trans.__('minute, hour, day, month, weekday')}
          </span>
        }
        problem={problems.cron}
      >
        {shared => (
          <input
            {...shared}
            type="text"
            className="mj-Fact-code"
            value={draft.cron}
            spellCheck={false}
            onChange={event => set({ cron: event.target.value })}
          />
        )}
      </Field>
      <Field label={trans.__('Time zone')} problem={problems.zone}>
        {shared => (
          <input
            {...shared}
            type="text"
            value={draft.zone}
            spellCheck={false}
            onChange={event => set({ zone: event.target.value })}
          />
        )}
      </Field>
      <Field label={trans.__('When the run before still goes on')}>
        {shared => (
          <select
            {...shared}
            value={draft.concurrency}
            onChange={event =>
              set({ concurrency: event.target.value as Concurrency })
            }
          >
            {policies.map(([policy, label]) => (
              <option key={policy} value={policy}>
                {`${label} (${policy})`}
              </option>
            ))}
          </select>
        )}
      </Field>
      <Field
        label={trans.__('How late a start may be, in minutes')}
        hint={trans.__(
          'Empty is any time; a start that is missed is listed as skipped.'
        )}
        problem={problems.deadline}
      >
        {shared => (
          <input
            {...shared}
            type="text"
            inputMode="decimal"
            value={draft.deadline}
            onChange={event => set({ deadline: event.target.value })}
          />
        )}
      </Field>
      <label className="mj-Job-check">
        <input
          type="checkbox"
          checked={draft.pinned}
          onChange={event => set({ pinned: event.target.checked })}
        />
        {trans.__(
          'Run the notebook as it is now, whatever becomes of the file'
        )}
      </label>
    </fieldset>
  );
}
