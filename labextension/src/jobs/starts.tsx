import React from 'react';

import { ApiError } from '../api';
import { plain, Trans } from '../react';
import { RunApi } from '../runs/api';
import { ICronStarts } from '../runs/types';
import { formatSeconds } from '../runs/words';
import { inZone } from '../schedules/inzone';
import { asApiError } from '../value';
import { IScheduleDraft } from './draft';

/** Who types is asked for after a pause. */
const PAUSE_MS = 250;

export type ReadStarts = RunApi['cronStarts'];

interface IStarts {
  found?: ICronStarts;
  error?: ApiError;
}

/** When the rule that is typed would start something; nothing while it is `wrong`. */
export function useStarts(
  read: ReadStarts,
  draft: IScheduleDraft,
  wrong: boolean
): IStarts {
  const { cron, zone, name, jitter } = draft;
  const [starts, setStarts] = React.useState<IStarts>({});
  React.useEffect(() => {
    let gone = false;
    const ask = async (): Promise<void> => {
      let said: IStarts;
      try {
        const found = await read({
          cron: cron.trim(),
          time_zone: zone.trim(),
          name,
          jitter_seconds: Number(jitter)
        });
        said = { found };
      } catch (thrown) {
        said = { error: asApiError(thrown) };
      }
      if (!gone) {
        setStarts(said);
      }
    };
    setStarts({});
    const timer = wrong
      ? undefined
      : window.setTimeout(() => void ask(), PAUSE_MS);
    return () => {
      gone = true;
      window.clearTimeout(timer);
    };
  }, [read, cron, zone, name, jitter, wrong]);
  return starts;
}

/** The next starts, as the clocks of the rule's zone show them. */
export function Starts(props: {
  starts: IStarts;
  zone: string;
  trans: Trans;
}): JSX.Element {
  const { starts, zone, trans } = props;
  const { found } = starts;
  return (
    <div className="mj-Job-starts" role="status">
      {found !== undefined && (
        <>
          <p>
            {found.starts.length
              ? trans.__('Next starts, %1', plain(zone, 60))
              : trans.__('It never starts anything.')}
            {found.offset_seconds > 0 &&
              ' ' +
                trans.__(
                  '(%1 of jitter are in them)',
                  formatSeconds(found.offset_seconds, trans)
                )}
          </p>
          <ol aria-label={trans.__('Next starts')}>
            {found.starts.map(at => (
              <li key={at}>{inZone(at, zone)}</li>
            ))}
          </ol>
        </>
      )}
    </div>
  );
}
