import { ITraffic } from '../api';
import { Trans } from '../react';

/** Traffic in a few words. */
export function describeTraffic(traffic: ITraffic, trans: Trans): string {
  const shares = Object.entries(traffic.weights).map(([version, share]) =>
    trans.__('v%1 %2 %', version, share)
  );
  const shadows = traffic.shadows.map(version =>
    trans.__('v%1 as shadow', version)
  );
  return [...shares, ...shadows].join(' · ');
}
