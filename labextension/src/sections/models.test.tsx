import { CommandRegistry } from '@lumino/commands';
import {
  cleanup,
  fireEvent,
  render,
  screen,
  waitFor,
  within
} from '@testing-library/react';
import React from 'react';
import { afterEach, describe, expect, it, vi } from 'vitest';

import {
  endpoint,
  serve,
  serving,
  status,
  trans,
  version
} from '../../test/samples';
import { ApiError } from '../api';
import { CommandIDs } from '../commands';
import { ModelsSection } from './models';

const answered = vi.hoisted(() => ({ confirm: vi.fn() }));
vi.mock('../react', async original => ({
  ...(await original<typeof import('../react')>()),
  confirm: answered.confirm
}));

afterEach(() => {
  cleanup();
  answered.confirm.mockReset();
});

const SERVER = {
  status: status(),
  versions: [version('churn', 1), version('churn', 2)],
  models: [
    {
      name: 'churn',
      latest: 2,
      aliases: { champion: 1 },
      description: '',
      problem: ''
    }
  ],
  endpoints: []
};

function show(
  answers: Parameters<typeof serve>[0]
): ReturnType<typeof serve> & { opened: unknown[] } {
  const server = serve(answers);
  const commands = new CommandRegistry();
  const opened: unknown[] = [];
  commands.addCommand(CommandIDs.openNotebook, {
    execute: args => void opened.push(args)
  });
  render(
    <ModelsSection
      store={server.store}
      trans={trans}
      commands={commands}
      state={null}
    />
  );
  return { ...server, opened };
}

const button = (name: string | RegExp) => screen.findByRole('button', { name });
const click = async (name: string | RegExp): Promise<void> => {
  fireEvent.click(await button(name));
};
/** Unfold the form, once it is known that one may. */
const unfold = async (name: string): Promise<void> => {
  const deploy = await button(name);
  await waitFor(() =>
    expect(deploy.getAttribute('aria-disabled')).toBe('false')
  );
  fireEvent.click(deploy);
};

describe('the models', () => {
  it('show their versions before the registry has answered', async () => {
    show({ ...SERVER, models: () => new Promise(() => undefined) });
    await button('Version 2');
    expect(screen.getByText(/Asking MLflow/)).toBeTruthy();
    expect(screen.queryByText('champion')).toBeNull();
  });

  it('are newest first, with their aliases', async () => {
    show(SERVER);
    await screen.findByText('champion');
    const list = screen.getByRole('list', { name: 'Versions, newest first' });
    expect(
      within(list)
        .getAllByRole('listitem')
        .map(item => item.textContent?.match(/Version \d(champion)?/)?.[0])
    ).toEqual(['Version 2', 'Version 1champion']);
  });

  it('stay shown when the registry fails, with its error', async () => {
    show({ ...SERVER, models: new ApiError(503, 'x', 'No MLflow.', '', 'F.') });
    await screen.findByText('No MLflow.');
    await button('Version 2');
  });

  it('that are missing say how to register one', async () => {
    show({ ...SERVER, versions: [], models: [] });
    expect(await screen.findByText(/%register NAME/)).toBeTruthy();
  });

  it('say that the hub is stopped', async () => {
    show({
      ...SERVER,
      versions: new ApiError(503, 'hub_stopped', 'Stopped.', '', '')
    });
    expect(await screen.findByText(/The hub is stopped/)).toBeTruthy();
  });

  it('of the registry alone say what is wrong and how to deploy them', async () => {
    show({
      ...SERVER,
      versions: [],
      models: [{ ...SERVER.models[0], problem: 'Its name is too long.' }]
    });
    expect(await screen.findByText('Its name is too long.')).toBeTruthy();
    expect(screen.getByText('%deploy churn')).toBeTruthy();
  });

  it('of others are only ever text', async () => {
    const bad =
      '<img src=x onerror=alert(1)><b data-commandlinker-command="x">';
    show({
      ...SERVER,
      versions: [
        version(bad, 1, {
          user: `${bad}\u202e`,
          notebook: `/elsewhere/${bad}.ipynb`,
          git_commit: bad,
          git_remote: bad,
          python_version: bad,
          data_sha256: bad
        })
      ],
      models: [
        {
          name: bad,
          latest: 1,
          aliases: { [bad]: 1 },
          description: bad,
          problem: 'x'.repeat(10_000)
        }
      ]
    });
    await click('Version 1');
    await screen.findByText('Environment');
    expect(
      document.querySelector('img, b, [data-commandlinker-command]')
    ).toBeNull();
    expect(document.body.textContent).not.toContain('\u202e');
    expect(document.body.textContent?.length).toBeLessThan(3000);
  });
});

describe('where a version came from', () => {
  it('opens the notebook at the cell', async () => {
    const { opened } = show({
      ...SERVER,
      versions: [version('churn', 1, { notebook: 'nb/a.ipynb', cell_id: 'c1' })]
    });
    await click('Version 1');
    await click('Open nb/a.ipynb');
    expect(opened).toEqual([{ path: 'nb/a.ipynb', cell: 'c1' }]);
  });

  it('is only text where the notebook lies outside, and says why', async () => {
    show({
      ...SERVER,
      versions: [version('churn', 1, { notebook: '/elsewhere/a.ipynb' })]
    });
    await click('Version 1');
    expect(await screen.findByText('/elsewhere/a.ipynb')).toBeTruthy();
    expect(screen.getByText(/outside the folder/)).toBeTruthy();
    expect(screen.queryByRole('button', { name: /^Open/ })).toBeNull();
  });
});

describe('a deployment from here', () => {
  it('is off without the right, and says why', async () => {
    const { asked } = show({
      ...SERVER,
      status: status({ rights: ['read'] })
    });
    const deploy = await button('Deploy version 2');
    await waitFor(() => expect(deploy.title).toContain('right to deploy'));
    fireEvent.click(deploy);
    expect(screen.queryByLabelText('Endpoint')).toBeNull();
    expect(asked.some(([name]) => name === 'deploy')).toBe(false);
  });

  it('serves the version at an endpoint of the model’s name, and shows how it goes', async () => {
    const coming = endpoint(
      'churn',
      serving(
        'churn',
        { 2: 100 },
        { state: 'loading', reason: 'Version 2: it is loading.' }
      )
    );
    const { asked, answers, say } = show({ ...SERVER, deploy: coming });
    await unfold('Deploy version 2');
    answers.endpoints = [];
    await click('Deploy');
    await screen.findByText('Version 2 is loading…');
    expect(screen.getByText('Version 2: it is loading.')).toBeTruthy();
    expect(answered.confirm).not.toHaveBeenCalled();
    expect(asked.filter(([name]) => name === 'deploy')).toEqual([
      [
        'deploy',
        'churn',
        SERVER.versions[1],
        { revision: 0, scaling: undefined }
      ]
    ]);
    answers.endpoints = [endpoint('churn', serving('churn', { 2: 100 }))];
    say({ what: 'endpoint', name: 'churn' });
    await screen.findByText('churn answers with version 2.');
  });

  it('that fails says why', async () => {
    const failed = endpoint(
      'churn',
      serving(
        'churn',
        { 2: 100 },
        { state: 'failed', reason: 'No module named x.' }
      )
    );
    show({ ...SERVER, deploy: failed, endpoints: [] });
    await unfold('Deploy version 2');
    await click('Deploy');
    const alert = await screen.findByRole('alert');
    expect(alert.textContent).toContain('No module named x.');
  });

  it.each([true, false])(
    'asks before it replaces another version (answer: %s)',
    async sure => {
      const present = endpoint('churn', serving('churn', { 1: 100 }));
      answered.confirm.mockResolvedValue(sure);
      const { asked } = show({
        ...SERVER,
        endpoints: [present],
        deploy: present
      });
      await unfold('Deploy version 2');
      await click('Deploy');
      await waitFor(() => expect(answered.confirm).toHaveBeenCalledOnce());
      expect(answered.confirm.mock.calls[0][2]).toContain('churn/1');
      await waitFor(() =>
        expect(asked.filter(([name]) => name === 'deploy')).toEqual(
          sure
            ? [
                [
                  'deploy',
                  'churn',
                  SERVER.versions[1],
                  { revision: 7, scaling: undefined }
                ]
              ]
            : []
        )
      );
    }
  );

  it('carries the scaling that was chosen', async () => {
    const { asked } = show({
      ...SERVER,
      deploy: endpoint('churn', serving('churn', { 2: 100 }))
    });
    await unfold('Deploy version 2');
    fireEvent.change(screen.getByLabelText('Scaling'), {
      target: { value: 'elastic' }
    });
    fireEvent.change(screen.getByLabelText('Most replicas'), {
      target: { value: '3' }
    });
    await click('Deploy');
    await waitFor(() =>
      expect(asked.find(([name]) => name === 'deploy')?.[3]).toMatchObject({
        scaling: { mode: 'elastic', min: 1, max: 3 }
      })
    );
  });

  it.each(['', 'Churn', 'a..b', '-a', '<b>'])(
    'is not sent for an endpoint that is named “%s”',
    async name => {
      const { asked } = show(SERVER);
      await unfold('Deploy version 2');
      fireEvent.change(screen.getByLabelText('Endpoint'), {
        target: { value: name }
      });
      await click('Deploy');
      expect((await button('Deploy')).getAttribute('aria-disabled')).toBe(
        'true'
      );
      expect(asked.some(([what]) => what === 'deploy')).toBe(false);
    }
  );

  it('shows the present state when somebody was quicker', async () => {
    const present = endpoint('churn', serving('churn', { 2: 100 }));
    show({
      ...SERVER,
      deploy: new ApiError(409, 'revision_conflict', 'Changed.', '', ''),
      endpoint: present
    });
    await unfold('Deploy version 2');
    await click('Deploy');
    expect(await screen.findByText(/user:alice changed this/)).toBeTruthy();
  });
});
