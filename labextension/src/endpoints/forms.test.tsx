import {
  act,
  fireEvent,
  screen,
  waitFor,
  within
} from '@testing-library/react';
import { describe, expect, it, vi } from 'vitest';

import { version } from '../../test/endpointserver';
import {
  cardOf,
  isOff,
  open,
  server,
  show,
  store,
  type
} from '../../test/endpointview';
import { endpoint } from '../../test/samples';
import { ApiError } from '../api';

const conflict = new ApiError(409, 'revision_conflict', 'Changed.', '', '');

describe('scaling', () => {
  it('sends the number of the slider and the revision that was seen', async () => {
    const card = await open('Scale');
    const apply = card.getByRole('button', { name: 'Apply' });
    expect(isOff(apply)).toBe(true);
    type(card.getByRole('slider'), '3');
    expect(card.getByLabelText('Replicas')).toHaveProperty('value', '3');
    fireEvent.click(apply);
    await card.findByText(/Scaling changed\. Fixed: 3 replicas/);
    expect(server.asked).toEqual([
      ['scale', 'churn', expect.objectContaining({ min: 3, max: 3 }), 7]
    ]);
    expect(card.getByText('Fixed: 3 replicas')).toBeTruthy();
  });

  it('takes no zero for a fixed number', async () => {
    const card = await open('Scale');
    type(card.getByLabelText('Replicas'), '0');
    expect(card.getByText(/choose serverless to go to zero/)).toBeTruthy();
    fireEvent.submit(card.getByRole('form'));
    expect(server.asked).toEqual([]);
  });

  it('moves the most along when the fewest would pass it', async () => {
    const card = await open('Scale');
    fireEvent.click(card.getByRole('radio', { name: 'Elastic' }));
    type(card.getByLabelText('Fewest replicas'), '5');
    expect(card.getByLabelText('Most replicas')).toHaveProperty('value', '5');
  });

  it('asks before it goes to zero, and does nothing on no', async () => {
    const card = await open('Scale');
    fireEvent.click(card.getByRole('radio', { name: 'Serverless' }));
    fireEvent.click(card.getByRole('button', { name: 'Apply' }));
    fireEvent.click(await screen.findByText('Cancel'));
    await waitFor(() => expect(screen.queryByText('Cancel')).toBeNull());
    expect(server.asked).toEqual([]);
    fireEvent.click(card.getByRole('button', { name: 'Apply' }));
    fireEvent.click(await screen.findByText('Go to Zero'));
    await card.findByText(/Scaling changed/);
    expect(server.asked).toHaveLength(1);
  });

  it('shows the present state when somebody was first, and asks what to go on with', async () => {
    const card = await open('Scale');
    type(card.getByLabelText('Replicas'), '3');
    server.meanwhile('churn', {
      scaling: { mode: 'fixed', min: 9, max: 9, target: 1, idle_seconds: 60 }
    });
    server.refusal = conflict;
    const apply = card.getByRole('button', { name: 'Apply' });
    fireEvent.click(apply);
    await card.findByText(/Nothing was done: user:bob changed/);
    expect(card.getByText('Fixed: 9 replicas')).toBeTruthy();
    expect(isOff(apply)).toBe(true);
    fireEvent.click(card.getByRole('button', { name: 'Keep mine' }));
    server.refusal = undefined;
    fireEvent.click(apply);
    await card.findByText(/Scaling changed/);
    expect(server.asked.map(asked => asked[3])).toEqual([7, 8]);
  });

  it('says so when the endpoint changes under the form, and can start anew', async () => {
    const card = await open('Scale');
    type(card.getByLabelText('Replicas'), '3');
    server.meanwhile('churn', {
      scaling: { mode: 'fixed', min: 9, max: 9, target: 1, idle_seconds: 60 }
    });
    await act(() => store.endpoints.refresh());
    fireEvent.click(
      card.getByRole('button', { name: 'Use the present values' })
    );
    expect(card.getByLabelText('Replicas')).toHaveProperty('value', '9');
  });

  it('follows the endpoint while nobody has typed', async () => {
    const card = await open('Scale');
    server.meanwhile('churn', {
      scaling: { mode: 'fixed', min: 9, max: 9, target: 1, idle_seconds: 60 }
    });
    await act(() => store.endpoints.refresh());
    expect(card.getByLabelText('Replicas')).toHaveProperty('value', '9');
    expect(card.queryByText('Keep mine')).toBeNull();
  });

  it('shows what the hub says against it', async () => {
    const card = await open('Scale');
    server.refusal = new ApiError(400, 'x', 'Too many.', 'Small.', 'Fewer.');
    type(card.getByLabelText('Replicas'), '30');
    fireEvent.click(card.getByRole('button', { name: 'Apply' }));
    expect((await card.findByRole('alert')).textContent).toContain('Fewer.');
    expect(card.getByLabelText('Replicas')).toHaveProperty('value', '30');
  });
});

describe('traffic', () => {
  it('always sums to 100, over versions that are added', async () => {
    const card = await open('Traffic');
    const add = await card.findByLabelText('Add');
    type(add, '3');
    type(card.getByLabelText('Per cent for version 3'), '30');
    expect(card.getByLabelText('Per cent for version 2')).toHaveProperty(
      'value',
      '70'
    );
    fireEvent.click(card.getByRole('button', { name: 'Apply' }));
    await card.findByText(/Traffic changed/);
    expect(server.asked).toEqual([
      ['traffic', 'churn', { weights: { 2: 70, 3: 30 }, shadows: [] }, 7]
    ]);
  });

  it('gives the share of a version that becomes a shadow to the others', async () => {
    const card = await open('Traffic');
    type(await card.findByLabelText('Add'), '3');
    type(card.getByLabelText('Per cent for version 3'), '30');
    const row = within(card.getByRole('group', { name: 'Version 3' }));
    fireEvent.click(row.getByRole('checkbox', { name: 'shadow' }));
    fireEvent.click(card.getByRole('button', { name: 'Apply' }));
    await card.findByText(/Traffic changed/);
    expect(server.asked[0][2]).toEqual({ weights: { 2: 100 }, shadows: [3] });
  });

  it('keeps the last version that serves from becoming a shadow', async () => {
    const card = await open('Traffic');
    await card.findByLabelText('Add');
    const row = within(card.getByRole('group', { name: 'Version 2' }));
    expect(row.getByRole('checkbox')).toHaveProperty('disabled', true);
  });
});

describe('versions', () => {
  it('promotes the chosen one and shows what did not go well', async () => {
    const card = await open('Versions');
    type(await card.findByLabelText('Give all calls to'), '1');
    fireEvent.click(card.getByRole('button', { name: 'Promote' }));
    const alert = await card.findByRole('alert');
    expect(alert.textContent).toContain('The alias was not moved.');
    expect(alert.textContent).toContain('Move it later.');
    expect(server.asked).toEqual([['promote', 'churn', 1, 7]]);
  });

  it('offers the newest first, with aliases, and not what serves alone', async () => {
    const card = await open('Versions');
    const select = await card.findByLabelText('Give all calls to');
    const options = within(select).getAllByRole('option');
    expect(options.map(option => option.textContent)).toEqual([
      'Version 3 @challenger',
      'Version 1'
    ]);
  });

  it('rolls back to what served before', async () => {
    const card = await open('Versions');
    fireEvent.click(
      await card.findByRole('button', { name: 'Roll back to version 1' })
    );
    await card.findByText(/Rolled back/);
    expect(server.asked).toEqual([['rollback', 'churn', 7]]);
  });

  it('cannot roll back to nothing, and says so', async () => {
    server.endpoints = [endpoint('churn', { previous: [] })];
    const card = await open('Versions');
    const button = await card.findByRole('button', { name: 'Roll back' });
    expect(isOff(button)).toBe(true);
    expect(button.title).toContain('before');
  });
});

describe('undeploying', () => {
  it('is asked for, keeps the focus in the card, and can be undone', async () => {
    show();
    const article = await cardOf('churn');
    const card = within(article);
    await waitFor(() =>
      expect(isOff(card.getByRole('button', { name: 'Undeploy' }))).toBe(false)
    );
    card.getByRole('button', { name: 'Undeploy' }).focus();
    fireEvent.click(card.getByRole('button', { name: 'Undeploy' }));
    const title = await screen.findByText('Undeploy churn?');
    const dialog = within(title.closest<HTMLElement>('.jp-Dialog')!);
    fireEvent.click(dialog.getByText('Undeploy'));
    const again = await card.findByRole('button', { name: 'Deploy Again' });
    expect(article.contains(document.activeElement)).toBe(true);
    fireEvent.click(again);
    await card.findByText('Version 2 is being deployed.');
    expect(server.asked).toEqual([
      ['undeploy', 'churn', 7],
      ['deploy', 'churn', 2, { revision: 8 }]
    ]);
  });
});

describe('calling', () => {
  it('sends what was typed, a field a column, and shows the answer as text', async () => {
    const card = await open('Call');
    type(await card.findByLabelText(/^age/), '30');
    type(card.getByLabelText(/^active/), 'true');
    fireEvent.submit(card.getByRole('form', { name: 'Try it' }));
    const answer = await card.findByLabelText('Answer');
    expect(answer.textContent).toContain('"<b>1</b>"');
    expect(answer.querySelector('b')).toBeNull();
    expect(server.asked).toEqual([
      [
        'invoke',
        'churn',
        { dataframe_split: { columns: ['age', 'active'], data: [[30, true]] } }
      ]
    ]);
  });

  it('starts empty, and marks what does not fit without sending it', async () => {
    const card = await open('Call');
    const age = await card.findByLabelText(/^age/);
    expect(age).toHaveProperty('value', '');
    type(age, '1.5');
    fireEvent.submit(card.getByRole('form', { name: 'Try it' }));
    expect(card.getByText('This must be a whole number.')).toBeTruthy();
    expect(age.getAttribute('aria-invalid')).toBe('true');
    expect(card.getByText('This needs a value.')).toBeTruthy();
    expect(server.asked).toEqual([]);
  });

  it('takes JSON for tensors and for what has no signature', async () => {
    server.versionList = [
      version(2, [
        { type: 'tensor', 'tensor-spec': { dtype: 'float64', shape: [-1, 2] } }
      ])
    ];
    const card = await open('Call');
    type(await card.findByLabelText(/float64 \(-1, 2\)/), '[[1, 2]]');
    fireEvent.submit(card.getByRole('form', { name: 'Try it' }));
    await card.findByLabelText('Answer');
    expect(server.asked).toEqual([['invoke', 'churn', { inputs: [[1, 2]] }]]);
  });

  it('shows an error as what, why and how to mend it', async () => {
    const card = await open('Call');
    server.refusal = new ApiError(422, 'x', 'What.', 'Why.', 'Fix.');
    type(await card.findByLabelText(/^age/), '30');
    type(card.getByLabelText(/^active/), 'false');
    fireEvent.submit(card.getByRole('form', { name: 'Try it' }));
    expect((await card.findByRole('alert')).textContent).toContain('Why.');
  });

  it('can be copied, with the address and without a secret', async () => {
    const copied = vi.fn();
    document.execCommand = copied;
    const card = await open('Call');
    fireEvent.click(await card.findByRole('button', { name: 'Copy as curl' }));
    const text = card.getByLabelText('What was copied').textContent;
    expect(text).toContain('http://127.0.0.1:1/endpoints/churn/invocations');
    expect(text).toContain('$MLOPS_TOKEN');
    expect(card.getByText(/Copied/)).toBeTruthy();
  });
});
