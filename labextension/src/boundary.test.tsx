import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import React from 'react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { trans } from '../test/samples';
import { Boundary } from './boundary';

/** happy-dom's own switches. */
const { settings } = (
  window as unknown as {
    happyDOM: { settings: { disableErrorCapturing: boolean } };
  }
).happyDOM;

beforeEach(() => {
  // as in a browser: what a listener throws does not reach who sent the event, as React relies on
  settings.disableErrorCapturing = false;
  // React tells of each error that a boundary catches
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
});
afterEach(() => {
  cleanup();
  settings.disableErrorCapturing = true;
  vi.restoreAllMocks();
});

function Odd(props: { thrown: () => unknown }): JSX.Element {
  const { thrown } = props;
  React.useEffect(() => {
    const odd = thrown();
    if (odd) {
      throw odd;
    }
  }, [thrown]);
  return <p>fine</p>;
}

it('catches what an effect throws, leaves what is around, and tries again', () => {
  const thrown = vi.fn((): unknown => new Error('a<b>\u202e'));
  const onRetry = vi.fn(() => thrown.mockReturnValue(undefined));
  render(
    <>
      <p>around</p>
      <Boundary name="Models" trans={trans} onRetry={onRetry}>
        <Odd thrown={thrown} />
      </Boundary>
    </>
  );
  screen.getByText('around');
  expect(screen.queryByText('fine')).toBeNull();
  const said = screen.getByRole('alert').textContent;
  expect(said).toContain('“Models” cannot be shown.');
  expect(said).toContain('a<b>\\u202e');
  fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
  expect(onRetry).toHaveBeenCalledOnce();
  screen.getByText('fine');
});
