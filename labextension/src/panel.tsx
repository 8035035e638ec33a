/** The sidebar: four sections over one store. */

import { ReactWidget } from '@jupyterlab/ui-components';
import React from 'react';

import { IViewContext } from './context';
import { AuditSection } from './sections/audit';
import { EndpointsSection } from './sections/endpoints';
import { HubSection } from './sections/hub';
import { ModelsSection } from './sections/models';
import { mlopsIcon } from './icons';

export const PANEL_ID = 'mlops-jupyter-panel';

export class Panel extends ReactWidget {
  constructor(private readonly context: IViewContext) {
    super();
    const { trans } = context;
    this.id = PANEL_ID;
    this.addClass('mj-Panel');
    this.title.icon = mlopsIcon;
    this.title.caption = trans.__('MLOps: endpoints, models, audit history');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('MLOps'));
  }

  protected onAfterShow(): void {
    this.update();
  }

  protected onAfterHide(): void {
    this.update();
  }

  /** Nothing while it is hidden, so that nothing is read that nobody sees. */
  protected render(): JSX.Element {
    if (!this.isVisible) {
      return <></>;
    }
    return (
      <>
        <EndpointsSection {...this.context} />
        <ModelsSection {...this.context} />
        <AuditSection {...this.context} />
        <HubSection {...this.context} />
      </>
    );
  }
}
