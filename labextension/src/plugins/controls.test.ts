import { INotebookTracker } from '@jupyterlab/notebook';
import { JupyterFrontEnd } from '@jupyterlab/application';
import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';
import { describe, expect, it, vi } from 'vitest';

import { IMlops } from '../tokens';
import { controls } from './controls';

const SLIDER =
  '<div class="widget-slider"><label class="widget-label" title="per cent of version 1">' +
  'version 1</label><div class="noUi-handle" role="slider"></div></div>';

interface INotebook {
  content: Widget;
}

/** A notebook in which the plugin has its eye on controls; `early` before the plugin is there. */
function notebook({ early = false } = {}): Widget {
  const content = new Widget();
  const open: INotebook[] = early ? [{ content }] : [];
  const widgetAdded = new Signal<object, INotebook>({});
  const tracker = { widgetAdded, forEach: open.forEach.bind(open) };
  void controls.activate(
    {} as JupyterFrontEnd,
    {} as IMlops,
    tracker as unknown as INotebookTracker
  );
  if (!early) {
    widgetAdded.emit({ content });
  }
  return content;
}

function add(to: Widget, markup: string): Element {
  const output = document.createElement('div');
  output.innerHTML = markup;
  to.node.append(output);
  return output.querySelector('.noUi-handle')!;
}

const turn = async () => {
  await import('../controls');
  await new Promise(resolve => setTimeout(resolve));
};

describe('sliders in a notebook', () => {
  it.each([true, false])('get the name of their label', async early => {
    const shares = `<div class="mj-shares">${SLIDER}</div>`;
    const handle = add(notebook({ early }), shares);
    await vi.waitFor(() =>
      expect(handle.getAttribute('aria-label')).toBe('per cent of version 1')
    );
  });

  it('of others are left alone', async () => {
    const content = notebook();
    await turn();
    const handle = add(content, SLIDER);
    await turn();
    expect(handle.hasAttribute('aria-label')).toBe(false);
  });

  it('are looked for as long as the notebook is there', async () => {
    const content = notebook();
    await turn();
    content.dispose();
    const handle = add(content, `<div class="mj-shares">${SLIDER}</div>`);
    await turn();
    expect(handle.hasAttribute('aria-label')).toBe(false);
  });
});

describe('keys in a notebook', () => {
  /** Whether JupyterLab hears of a key that is pressed in the first element of some markup. */
  async function heard(
    markup: string,
    press: KeyboardEventInit
  ): Promise<boolean> {
    const content = notebook();
    await turn();
    add(content, markup);
    const lab = vi.fn();
    document.body.append(content.node);
    document.addEventListener('keydown', lab);
    content.node
      .querySelector('select, input')!
      .dispatchEvent(new KeyboardEvent('keydown', { bubbles: true, ...press }));
    document.removeEventListener('keydown', lab);
    content.node.remove();
    return lab.mock.calls.length > 0;
  }
  const RECORDS = '<div class="mj-records"><select size="9"></select></div>';

  it.each(['ArrowDown', 'ArrowUp', 'Home', 'End', 'PageDown'])(
    'move through the records: %s',
    async key => {
      expect(await heard(RECORDS, { key })).toBe(false);
    }
  );

  it('that do more than move are left to JupyterLab', async () => {
    expect(await heard(RECORDS, { key: 's', ctrlKey: true })).toBe(true);
    expect(await heard(RECORDS, { key: 'ArrowDown', altKey: true })).toBe(true);
  });

  it('in the widgets of others are left to JupyterLab', async () => {
    const theirs = '<div><select size="9"></select></div>';
    expect(await heard(theirs, { key: 'ArrowDown' })).toBe(true);
  });
});
