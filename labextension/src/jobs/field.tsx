import React from 'react';

/** A field with its name, what it is for, and what is wrong with what was typed. */
export function Field(props: {
  label: React.ReactNode;
  hint?: React.ReactNode;
  problem?: string;
  children: (shared: {
    id: string;
    'aria-invalid': boolean;
    'aria-describedby': string;
  }) => React.ReactNode;
}): JSX.Element {
  const id = React.useId();
  return (
    <div className="mj-Job-field">
      <label htmlFor={id}>{props.label}</label>
      {props.children({
        id,
        'aria-invalid': !!props.problem,
        'aria-describedby': `${id}-hint ${id}-problem`
      })}
      <p id={`${id}-hint`} className="mj-Job-hint">
        {props.hint}
      </p>
      <p id={`${id}-problem`} className="mj-Job-problem" role="status">
        {props.problem}
      </p>
    </div>
  );
}
