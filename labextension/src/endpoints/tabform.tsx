import React from 'react';

import { CallForm } from './callform';
import { IControl } from './change';
import { ScaleForm } from './scaleform';
import { TrafficForm } from './trafficform';
import { VersionsForm } from './versions';

export type Tab = 'scale' | 'traffic' | 'versions' | 'call';

/** The form of a tab. */
export default function TabForm(
  props: IControl & {
    tab: Tab;
    /** Why it cannot be called, which needs another right than a change. */
    callOff: string | false;
  }
): JSX.Element {
  const { tab, callOff, ...control } = props;
  switch (tab) {
    case 'scale':
      return <ScaleForm {...control} />;
    case 'traffic':
      return <TrafficForm {...control} />;
    case 'versions':
      return <VersionsForm {...control} />;
    case 'call':
      return <CallForm {...control} off={callOff} />;
  }
}
