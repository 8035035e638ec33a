import { Token } from '@lumino/coreutils';

import { Trans } from './react';
import { Store } from './store';

/** What our plugins share. */
export interface IMlops {
  store: Store;
  trans: Trans;
}

export const IMlops = new Token<IMlops>(
  '@mlops-jupyter/labextension:IMlops',
  'The endpoints, models and audit records of the user’s hub.'
);
