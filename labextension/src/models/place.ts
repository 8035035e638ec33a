/** Where a notebook that a record names lies, as this Jupyter server sees it. */

import { PageConfig } from '@jupyterlab/coreutils';

import { Trans } from '../react';

/** Jupyter writes the user's home as this in the root's path, and does not say what it stands for. */
const HOME = '~';

/**
 * The path below the server's root, or null when it lies elsewhere.
 *
 * @param path - as recorded: absolute, or already below the root
 * @param roots - what is known of the server's root; may begin with `~`
 */
export function servedPath(
  path: string,
  roots: string[] = serverRoots()
): string | null {
  const whole = path.replace(/\\/g, '/');
  if (whole.split('/').includes('..')) {
    return null;
  }
  if (!/^([A-Za-z]:)?\//.test(whole)) {
    return whole;
  }
  for (const root of roots) {
    const served = below(whole, root.replace(/\\/g, '/').replace(/\/+$/, ''));
    if (served) {
      return served;
    }
  }
  return null;
}

function below(path: string, root: string): string | undefined {
  if (!root.startsWith(`${HOME}/`)) {
    return path.startsWith(`${root}/`)
      ? path.slice(root.length + 1)
      : undefined;
  }
  const tail = `${root.slice(HOME.length)}/`;
  const at = path.indexOf(tail);
  return at > 0 ? path.slice(at + tail.length) : undefined;
}

/** The whole path of what lies below the server's root; null where it is not known which that is. */
export function wholePath(
  path: string,
  roots: string[] = serverRoots()
): string | null {
  const root = roots.find(one => /^([A-Za-z]:)?\//.test(one));
  return root === undefined ? null : `${root.replace(/\/+$/, '')}/${path}`;
}

/** Lab knows the root with the home left out; both Lab and Notebook know it whole by its URI. */
function serverRoots(): string[] {
  const uri = PageConfig.getOption('rootUri');
  const whole = uri.startsWith('file://')
    ? decodeURIComponent(new URL(uri).pathname).replace(/^\/(?=[a-z]:)/i, '')
    : '';
  return [whole, PageConfig.getOption('serverRoot')].filter(
    root => root !== ''
  );
}

/** Why a notebook cannot be opened from here; false when it can. */
export function unreachable(path: string, trans: Trans): string | false {
  if (!path.endsWith('.ipynb')) {
    return trans.__('This is not a notebook.');
  }
  return (
    servedPath(path) === null &&
    trans.__(
      'It lies outside the folder that this Jupyter server shows, so it cannot be opened from here.'
    )
  );
}
