/** What a kernel printed, as lines that can be shown. */

import { plain } from '../react';

const ESCAPES =
  // eslint-disable-next-line no-control-regex
  /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g;
/** Characters of one line that are shown. */
const MOST_LINE = 2000;

/** Lines without colours; of what was written over in a line only the last stays. */
export function linesOf(text: string): string[] {
  return text
    .replace(ESCAPES, '')
    .replace(/\r+\n/g, '\n')
    .split('\n')
    .map(line => line.replace(/\r+$/, ''))
    .map(line => line.slice(line.lastIndexOf('\r') + 1))
    .map(line => plain(line.replace(/\t/g, '    '), MOST_LINE));
}

/** The same as one text. */
export function printed(text: string): string {
  return linesOf(text).join('\n');
}
