import { nullTranslator } from '@jupyterlab/translation';
import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import React from 'react';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { ApiError } from './api';
import { Button, ErrorNote, plain, Text } from './react';

const trans = nullTranslator.load('mlops_jupyter');
afterEach(cleanup);

describe('text of others', () => {
  it('is never more than text', () => {
    const { container } = render(
      <Text>{'<img src=x onerror=alert(1)> **bold** &amp;'}</Text>
    );
    expect(container.querySelector('img')).toBeNull();
    expect(container.textContent).toBe(
      '<img src=x onerror=alert(1)> **bold** &amp;'
    );
  });

  it('shows characters that would hide or turn what follows', () => {
    expect(plain('a\u202eb\u0000c\u200bd')).toBe('a\\u202eb\\u0000c\\u200bd');
  });

  it('is cut, with more of it in the title', () => {
    const { container } = render(<Text most={5}>{'x'.repeat(10_000)}</Text>);
    expect(container.textContent).toBe('xxxxx…');
    expect(container.firstElementChild?.getAttribute('title')?.length).toBe(
      1001
    );
  });
});

describe('a button', () => {
  it('that is off says why, can be reached, and does nothing', () => {
    const act = vi.fn();
    render(<Button label="Undeploy" disabled="You may not." onClick={act} />);
    const button = screen.getByRole('button', { name: 'Undeploy' });
    fireEvent.click(button);
    expect(act).not.toHaveBeenCalled();
    expect(button.getAttribute('aria-disabled')).toBe('true');
    expect(button.title).toBe('You may not.');
  });

  it('with an icon has a name', () => {
    render(
      <Button label="Refresh" onClick={() => undefined}>
        <svg />
      </Button>
    );
    expect(screen.getByRole('button', { name: 'Refresh' })).toBeTruthy();
  });
});

describe('an error', () => {
  it('says what, why and how to fix, and offers to try again', () => {
    const retry = vi.fn();
    const error = new ApiError(503, 'x', 'What.', 'Why.', 'Fix.');
    render(<ErrorNote error={error} trans={trans} retry={retry} />);
    const note = screen.getByRole('alert');
    for (const part of ['What.', 'Why.', 'Fix.']) {
      expect(note.textContent).toContain(part);
    }
    fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
    expect(retry).toHaveBeenCalledOnce();
  });
});
