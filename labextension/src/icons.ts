import { LabIcon } from '@jupyterlab/ui-components';

/** Three stages and what flows through them. */
export const mlopsIcon = new LabIcon({
  name: '@mlops-jupyter/labextension:mlops',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
  <g class="jp-icon3" fill="#616161">
    <path d="M4 9a3 3 0 1 1 2.8 4A3 3 0 0 1 4 9zm2 0a1 1 0 1 0 2 0 1 1 0 0 0-2 0z" transform="translate(-2 3)"/>
    <path d="M9.5 11h3.2l3.6-4.4 1.5 1.3L14.6 12l3.2 4.1-1.5 1.3-3.6-4.4H9.5z"/>
    <circle cx="19.2" cy="6.2" r="2.3"/>
    <circle cx="19.2" cy="17.8" r="2.3"/>
  </g>
</svg>`
});
