import React from 'react';

import { Text, Trans } from '../react';

/** Facts of two runs by their names; what differs is marked. */
export function FactTable(props: {
  title: string;
  left: Record<string, string>;
  right: Record<string, string>;
  trans: Trans;
}): JSX.Element | null {
  const { title, left, right, trans } = props;
  const names = [...new Set([...Object.keys(left), ...Object.keys(right)])];
  if (!names.length) {
    return null;
  }
  return (
    <section className="mj-Compare-facts">
      <h3>{title}</h3>
      <table>
        <thead>
          <tr>
            <th scope="col">{trans.__('Name')}</th>
            <th scope="col">{trans.__('First')}</th>
            <th scope="col">{trans.__('Second')}</th>
          </tr>
        </thead>
        <tbody>
          {names.map(name => {
            const differs = left[name] !== right[name];
            return (
              <tr key={name} className={differs ? 'mj-mod-differs' : undefined}>
                <th scope="row">
                  <Text most={60}>{name}</Text>
                </th>
                {[left[name], right[name]].map((value, side) => (
                  <td key={side}>
                    {value === undefined ? (
                      '–'
                    ) : differs ? (
                      <mark>
                        <Text most={200}>{value}</Text>
                      </mark>
                    ) : (
                      <Text most={200}>{value}</Text>
                    )}
                  </td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
    </section>
  );
}
