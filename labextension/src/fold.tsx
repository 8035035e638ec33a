import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import React from 'react';

/** Folds what has the id `controls`. */
export function FoldButton(props: {
  open: boolean;
  controls: string;
  onClick: () => void;
  children: React.ReactNode;
}): JSX.Element {
  const Caret = props.open ? caretDownIcon : caretRightIcon;
  return (
    <button
      type="button"
      className="mj-Fold"
      aria-expanded={props.open}
      aria-controls={props.controls}
      onClick={props.onClick}
    >
      <Caret.react tag="span" className="mj-Fold-caret" />
      {props.children}
    </button>
  );
}
