import { ReactWidget } from '@jupyterlab/ui-components';
import { ISignal, Signal } from '@lumino/signaling';
import React from 'react';

import { IViewContext } from '../context';
import { IAsked } from './asked';
import { ExplorerView } from './explorerview';

/** The tab's content; remembers what is asked for and which record is open. */
export class Explorer extends ReactWidget {
  constructor(
    private readonly context: Omit<IViewContext, 'state'>,
    asked: IAsked
  ) {
    super();
    this._asked = asked;
    this.addClass('mj-ExplorerWidget');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', context.trans.__('Audit explorer'));
  }

  /** Emitted when something else is asked for. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get asked(): IAsked {
    return this._asked;
  }

  readonly ask = (asked: IAsked): void => {
    this._asked = asked;
    this._changed.emit();
    this.update();
  };

  /** Show a record by id or index; null closes it. */
  readonly open = (key: string | null): void => {
    this._opened = key;
    this.update();
  };

  protected render(): JSX.Element {
    return (
      <ExplorerView
        {...this.context}
        asked={this._asked}
        opened={this._opened}
        ask={this.ask}
        open={this.open}
      />
    );
  }

  private readonly _changed = new Signal<this, void>(this);
  private _asked: IAsked;
  private _opened: string | null = null;
}
