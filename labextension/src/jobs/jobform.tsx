import React from 'react';

import { ApiError } from '../api';
import { ErrorNote, Text, Trans } from '../react';
import { INotebook } from '../runs/types';
import { nameOf } from '../runs/words';
import { IDraft, IRunDraft, Problems } from './draft';
import { Field } from './field';
import { NumberFields } from './numberfields';
import { ParameterField } from './parameterfield';
import { ScheduleFields } from './schedulefields';
import { ReadStarts } from './starts';

// most pages never need it, as they never need this file
import '../../style/jobs.css';

export interface IKernel {
  name: string;
  title: string;
}

/** How a notebook is to be run, and when. */
export function JobForm(props: {
  draft: IDraft;
  problems: Problems;
  /** Fields that are wrong, whether or not that is said yet. */
  wrong: string[];
  path: string;
  notebook: INotebook;
  kernels: IKernel[];
  named: boolean;
  starts: ReadStarts;
  error: ApiError | undefined;
  busy: boolean;
  trans: Trans;
  onChange: (draft: IDraft) => void;
}): JSX.Element {
  const { draft, problems, notebook, trans, onChange } = props;
  const setRun = (parts: Partial<IRunDraft>): void =>
    onChange({ ...draft, run: { ...draft.run, ...parts } });
  return (
    <div className="mj-Job" aria-busy={props.busy}>
      <p className="mj-Job-path">
        <Text most={200}>{props.path}</Text>
      </p>
      {draft.schedule && (
        <ScheduleFields
          draft={draft.schedule}
          problems={problems}
          wrong={props.wrong}
          named={props.named}
          starts={props.starts}
          trans={trans}
          onChange={schedule => onChange({ ...draft, schedule })}
        />
      )}
      <fieldset className="mj-Job-part">
        <legend>{trans.__('Parameters')}</legend>
        {notebook.parameters.length === 0 && (
          <p className="mj-Job-hint">
            {trans.__(
              'The notebook declares none. Give a cell the tag “parameters” and assign a default to each name in it.'
            )}
          </p>
        )}
        {notebook.parameters.map(parameter => (
          <ParameterField
            key={parameter.name}
            parameter={parameter}
            typed={draft.run.parameters[parameter.name] ?? ''}
            problem={problems[`parameter:${parameter.name}`]}
            trans={trans}
            onChange={typed =>
              setRun({
                parameters: {
                  ...draft.run.parameters,
                  [parameter.name]: typed
                }
              })
            }
          />
        ))}
      </fieldset>
      <fieldset className="mj-Job-part">
        <legend>{trans.__('Kernel and machine')}</legend>
        <Kernel {...props} onChange={kernel => setRun({ kernel })} />
        <NumberFields
          fields={numbersOf(trans)}
          values={draft.run}
          problems={problems}
          onChange={(name, value) => setRun({ [name]: value })}
        />
        <Field
          label={trans.__('Output notebook')}
          hint={trans.__(
            'Where a copy of the executed notebook goes, too, such as %1. It is always kept with the run.',
            `${nameOf(props.path)}-out.ipynb`
          )}
          problem={problems.output}
        >
          {shared => (
            <input
              {...shared}
              type="text"
              spellCheck={false}
              value={draft.run.output}
              onChange={event => setRun({ output: event.target.value })}
            />
          )}
        </Field>
        <Field
          label={trans.__('Environment variables')}
          hint={trans.__(
            'NAME=value, one a line; recorded with the run, so no secrets.'
          )}
          problem={problems.environment}
        >
          {shared => (
            <textarea
              {...shared}
              rows={2}
              spellCheck={false}
              value={draft.run.environment}
              onChange={event => setRun({ environment: event.target.value })}
            />
          )}
        </Field>
      </fieldset>
      {props.error && <ErrorNote error={props.error} trans={trans} />}
    </div>
  );
}

type NumberName = 'cpus' | 'memory' | 'gpus' | 'limit' | 'retries' | 'pause';

function numbersOf(trans: Trans): [NumberName, string, string][] {
  return [
    ['cpus', trans.__('Cores'), ''],
    [
      'memory',
      trans.__('Memory, in GB'),
      trans.__('Empty is no bound; above it the run fails.')
    ],
    ['gpus', trans.__('GPUs'), ''],
    [
      'limit',
      trans.__('Time limit, in minutes'),
      trans.__('Empty is no limit.')
    ],
    [
      'retries',
      trans.__('Retries'),
      trans.__('How often a failed attempt is repeated.')
    ],
    [
      'pause',
      trans.__('Pause before a retry, in seconds'),
      trans.__('Doubled before each further one.')
    ]
  ];
}

function Kernel(props: {
  draft: IDraft;
  notebook: INotebook;
  kernels: IKernel[];
  trans: Trans;
  onChange: (kernel: string) => void;
}): JSX.Element {
  const { draft, notebook, kernels, trans, onChange } = props;
  return (
    <Field label={trans.__('Kernel')}>
      {shared => (
        <select
          {...shared}
          value={draft.run.kernel}
          onChange={event => onChange(event.target.value)}
        >
          <option value="">
            {trans.__('The notebook’s own (%1)', notebook.kernel)}
          </option>
          {kernels.map(({ name, title }) => (
            <option key={name} value={name}>
              {title}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}
