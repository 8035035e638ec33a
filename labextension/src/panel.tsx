/** The sidebar: sections over one store. */

import { ReactWidget } from '@jupyterlab/ui-components';
import React from 'react';

import { Boundary } from './boundary';
import { IViewContext } from './context';
import { mlopsIcon } from './icons';
import { Empty } from './react';
import { Section, SectionId, titleOf } from './section';
import { AuditSection } from './sections/audit';
import { EndpointsSection } from './sections/endpoints';
import { HubSection } from './sections/hub';
import { ModelsSection } from './sections/models';
import { RunsSection } from './sections/runs';
import { SchedulesSection } from './sections/schedules';

export const PANEL_ID = 'mlops-jupyter-panel';

/** From top to bottom. */
const VIEWS: Record<SectionId, (props: IViewContext) => JSX.Element> = {
  endpoints: EndpointsSection,
  models: ModelsSection,
  runs: RunsSection,
  schedules: SchedulesSection,
  audit: AuditSection,
  hub: HubSection
};

export const SECTIONS = Object.keys(VIEWS) as SectionId[];

export class Panel extends ReactWidget {
  constructor(private readonly context: IViewContext) {
    super();
    const { trans } = context;
    this.id = PANEL_ID;
    this.addClass('mj-Panel');
    this.title.icon = mlopsIcon;
    this.title.caption = trans.__(
      'MLOps: endpoints, models, runs, audit history'
    );
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('MLOps'));
  }

  /** Show these; nothing before it is known which are wanted. */
  set sections(sections: readonly SectionId[]) {
    this._sections = sections;
    this.update();
  }

  protected onAfterShow(): void {
    this.update();
  }

  protected onAfterHide(): void {
    this.update();
  }

  /** Nothing while it is hidden, so that nothing is read that nobody sees. */
  protected render(): JSX.Element {
    if (!this.isVisible || this._sections === undefined) {
      return <></>;
    }
    return <Sections {...this.context} sections={this._sections} />;
  }

  private _sections: readonly SectionId[] | undefined;
}

/** One below the other; what fails in one leaves the others as they are. */
export function Sections(
  props: IViewContext & { sections: readonly SectionId[] }
): JSX.Element {
  const { sections, ...context } = props;
  const { store, trans, state } = context;
  if (!sections.length) {
    return (
      <Empty>
        {trans.__('The settings of MLOps hide all sections of this sidebar.')}
      </Empty>
    );
  }
  return (
    <>
      {sections.map(id => {
        const View = VIEWS[id];
        return (
          <Boundary
            key={id}
            name={titleOf(id, trans)}
            trans={trans}
            onRetry={() => store.forgetAll()}
            frame={note => (
              <Section id={id} trans={trans} state={state}>
                {note}
              </Section>
            )}
          >
            <View {...context} />
          </Boundary>
        );
      })}
    </>
  );
}
