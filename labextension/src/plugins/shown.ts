/** Parts that the user may do without. */

import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IDisposable } from '@lumino/disposable';

const SETTINGS = '@mlops-jupyter/labextension:panel';

export type Part = 'statusBar' | 'launcher' | 'running' | 'versionCheck';

/** Have the part while the settings want it; where there are no settings, always. */
export async function whileShown(
  registry: ISettingRegistry | null,
  part: Part,
  show: () => IDisposable
): Promise<void> {
  let shown: IDisposable | undefined;
  const follow = (wanted: boolean): void => {
    if (wanted) {
      shown ??= show();
    } else {
      shown?.dispose();
      shown = undefined;
    }
  };
  try {
    const settings = await registry?.load(SETTINGS);
    settings?.changed.connect(({ composite }) => {
      follow(composite[part] !== false);
    });
    follow(settings?.composite[part] !== false);
  } catch {
    // a server without our schema is no reason to hide anything
    follow(true);
  }
}
