import React from 'react';

import { Button, Trans } from '../react';
import { RecordList } from './recordlist';

/** Tells that there is something newer than what is shown. */
export function NewerButton(props: {
  list: RecordList;
  trans: Trans;
}): JSX.Element {
  const { list, trans } = props;
  const count = list.manyNewer ? `${list.newer}+` : String(list.newer);
  return (
    <div className="mj-Newer" role="status">
      {list.newer > 0 && (
        <Button
          label={trans.__('%1 new', count)}
          kind="accept"
          onClick={() => list.showNewer()}
        />
      )}
    </div>
  );
}
