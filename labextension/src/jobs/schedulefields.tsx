import React from 'react';

import { Trans } from '../react';
import { Concurrency } from '../runs/types';
import { cronWords } from '../schedules/cronwords';
import { IScheduleDraft, Problems } from './draft';
import { Field } from './field';
import { NumberFields } from './numberfields';
import { problemsIn } from './refused';
import { ReadStarts, Starts, useStarts } from './starts';

/** Fields on which the starts depend. */
const RULE = ['name', 'cron', 'zone', 'jitter'];

/** When a schedule starts its runs. */
export function ScheduleFields(props: {
  draft: IScheduleDraft;
  problems: Problems;
  /** Fields that are wrong, whether or not that is said yet. */
  wrong: string[];
  /** Whether it is there already: then its name stays. */
  named: boolean;
  starts: ReadStarts;
  trans: Trans;
  onChange: (draft: IScheduleDraft) => void;
}): JSX.Element {
  const { draft, trans, onChange } = props;
  const set = (parts: Partial<IScheduleDraft>): void =>
    onChange({ ...draft, ...parts });
  const wrong = props.wrong.some(field => RULE.includes(field));
  const starts = useStarts(props.starts, draft, wrong);
  const refused = problemsIn(starts.error, [], props.named, trans);
  const problems = { ...refused, ...props.problems };
  const words = problems.cron ? '' : cronWords(draft.cron, trans);
  const policies: [Concurrency, string][] = [
    ['Forbid', trans.__('leave the new one out')],
    ['Allow', trans.__('let both go on')],
    ['Replace', trans.__('end the old one')]
  ];
  return (
    <fieldset className="mj-Job-part">
      <legend>{trans.__('When')}</legend>
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
      <Starts starts={starts} zone={draft.zone.trim()} trans={trans} />
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
      <NumberFields
        fields={numbersOf(trans)}
        values={draft}
        problems={problems}
        onChange={(name, value) => set({ [name]: value })}
      />
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

type NumberName = 'deadline' | 'jitter' | 'succeeded' | 'failed';

function numbersOf(trans: Trans): [NumberName, string, string][] {
  return [
    [
      'deadline',
      trans.__('How late a start may be, in minutes'),
      trans.__(
        'Empty is any time; a start that is missed is listed as skipped.'
      )
    ],
    [
      'jitter',
      trans.__('Jitter, in seconds'),
      trans.__(
        'Each start is put off by a part of it, always the same, so that not all start at once.'
      )
    ],
    [
      'succeeded',
      trans.__('Runs kept that succeeded'),
      trans.__('Older ones are removed with their files.')
    ],
    ['failed', trans.__('Runs kept that did not'), '']
  ];
}
