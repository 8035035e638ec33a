import { Time } from '@jupyterlab/coreutils';

/** A moment as the clocks of a zone show it. */
export function inZone(seconds: number, zone: string): string {
  const moment = new Date(seconds * 1000);
  const language = document.documentElement.lang || undefined;
  try {
    return moment.toLocaleString(language, {
      timeZone: zone,
      dateStyle: 'medium',
      // a start that jitter puts off is not on the minute
      timeStyle: seconds % 60 ? 'medium' : 'short'
    });
  } catch {
    // a zone that the hub knows and this browser does not
    return Time.format(moment);
  }
}
