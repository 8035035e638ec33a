import React from 'react';

import { IViewContext } from '../context';
import { lazily } from '../lazy';
import { Section } from '../section';

const Schedules = lazily(() => import('../schedules/schedules'));

/** The rules that start runs. */
export function SchedulesSection(props: IViewContext): JSX.Element {
  return (
    <Section id="schedules" trans={props.trans} state={props.state}>
      <Schedules {...props} />
    </Section>
  );
}
