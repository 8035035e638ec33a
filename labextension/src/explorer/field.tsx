import React from 'react';

import { MOST_TEXT } from './asked';

/** Milliseconds without a key after which what was typed is asked for. */
const PAUSE = 300;

/** A text to filter by; asked for when the typing pauses, at once on Enter. */
export function TextField(props: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  type?: 'search' | 'number';
  suggestions?: readonly string[];
}): JSX.Element {
  const [typed, setTyped] = React.useState(props.value);
  const timer = React.useRef<number>();
  // React's colons are not allowed in selectors
  const list = React.useId().replace(/:/g, '');
  React.useEffect(() => setTyped(props.value), [props.value]);
  React.useEffect(() => () => window.clearTimeout(timer.current), []);

  const tell = (value: string, delay: number) => {
    window.clearTimeout(timer.current);
    timer.current = window.setTimeout(() => props.onChange(value), delay);
  };
  return (
    <label className="mj-Field">
      <span>{props.label}</span>
      <input
        type={props.type ?? 'search'}
        min={props.type === 'number' ? 0 : undefined}
        value={typed}
        maxLength={MOST_TEXT}
        spellCheck={false}
        list={props.suggestions?.length ? list : undefined}
        onChange={event => {
          setTyped(event.target.value);
          tell(event.target.value, PAUSE);
        }}
        onKeyDown={event => {
          if (event.key === 'Enter') {
            tell(typed, 0);
          }
        }}
      />
      {props.suggestions && props.suggestions.length > 0 && (
        <datalist id={list}>
          {props.suggestions.map(name => (
            <option key={name} value={name} />
          ))}
        </datalist>
      )}
    </label>
  );
}

/** One of a few; the first is for no condition. */
export function ChoiceField(props: {
  label: string;
  value: string;
  choices: readonly (readonly [value: string, label: string])[];
  onChange: (value: string) => void;
}): JSX.Element {
  return (
    <label className="mj-Field">
      <span>{props.label}</span>
      <select
        value={props.value}
        onChange={event => props.onChange(event.target.value)}
      >
        {props.choices.map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
    </label>
  );
}

/** A moment on the reader's clock; epoch seconds outside. */
export function MomentField(props: {
  label: string;
  value: number | undefined;
  onChange: (value: number | undefined) => void;
}): JSX.Element {
  return (
    <label className="mj-Field">
      <span>{props.label}</span>
      <input
        type="datetime-local"
        step={1}
        value={inputOf(props.value)}
        onChange={event => {
          const at = new Date(event.target.value).getTime();
          props.onChange(Number.isNaN(at) || at < 0 ? undefined : at / 1000);
        }}
      />
    </label>
  );
}

function inputOf(seconds: number | undefined): string {
  if (seconds === undefined) {
    return '';
  }
  const at = new Date(seconds * 1000);
  if (Number.isNaN(at.getTime())) {
    return '';
  }
  const local = new Date(at.getTime() - at.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19);
}
