import React from 'react';

import { Api } from '../api';
import { Trans } from '../react';
import { filterOf, IAsked } from './asked';

const FORMATS = [
  ['jsonl', 'JSON Lines'],
  ['csv', 'CSV'],
  ['parquet', 'Parquet']
] as const;

/** Downloads of all records that fit, not only of those that are loaded. */
export function ExportLinks(props: {
  api: Pick<Api, 'exportUrl'>;
  asked: IAsked;
  trans: Trans;
}): JSX.Element {
  const { api, asked, trans } = props;
  return (
    <span className="mj-Export" role="group" aria-label={trans.__('Export')}>
      <span>{trans.__('Export:')}</span>
      {FORMATS.map(([format, name]) => (
        <a
          key={format}
          className="mj-Button"
          href={api.exportUrl(filterOf(asked, Date.now()), format)}
          download={`audit.${format}`}
          title={trans.__('All records that fit the filter, as %1', name)}
          onClick={event => {
            // "the last hour" is counted from the click
            const now = filterOf(asked, Date.now());
            event.currentTarget.href = api.exportUrl(now, format);
          }}
        >
          {name}
        </a>
      ))}
    </span>
  );
}
