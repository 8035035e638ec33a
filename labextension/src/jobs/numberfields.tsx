import React from 'react';

import { Problems } from './draft';
import { Field } from './field';

/** Fields for numbers, each as `[name, label, hint]`; kept as they were typed until they are read. */
export function NumberFields<Name extends string>(props: {
  fields: [Name, string, string][];
  values: Record<Name, string>;
  problems: Problems;
  onChange: (name: Name, value: string) => void;
}): JSX.Element {
  const { fields, values, problems, onChange } = props;
  return (
    <>
      {fields.map(([name, label, hint]) => (
        <Field key={name} label={label} hint={hint} problem={problems[name]}>
          {shared => (
            <input
              {...shared}
              type="text"
              inputMode="decimal"
              value={values[name]}
              onChange={event => onChange(name, event.target.value)}
            />
          )}
        </Field>
      ))}
    </>
  );
}
