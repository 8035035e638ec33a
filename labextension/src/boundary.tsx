/** Keeps what fails in one part of the page from taking the others with it. */

import React from 'react';

import { ApiError } from './api';
import { ErrorNote, Trans } from './react';

interface IBoundary {
  /** What is within, as its heading has it. */
  name: string;
  trans: Trans;
  /** Puts the note where the part was, such as below its heading. */
  frame?: (note: JSX.Element) => JSX.Element;
  /** Done before it is tried again, such as dropping what may be to blame. */
  onRetry?: () => void;
  close?: () => void;
  children: React.ReactNode;
}

interface IState {
  failed: boolean;
  thrown?: unknown;
}

/** A part whose rendering or effects may throw: then a note says so, and lets one try again. */
export class Boundary extends React.Component<IBoundary, IState> {
  state: IState = { failed: false };

  static getDerivedStateFromError(thrown: unknown): IState {
    return { failed: true, thrown };
  }

  render(): React.ReactNode {
    const { name, trans, frame, onRetry, close, children } = this.props;
    if (!this.state.failed) {
      return children;
    }
    const error = new ApiError(
      0,
      'unexpected',
      trans.__('“%1” cannot be shown.', name),
      trans.__(
        'Something unexpected happened in the page: %1',
        String(this.state.thrown).slice(0, 200)
      ),
      trans.__('Try again; if it happens again, reload the page and report it.')
    );
    const note = (
      <ErrorNote
        error={error}
        trans={trans}
        retry={() => {
          onRetry?.();
          this.setState({ failed: false });
        }}
        close={close}
      />
    );
    return frame ? frame(note) : note;
  }
}
