import React from 'react';

import { formatBytes } from '../hub/format';
import { Button, Text, Trans, useNow } from '../react';
import { ICell } from './types';
import { cellWord, formatSeconds } from './words';

/** So many cells are shown at first, and with each "Show more". */
const STEP = 30;

/** The code cells of a run, in their order. */
export function CellList(props: {
  cells: ICell[];
  trans: Trans;
}): JSX.Element | null {
  const { cells, trans } = props;
  const [shown, setShown] = React.useState(STEP);
  if (!cells.length) {
    return null;
  }
  return (
    <>
      <ol className="mj-Run-cells" aria-label={trans.__('Cells')}>
        {cells.slice(0, shown).map(cell => (
          <Cell key={cell.index} cell={cell} trans={trans} />
        ))}
      </ol>
      {cells.length > shown && (
        <Button
          kind="link"
          label={trans._n(
            'Show %1 more cell',
            'Show %1 more cells',
            cells.length - shown
          )}
          onClick={() => setShown(shown + 10 * STEP)}
        />
      )}
    </>
  );
}

function Cell(props: { cell: ICell; trans: Trans }): JSX.Element {
  const { cell, trans } = props;
  return (
    <li className={`mj-Run-cells-item mj-mod-${cell.state}`}>
      <Text most={60}>{cell.title || trans.__('(no title)')}</Text>
      <span className="mj-Run-cells-state">
        {cellWord(cell.state, trans)}
        {cell.peak_bytes !== null && <> · {formatBytes(cell.peak_bytes)}</>}
        <Seconds cell={cell} trans={trans} />
      </span>
    </li>
  );
}

function Seconds(props: { cell: ICell; trans: Trans }): JSX.Element | null {
  const { cell, trans } = props;
  const going = cell.state === 'running' && cell.started_at !== null;
  if (going) {
    return (
      <>
        {' · '}
        <Elapsed since={cell.started_at!} trans={trans} />
      </>
    );
  }
  return cell.seconds === null ? null : (
    <> · {formatSeconds(cell.seconds, trans)}</>
  );
}

function Elapsed(props: { since: number; trans: Trans }): JSX.Element {
  const now = useNow(1);
  return <>{formatSeconds(now / 1000 - props.since, props.trans)}</>;
}
