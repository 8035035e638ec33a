import React from 'react';

import { Loading, Trans } from './react';

/** A part that comes when it is first shown, so that the page itself stays small. */
export function lazily<P extends { trans: Trans }>(
  load: () => Promise<{ default: (props: P) => JSX.Element | null }>
): (props: P) => JSX.Element {
  const Part = React.lazy(load) as unknown as React.FunctionComponent<P>;
  return props => (
    <React.Suspense
      fallback={
        <Loading trans={props.trans} what={props.trans.__('Loading…')} />
      }
    >
      <Part {...props} />
    </React.Suspense>
  );
}
