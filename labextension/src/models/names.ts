/** Names as the hub takes them. */

import { Trans } from '../react';

const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;

/** What is wrong with a name of an endpoint, in a sentence; empty when nothing is. */
export function problemOfName(name: string, trans: Trans): string {
  if (name === '') {
    return trans.__('The endpoint needs a name.');
  }
  if (!NAME.test(name) || name.includes('..')) {
    return trans.__(
      'A name has lower-case letters, digits, “.”, “_” and “-”, at most 63, and begins with a letter or digit.'
    );
  }
  return '';
}
