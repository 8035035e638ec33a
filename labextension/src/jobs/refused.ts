/** Which field of the form a refusal is about. */

import { ApiError } from '../api';
import { Trans } from '../react';
import { INotebook } from '../runs/types';
import { Problems } from './draft';

const FIELDS: Record<string, string> = {
  invalid_cron: 'cron',
  never_fires: 'cron',
  unknown_time_zone: 'zone'
};
const OF_PARAMETERS = ['wrong_type', 'missing_parameter', 'unwritable_value'];

/** What the hub refuses as a problem of a field; empty where it is about none, or not known. */
export function problemsIn(
  error: ApiError | undefined,
  parameters: INotebook['parameters'],
  named: boolean,
  trans: Trans
): Problems {
  if (error === undefined) {
    return {};
  }
  if (error.code === 'revision_conflict' && !named) {
    return { name: trans.__('There is a schedule of this name already.') };
  }
  const said = [error.message, error.fix].filter(part => part).join(' ');
  if (error.code in FIELDS) {
    return { [FIELDS[error.code]]: said };
  }
  if (OF_PARAMETERS.includes(error.code)) {
    const found = parameters.find(({ name }) =>
      error.message.includes(`'${name}'`)
    );
    return found === undefined ? {} : { [`parameter:${found.name}`]: said };
  }
  return {};
}
