/** The plugins of the extension, each small and each usable without the others but `core`. */

import { commands } from './plugins/commands';
import { controls } from './plugins/controls';
import { core } from './plugins/core';
import { explorer } from './plugins/explorer';
import { launcher } from './plugins/launcher';
import { panel } from './plugins/panel';
import { running } from './plugins/running';
import { runs } from './plugins/runs';
import { statusbar } from './plugins/statusbar';
import { toolbar } from './plugins/toolbar';
import { versioncheck } from './plugins/versioncheck';

export { IMlops } from './tokens';

export default [
  core,
  panel,
  commands,
  explorer,
  runs,
  statusbar,
  running,
  launcher,
  toolbar,
  controls,
  versioncheck
];
