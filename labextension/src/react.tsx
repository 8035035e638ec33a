/** The small parts that all views are made of. */

import { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { Dialog, showDialog } from '@jupyterlab/apputils';
import React from 'react';

import { ApiError } from './api';
import { Value } from './value';

export type Trans = IRenderMime.TranslationBundle;

/** A value's present state; while the component is mounted the value is kept fresh. */
export function useValue<T>(value: Value<T>): {
  value: T | undefined;
  error: ApiError | undefined;
  loading: boolean;
} {
  const [, tick] = React.useReducer((count: number) => count + 1, 0);
  React.useEffect(() => {
    const watching = value.watch();
    value.changed.connect(tick);
    tick();
    return () => {
      value.changed.disconnect(tick);
      watching.dispose();
    };
  }, [value]);
  return { value: value.value, error: value.error, loading: value.loading };
}

/** What changes without an event is read again every `seconds` while it can be seen; never at 0. */
export function useReread(value: Value<unknown>, seconds: number): void {
  React.useEffect(() => {
    if (!seconds) {
      return;
    }
    const timer = window.setInterval(() => {
      if (!document.hidden) {
        value.invalidate();
      }
    }, seconds * 1000);
    return () => window.clearInterval(timer);
  }, [value, seconds]);
}

/** The time, read again every `seconds`; for texts such as "2 minutes ago". */
export function useNow(seconds: number): number {
  const [now, setNow] = React.useState(() => Date.now());
  React.useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), seconds * 1000);
    return () => window.clearInterval(timer);
  }, [seconds]);
  return now;
}

const INVISIBLE =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]/gu;

/** Text with control and direction characters written out, and cut at `most` characters. */
export function plain(text: string, most = 200): string {
  const cut = text.length > most ? `${text.slice(0, most)}…` : text;
  return cut.replace(
    INVISIBLE,
    char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
  );
}

/** Text that somebody else wrote: shown as text, isolated from the direction of what is around. */
export function Text(props: {
  children: string;
  most?: number;
  className?: string;
}): JSX.Element {
  const shown = plain(props.children, props.most ?? 80);
  const whole = plain(props.children, 1000);
  return (
    <bdi
      className={props.className}
      title={shown === whole ? undefined : whole}
    >
      {shown}
    </bdi>
  );
}

/** Something that happens on click; `label` is its text, or its name when `children` is an icon. */
export function Button(props: {
  label: string;
  onClick: () => void;
  children?: React.ReactNode;
  disabled?: string | false;
  kind?: 'accept' | 'warn' | 'icon' | 'link';
  pressed?: boolean;
}): JSX.Element {
  const off = props.disabled !== undefined && props.disabled !== false;
  return (
    <button
      type="button"
      className={`mj-Button mj-mod-${props.kind ?? 'plain'}`}
      aria-label={props.children === undefined ? undefined : props.label}
      aria-pressed={props.pressed}
      aria-disabled={off}
      title={
        off
          ? String(props.disabled)
          : props.children === undefined
            ? undefined
            : props.label
      }
      onClick={() => {
        if (!off) {
          props.onClick();
        }
      }}
    >
      {props.children ?? props.label}
    </button>
  );
}

export function Loading(props: { trans: Trans; what: string }): JSX.Element {
  return (
    <div className="mj-Loading" role="status">
      {props.what}
    </div>
  );
}

/** Nothing to show, and what to do about it. */
export function Empty(props: { children: React.ReactNode }): JSX.Element {
  return <div className="mj-Empty">{props.children}</div>;
}

/** What went wrong, why, how to mend it, and a button to try again. */
export function ErrorNote(props: {
  error: ApiError;
  trans: Trans;
  retry?: () => void;
  close?: () => void;
}): JSX.Element {
  const { error, trans } = props;
  return (
    <div className="mj-Error" role="alert">
      <p className="mj-Error-what">{plain(error.message, 500)}</p>
      {error.reason && <p>{plain(error.reason, 1000)}</p>}
      {error.fix && <p className="mj-Error-fix">{plain(error.fix, 500)}</p>}
      <p className="mj-Error-actions">
        {props.retry && (
          <Button label={trans.__('Try again')} onClick={props.retry} />
        )}
        {props.close && (
          <Button label={trans.__('Dismiss')} onClick={props.close} />
        )}
      </p>
    </div>
  );
}

/** Ask before something that others notice; true when it shall be done. */
export async function confirm(
  trans: Trans,
  title: string,
  body: string,
  accept: string
): Promise<boolean> {
  const answer = await showDialog({
    title,
    body,
    // Enter must not do what cannot be undone
    defaultButton: 0,
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.warnButton({ label: accept })
    ]
  });
  return answer.button.accept;
}
