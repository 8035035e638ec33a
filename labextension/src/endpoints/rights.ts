/** Who may do what, as a reason why a control is off. */

import { IStatus, Right } from '../api';
import { Trans } from '../react';

/** Why a control that needs `right` is off; false when it is on. */
export function refusal(
  status: IStatus | undefined,
  right: Right,
  trans: Trans
): string | false {
  if (status === undefined) {
    return trans.__('It is not yet known what you may do here.');
  }
  if (status.rights.includes(right)) {
    return false;
  }
  switch (right) {
    case 'deploy':
      return trans.__(
        'You may look at endpoints but not change them: you lack the right to deploy.'
      );
    case 'invoke':
      return trans.__(
        'You may look at endpoints but not call them: you lack the right to invoke.'
      );
    case 'run':
      return trans.__(
        'You may look at runs but not start or end them: you lack the right to run.'
      );
    default:
      return trans.__('You lack the right “%1”.', right);
  }
}
