import { ReactWidget } from '@jupyterlab/ui-components';
import { ISignal, Signal } from '@lumino/signaling';
import React from 'react';

import { Boundary } from '../boundary';
import { IViewContext } from '../context';
import { Loading } from '../react';
import { IAsked } from './asked';

// most pages never open it
const ExplorerView = React.lazy(async () => ({
  default: (await import('./explorerview')).ExplorerView
}));

/** The tab's content; remembers what is asked for and which record is open. */
export class Explorer extends ReactWidget {
  constructor(
    private readonly context: Omit<IViewContext, 'state'>,
    asked: IAsked
  ) {
    super();
    this._asked = asked;
    this.addClass('mj-ExplorerWidget');
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
    const { store, trans } = this.context;
    return (
      <Boundary
        name={trans.__('Audit history')}
        trans={trans}
        onRetry={() => store.forgetAll()}
      >
        <React.Suspense
          fallback={<Loading trans={trans} what={trans.__('Loading…')} />}
        >
          <ExplorerView
            {...this.context}
            asked={this._asked}
            opened={this._opened}
            ask={this.ask}
            open={this.open}
          />
        </React.Suspense>
      </Boundary>
    );
  }

  private readonly _changed = new Signal<this, void>(this);
  private _asked: IAsked;
  private _opened: string | null = null;
}
