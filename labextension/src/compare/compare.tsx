import { ReactWidget } from '@jupyterlab/ui-components';
import React from 'react';

import { Boundary } from '../boundary';
import { IViewContext } from '../context';
import { CompareView } from './compareview';

/** A tab's content that compares two runs. */
export class Compare extends ReactWidget {
  constructor(
    private readonly context: Pick<IViewContext, 'store' | 'trans'>,
    private readonly first: string,
    private readonly second: string
  ) {
    super();
    this.addClass('mj-CompareWidget');
  }

  protected render(): JSX.Element {
    const { trans } = this.context;
    return (
      <Boundary name={trans.__('Comparison of two runs')} trans={trans}>
        <CompareView
          {...this.context}
          first={this.first}
          second={this.second}
        />
      </Boundary>
    );
  }
}
