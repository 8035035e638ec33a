/** Handing things over to the reader. */

import { Clipboard } from '@jupyterlab/apputils';

/** Milliseconds that the browser has to begin the download. */
const KEEP = 60_000;

/** Have the browser save a file; whatever is in it, it is never opened as a page. */
export function saveBlob(blob: Blob, name: string): void {
  const file = new Blob([blob], { type: 'application/octet-stream' });
  const url = URL.createObjectURL(file);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(url), KEEP);
}

export function copyText(text: string): void {
  Clipboard.copyToSystem(text);
}
