import React from 'react';

import { IViewContext } from '../context';
import { lazily } from '../lazy';
import { Section } from '../section';

const Runs = lazily(() => import('../runs/runs'));

/** The runs of notebooks and their sweeps, newest first, as they go on. */
export function RunsSection(props: IViewContext): JSX.Element {
  return (
    <Section id="runs" trans={props.trans} state={props.state}>
      <Runs {...props} />
    </Section>
  );
}
