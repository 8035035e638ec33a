/** What the forms of an endpoint are made of. */

import React from 'react';

import { ErrorNote, Trans } from '../react';
import { IChange } from './change';

/** A form that Enter sends as well, unless `off` says why not. */
export function Form(props: {
  label: string;
  submit: string;
  off: string | false;
  onSubmit: () => void;
  more?: React.ReactNode;
  children: React.ReactNode;
}): JSX.Element {
  const reason = React.useId();
  return (
    <form
      className="mj-Endpoint-form"
      aria-label={props.label}
      noValidate
      onSubmit={event => {
        event.preventDefault();
        if (!props.off) {
          props.onSubmit();
        }
      }}
    >
      {props.children}
      <div className="mj-Endpoint-form-actions">
        <button
          type="submit"
          className="mj-Button mj-mod-accept"
          aria-disabled={props.off !== false}
          aria-describedby={props.off ? reason : undefined}
        >
          {props.submit}
        </button>
        {props.more}
      </div>
      {props.off && (
        <p id={reason} className="mj-Endpoint-form-hint">
          {props.off}
        </p>
      )}
    </form>
  );
}

/** A number that is typed; NaN while it is none. What is typed is left alone while it is typed. */
export function NumberField(props: {
  label: string;
  value: number;
  min: number;
  max: number;
  step?: number | 'any';
  off?: boolean;
  hideLabel?: boolean;
  onChange: (value: number) => void;
  onLeave?: () => void;
}): JSX.Element {
  const id = React.useId();
  const [typed, setTyped] = React.useState<string>();
  const agrees = typed !== undefined && same(read(typed), props.value);
  return (
    <span className="mj-Endpoint-field">
      <label
        htmlFor={id}
        className={props.hideLabel ? 'mj-Endpoint-unseen' : undefined}
      >
        {props.label}
      </label>
      <input
        id={id}
        type="number"
        min={props.min}
        max={props.max}
        step={props.step ?? 1}
        disabled={props.off}
        value={agrees ? typed : Number.isNaN(props.value) ? '' : props.value}
        onChange={event => {
          setTyped(event.target.value);
          props.onChange(read(event.target.value));
        }}
        onBlur={() => {
          setTyped(undefined);
          props.onLeave?.();
        }}
      />
    </span>
  );
}

function read(typed: string): number {
  return typed.trim() === '' ? NaN : Number(typed);
}

function same(one: number, other: number): boolean {
  return one === other || (Number.isNaN(one) && Number.isNaN(other));
}

/** How the last change went; it is there before there is anything to say, so that it is heard. */
export function Outcome(props: { change: IChange; trans: Trans }): JSX.Element {
  const { outcome, clear } = props.change;
  return (
    <>
      <p
        role="status"
        className={`mj-Endpoint-outcome mj-mod-${outcome?.kind ?? 'none'}`}
      >
        {outcome?.text}
      </p>
      {outcome?.error && (
        <ErrorNote error={outcome.error} trans={props.trans} close={clear} />
      )}
    </>
  );
}
