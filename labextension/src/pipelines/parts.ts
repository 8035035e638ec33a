/** All that other views show of pipelines; one file, since a page's first load pays for each. */

// most pages never need them
import '../../style/pipelines.css';

export { Pipeline as default } from './pipeline';
export { RunTree } from './runtree';
export { VersionGraph } from './versiongraph';
