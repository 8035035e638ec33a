import { showErrorMessage } from '@jupyterlab/apputils';

import { plain, Trans } from '../react';
import { asApiError } from '../value';

/** Do it; what goes wrong is said in a dialog, since a command may be run where no view is. */
export async function telling<T>(
  trans: Trans,
  act: () => Promise<T>
): Promise<T | undefined> {
  try {
    return await act();
  } catch (thrown) {
    const { message, reason, fix } = asApiError(thrown);
    const parts = [message, reason, fix].filter(part => part);
    await showErrorMessage(
      trans.__('MLOps'),
      parts.map(part => plain(part, 500)).join(' ')
    );
    return undefined;
  }
}
