import React from 'react';

import { plain, Trans } from '../react';
import { align, sideBySide } from './align';

/** Two texts line by line, side by side; what differs is marked, for the ear too. */
export function Difference(props: {
  left: string | undefined;
  right: string | undefined;
  label: string;
  trans: Trans;
}): JSX.Element {
  const { left, right, label, trans } = props;
  const rows = React.useMemo(
    () => sideBySide(align(linesOf(left), linesOf(right))),
    [left, right]
  );
  return (
    <table className="mj-Compare-text" aria-label={label}>
      <tbody>
        {rows.map((row, at) => {
          const differs = row.left !== row.right;
          const mark = (text: string | undefined): string =>
            differs && text !== undefined ? 'mj-mod-differs' : '';
          return (
            <tr key={at}>
              {[row.left, row.right].map((text, side) => (
                <td key={side} className={mark(text)}>
                  {differs && text !== undefined ? (
                    <mark
                      aria-label={trans.__('differs: %1', plain(text, 200))}
                    >
                      {plain(text, 2000)}
                    </mark>
                  ) : (
                    plain(text ?? '', 2000)
                  )}
                </td>
              ))}
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function linesOf(text: string | undefined): string[] {
  return text === undefined || text === '' ? [] : text.split('\n');
}
