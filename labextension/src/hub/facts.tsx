import React from 'react';

/** Facts under their names; a fact without a value is left out. */
export function Facts(props: {
  label: string;
  facts: [string, React.ReactNode][];
}): JSX.Element {
  return (
    <dl className="mj-Facts" aria-label={props.label}>
      {props.facts
        .filter(([, value]) => value !== undefined && value !== null)
        .map(([name, value]) => (
          <div key={name} className="mj-Fact">
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}
