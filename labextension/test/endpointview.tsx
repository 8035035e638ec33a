/** The section of endpoints over a server of its own, as each test of it starts. */

import { Event } from '@jupyterlab/services';
import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { Signal } from '@lumino/signaling';
import {
  cleanup,
  fireEvent,
  render,
  screen,
  waitFor,
  within
} from '@testing-library/react';
import React from 'react';
import { afterEach, beforeEach, expect } from 'vitest';

import { EndpointsSection } from '../src/sections/endpoints';
import { Store } from '../src/store';
import { EndpointServer } from './endpointserver';

export let server: EndpointServer;
export let store: Store;
export let commands: CommandRegistry;

beforeEach(() => {
  server = new EndpointServer();
  commands = new CommandRegistry();
  const stream = new Signal<object, Event.Emission>({});
  store = new Store(server.api, { stream } as unknown as Event.IManager);
});

afterEach(() => {
  cleanup();
  store.dispose();
  document.body.replaceChildren();
});

export function show(): void {
  render(
    <EndpointsSection
      store={store}
      trans={nullTranslator.load('mlops_jupyter')}
      commands={commands}
      state={null}
    />
  );
}

export function cardOf(name: string): Promise<HTMLElement> {
  return screen.findByRole('article', { name });
}

/** Open a form of the card of `churn`. */
export async function open(tab: string): Promise<ReturnType<typeof within>> {
  show();
  const card = within(await cardOf('churn'));
  fireEvent.click(card.getByRole('button', { name: tab }));
  await waitFor(() => expect(card.queryByText('Loading…')).toBeNull());
  return card;
}

export function type(field: HTMLElement, value: string): void {
  fireEvent.change(field, { target: { value } });
}

export function isOff(button: HTMLElement): boolean {
  return button.getAttribute('aria-disabled') === 'true';
}
