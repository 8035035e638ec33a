import { Kernel } from '@jupyterlab/services';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { version } from '../../test/samples';
import { deployCell, knowsMagics, modelsOf } from './deploycell';

afterEach(() => vi.useRealTimers());

/** A kernel whose answer to the expression is this; undefined never answers. */
function kernel(said: unknown): {
  kernel: Kernel.IKernelConnection;
  asked: Record<string, unknown>[];
  dispose: () => void;
} {
  const asked: Record<string, unknown>[] = [];
  const dispose = vi.fn();
  return {
    asked,
    dispose,
    kernel: {
      requestExecute: (content: Record<string, unknown>) => {
        asked.push(content);
        return {
          dispose,
          done:
            said === undefined
              ? new Promise(() => undefined)
              : Promise.resolve({ content: said })
        };
      }
    } as unknown as Kernel.IKernelConnection
  };
}

const answer = (text: string) => ({
  status: 'ok',
  user_expressions: { loaded: { data: { 'text/plain': text } } }
});

describe('asking the kernel', () => {
  it('runs no code, keeps no history and stops nothing', async () => {
    const { kernel: one, asked } = kernel(answer('True'));
    expect(await knowsMagics(one)).toBe(true);
    expect(asked).toMatchObject([
      { code: '', silent: true, store_history: false, stop_on_error: false }
    ]);
  });

  it('hears that the magics are not loaded', async () => {
    expect(await knowsMagics(kernel(answer('False')).kernel)).toBe(false);
  });

  it.each([
    ['an error', { status: 'error', ename: 'x', evalue: '', traceback: [] }],
    ['nothing', { status: 'ok', user_expressions: {} }],
    ['something else', answer('"<b>True</b>"')]
  ])('learns nothing from %s', async (_, said) => {
    expect(await knowsMagics(kernel(said).kernel)).toBeUndefined();
  });

  it('does not wait for a kernel that is busy', async () => {
    vi.useFakeTimers();
    const { kernel: busy, dispose } = kernel(undefined);
    const known = knowsMagics(busy);
    await vi.runAllTimersAsync();
    expect(await known).toBeUndefined();
    expect(dispose).toHaveBeenCalledOnce();
  });
});

describe('the cell', () => {
  it('deploys the models of this notebook, each once, in their order', () => {
    const own = { notebook: 'nb/a.ipynb' };
    const models = modelsOf(
      [
        version('late', 1, own, 30),
        version('churn', 2, own, 40),
        version('churn', 1, own, 10),
        version('other', 1, { notebook: 'nb/b.ipynb' }, 20),
        version('unknown', 1)
      ],
      'nb/a.ipynb'
    );
    expect(models).toEqual(['churn', 'late']);
    expect(deployCell(models, true)).toBe('%deploy churn\n%deploy late');
  });

  it('loads the magics first where the kernel has not', () => {
    expect(deployCell(['churn'], false)).toBe(
      '%load_ext mlops_jupyter\n%deploy churn'
    );
    expect(deployCell(['churn'], undefined)).toBe('%deploy churn');
  });
});
