import React from 'react';

import { Api, ApiError, IContent, IRecord } from '../api';
import { formatBytes } from '../hub/format';
import { Button, ErrorNote, Loading, Text, Trans } from '../react';
import { asApiError } from '../value';
import { IPreview, mostOf, preview } from './payloadtext';
import { saveBlob } from './save';

/** What went in or came out; read on a click only, because the reading is recorded. */
export function Payload(props: {
  record: IRecord;
  side: 'input' | 'output';
  api: Pick<Api, 'payload'>;
  trans: Trans;
}): JSX.Element {
  const { record, side, trans } = props;
  const [content, setContent] = React.useState<IContent>();
  const [error, setError] = React.useState<ApiError>();
  const [loading, setLoading] = React.useState(false);
  const said = record[side];
  const title = side === 'input' ? trans.__('Request') : trans.__('Answer');

  const load = () => {
    setLoading(true);
    setError(undefined);
    props.api
      .payload(record.id, side)
      .then(setContent, (reason: unknown) => setError(asApiError(reason)))
      .finally(() => setLoading(false));
  };
  return (
    <section className="mj-Payload" aria-label={title}>
      <h3>
        {title}
        {said && (
          <span className="mj-Payload-facts">
            {typeof said.bytes === 'number' && formatBytes(said.bytes)}{' '}
            {said.type && <Text most={60}>{String(said.type)}</Text>}
          </span>
        )}
      </h3>
      {!said && <p className="mj-Quiet">{trans.__('There is none.')}</p>}
      {said && said.ref === undefined && (
        <p className="mj-Quiet">
          {trans.__(
            'Not kept: the endpoint records only digests (audit level “metadata”).'
          )}
        </p>
      )}
      {said?.ref !== undefined && !content && !loading && (
        <p className="mj-Quiet">
          <Button
            label={
              side === 'input'
                ? trans.__('Read the request')
                : trans.__('Read the answer')
            }
            onClick={load}
          />{' '}
          {trans.__('Reading it is recorded in the history.')}
        </p>
      )}
      {loading && <Loading trans={trans} what={trans.__('Reading…')} />}
      {error && <ErrorNote error={error} trans={trans} retry={load} />}
      {content && (
        <Content
          content={content}
          name={`${record.id}-${side}`}
          title={title}
          trans={trans}
        />
      )}
    </section>
  );
}

function Content(props: {
  content: IContent;
  name: string;
  title: string;
  trans: Trans;
}): JSX.Element {
  const { content, trans } = props;
  const { blob, type } = content;
  const [times, setTimes] = React.useState(1);
  const [shown, setShown] = React.useState<IPreview>();
  React.useEffect(() => {
    let gone = false;
    void preview(blob, type, times).then(made => !gone && setShown(made));
    return () => {
      gone = true;
    };
  }, [blob, type, times]);
  if (!shown) {
    return <Loading trans={trans} what={trans.__('Reading…')} />;
  }
  const cut = shown.shown < blob.size;
  return (
    <>
      {shown.format === 'hex' && (
        <p className="mj-Quiet">{trans.__('Binary, shown in hexadecimal.')}</p>
      )}
      {shown.replaced && (
        <p className="mj-Quiet">
          {trans.__('Some bytes are not UTF-8 and are shown as \ufffd.')}
        </p>
      )}
      {/* one must be able to scroll it with the keyboard */}
      <pre
        className="mj-Payload-text"
        dir="ltr"
        tabIndex={0}
        role="region"
        aria-label={props.title}
      >
        {shown.text}
      </pre>
      <p className="mj-Payload-actions">
        {cut && (
          <span>
            {trans.__(
              'The first %1 of %2.',
              formatBytes(shown.shown),
              formatBytes(blob.size)
            )}
          </span>
        )}
        {cut && shown.shown < mostOf(shown.format) && (
          <Button
            label={trans.__('Show more')}
            onClick={() => setTimes(2 * times)}
          />
        )}
        <Button
          label={trans.__('Download')}
          onClick={() => saveBlob(blob, fileName(props.name, type))}
        />
      </p>
    </>
  );
}

function fileName(name: string, type: string): string {
  const ends: Record<string, string> = {
    'application/json': 'json',
    'text/csv': 'csv',
    'text/plain': 'txt'
  };
  return `${name}.${ends[type.split(';')[0].trim().toLowerCase()] ?? 'bin'}`;
}
