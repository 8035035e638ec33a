/** What the controls in a notebook lack: names of sliders, and the keys that move through a list. */

import { Widget } from '@lumino/widgets';

/** The list of records and the choice of a scaling design. */
const WALKED = '.mj-records, .mj-mode';
const WALKING = [
  'ArrowDown',
  'ArrowUp',
  'ArrowLeft',
  'ArrowRight',
  'Home',
  'End',
  'PageDown',
  'PageUp'
];

/** Make our controls in a notebook usable without a mouse and without seeing them. */
export function watchControls(notebook: Widget): void {
  if (notebook.isDisposed) {
    return;
  }
  const observer = new MutationObserver(changes => {
    if (changes.some(addsSlider)) {
      nameSliders(notebook.node);
    }
  });
  observer.observe(notebook.node, { childList: true, subtree: true });
  notebook.node.addEventListener('keydown', keepKey);
  notebook.disposed.connect(() => {
    observer.disconnect();
    notebook.node.removeEventListener('keydown', keepKey);
  });
  nameSliders(notebook.node);
}

/** JupyterLab would move to another cell: its shortcuts spare what is typed into, but no lists. */
function keepKey(event: KeyboardEvent): void {
  const changed =
    event.ctrlKey || event.metaKey || event.altKey || event.shiftKey;
  if (
    !changed &&
    WALKING.includes(event.key) &&
    event.target instanceof Element &&
    event.target.closest(WALKED) !== null
  ) {
    event.stopPropagation();
  }
}

function addsSlider({ addedNodes }: MutationRecord): boolean {
  return [...addedNodes].some(
    node =>
      node instanceof Element &&
      (node.matches('.noUi-handle') ||
        node.querySelector('.noUi-handle') !== null)
  );
}

/** They have a label beside them, but none to be read out. */
function nameSliders(root: ParentNode): void {
  for (const handle of root.querySelectorAll('.mj-shares .noUi-handle')) {
    const label = handle
      .closest('.widget-slider')
      ?.querySelector<HTMLElement>('.widget-label');
    handle.setAttribute('aria-label', label?.title || label?.textContent || '');
  }
}
