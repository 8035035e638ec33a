/** Parts that the user may do without. */

import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IDisposable } from '@lumino/disposable';

import { SectionId } from '../section';

const SETTINGS = '@mlops-jupyter/labextension:panel';

export type Part =
  'statusBar' | 'launcher' | 'running' | 'versionCheck' | `${SectionId}Section`;

/** Tell what the settings want, now and after each change; where there are no settings, all. */
export async function followSettings(
  registry: ISettingRegistry | null,
  tell: (wants: (part: Part) => boolean) => void
): Promise<void> {
  let settings: ISettingRegistry.ISettings | undefined;
  try {
    settings = await registry?.load(SETTINGS);
  } catch {
    // a server without our schema is no reason to hide anything
  }
  const read = (): void => tell(part => settings?.composite[part] !== false);
  settings?.changed.connect(read);
  read();
}

/** Have the part while the settings want it. */
export async function whileShown(
  registry: ISettingRegistry | null,
  part: Part,
  show: () => IDisposable
): Promise<void> {
  let shown: IDisposable | undefined;
  await followSettings(registry, wants => {
    if (wants(part)) {
      shown ??= show();
    } else {
      shown?.dispose();
      shown = undefined;
    }
  });
}
