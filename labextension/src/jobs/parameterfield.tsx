import React from 'react';

import { plain, Text, Trans } from '../react';
import { IParameter } from '../runs/types';
import { typedOf } from './draft';
import { Field } from './field';

/** One parameter of a notebook, typed with what fits its type. */
export function ParameterField(props: {
  parameter: IParameter;
  typed: string;
  problem: string | undefined;
  trans: Trans;
  onChange: (typed: string) => void;
}): JSX.Element {
  const { parameter, typed, trans, onChange } = props;
  const { name, type, help, has_default: known, text } = parameter;
  const initial = known
    ? trans.__(
        'as in the notebook: %1',
        plain(String(text || typedOf(parameter, parameter.default)), 60)
      )
    : text && trans.__('empty is as in the notebook: %1', plain(text, 60));
  return (
    <Field
      label={
        <>
          <Text most={60}>{name}</Text>{' '}
          <span className="mj-Job-type">
            {type === 'any' ? '' : type}
            {parameter.optional ? ` ${trans.__('or None')}` : ''}
          </span>
        </>
      }
      hint={
        <>
          {help && <Text most={200}>{help}</Text>}
          {help && initial && ' – '}
          {initial}
        </>
      }
      problem={props.problem}
    >
      {shared => (
        <Control
          parameter={parameter}
          trans={trans}
          shared={{
            ...shared,
            value: typed,
            onChange: event => onChange(event.target.value)
          }}
        />
      )}
    </Field>
  );
}

interface IShared {
  id: string;
  value: string;
  onChange: (
    event: React.ChangeEvent<
      HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement
    >
  ) => void;
}

function Control(props: {
  parameter: IParameter;
  trans: Trans;
  shared: IShared;
}): JSX.Element {
  const { parameter, shared, trans } = props;
  const choices = choicesOf(parameter, shared.value);
  if (choices !== undefined) {
    return (
      <select {...shared}>
        {choices.map(choice => (
          <option key={choice} value={choice}>
            {choice === ''
              ? trans.__('(as in the notebook)')
              : plain(choice, 60)}
          </option>
        ))}
      </select>
    );
  }
  switch (parameter.type) {
    case 'int':
      return <input {...shared} type="text" inputMode="numeric" />;
    case 'float':
      return <input {...shared} type="text" inputMode="decimal" />;
    case 'list':
    case 'dict':
      return <textarea {...shared} rows={2} spellCheck={false} />;
    default:
      return <input {...shared} type="text" spellCheck={false} />;
  }
}

/** What can be chosen from; undefined where anything can be typed. */
function choicesOf(parameter: IParameter, typed: string): string[] | undefined {
  const { choices, type, optional, has_default: known, required } = parameter;
  const values = choices.length
    ? choices.map(choice => typedOf(parameter, choice))
    : type === 'bool'
      ? ['true', 'false']
      : undefined;
  if (values === undefined) {
    return undefined;
  }
  const all = [
    ...(known && !required ? [] : ['']),
    ...values,
    ...(optional ? ['None'] : []),
    typed
  ];
  return [...new Set(all)];
}
