import { JupyterFrontEnd } from '@jupyterlab/application';
import { PageConfig } from '@jupyterlab/coreutils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { fireEvent, screen, waitFor } from '@testing-library/react';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { RunServer, schedule } from '../../test/runserver';
import { accepting, trans } from '../../test/samples';
import { ApiError } from '../api';
import { editSchedule, IJobContext, runJob, scheduleJob } from './jobs';

const PARAMETER = {
  optional: false,
  required: false,
  choices: [],
  text: '',
  help: ''
};

let server: RunServer;
let dirty: boolean;
let saved: number;
let pending: Promise<unknown>[] = [];

beforeEach(() => {
  PageConfig.setOption('rootUri', 'file:///work');
  server = new RunServer();
  dirty = false;
  saved = 0;
  server.notebook = {
    kernel: 'python3',
    language: 'python',
    cells: 2,
    parameters: [
      {
        ...PARAMETER,
        name: 'lr',
        type: 'float',
        default: 0.1,
        has_default: true,
        help: 'learning rate'
      }
    ]
  };
});

afterEach(async () => {
  // JupyterLab shows one dialog after the other
  document.querySelector<HTMLElement>('.jp-Dialog .jp-mod-reject')?.click();
  await Promise.all(pending);
  pending = [];
  server.store.dispose();
  document.body.replaceChildren();
  PageConfig.setOption('rootUri', '');
});

function context(): IJobContext {
  const panel = {
    context: {
      path: 'sub/fit.ipynb',
      model: { dirty },
      save: async () => {
        saved++;
      }
    }
  };
  return {
    app: {
      serviceManager: {
        contents: { localPath: (path: string) => path, driveName: () => '' },
        kernelspecs: {
          specs: {
            kernelspecs: { ir: { name: 'ir', display_name: 'R' } }
          }
        }
      }
    } as unknown as JupyterFrontEnd,
    store: server.store,
    trans,
    notebooks: {
      find: (fits: (one: unknown) => boolean) =>
        fits(panel) ? panel : undefined
    } as unknown as INotebookTracker
  };
}

const type = (field: HTMLElement, value: string): void => {
  fireEvent.change(field, { target: { value } });
};

describe('running a notebook as a job', () => {
  it('asks for its parameters and sends what was typed', async () => {
    const asked = runJob(context(), 'sub/fit.ipynb');
    const field = await screen.findByLabelText<HTMLInputElement>(/^lr/);
    expect(field.value).toBe('0.1');
    expect(screen.getByText('learning rate')).toBeTruthy();
    type(field, '0.5');
    type(screen.getByLabelText('Kernel'), 'ir');
    type(screen.getByLabelText('Output notebook'), 'out.ipynb');
    fireEvent.click(await accepting());
    expect(await asked).toBe('made');
    expect(server.asks[0].target).toBe(
      'api/notebook?path=%2Fwork%2Fsub%2Ffit.ipynb'
    );
    expect(server.sent('POST', 'api/runs')[0]).toMatchObject({
      notebook: '/work/sub/fit.ipynb',
      texts: { lr: '0.5' },
      kernel: 'ir',
      output: '/work/sub/out.ipynb'
    });
  });

  it('says at the field what is wrong, and sends nothing', async () => {
    pending.push(runJob(context(), 'sub/fit.ipynb'));
    const field = await screen.findByLabelText(/^lr/);
    type(field, 'much');
    expect(await screen.findByText('This must be a number.')).toBeTruthy();
    fireEvent.click(await accepting());
    await waitFor(() => expect(document.activeElement).toBe(field));
    expect(field.getAttribute('aria-invalid')).toBe('true');
    expect(server.sent('POST', 'api/runs')).toEqual([]);
  });

  it('stays open with the reason when the hub refuses', async () => {
    const asked = runJob(context(), 'sub/fit.ipynb');
    await screen.findByLabelText(/^lr/);
    server.refusal = new ApiError(400, 'never_fits', 'Too much.', 'Why.', '');
    fireEvent.click(await accepting());
    expect(await screen.findByText('Too much.')).toBeTruthy();
    server.refusal = undefined;
    fireEvent.click(await accepting());
    expect(await asked).toBe('made');
  });

  it('says at the field what the hub refuses, until it is changed', async () => {
    pending.push(runJob(context(), 'sub/fit.ipynb'));
    const field = await screen.findByLabelText(/^lr/);
    const said = "The parameter 'lr' cannot have this value.";
    server.refusal = new ApiError(400, 'wrong_type', said, '', 'Give another.');
    fireEvent.click(await accepting());
    expect(await screen.findByText(`${said} Give another.`)).toBeTruthy();
    expect(field.getAttribute('aria-invalid')).toBe('true');
    expect(screen.queryByRole('alert')).toBeNull();
    type(field, '0.2');
    expect(field.getAttribute('aria-invalid')).toBe('false');
  });

  it('saves the notebook first, after asking', async () => {
    dirty = true;
    pending.push(runJob(context(), 'sub/fit.ipynb'));
    fireEvent.click(await accepting());
    await screen.findByLabelText(/^lr/);
    expect(saved).toBe(1);
  });

  it('says so where nobody knows where the notebook lies', async () => {
    PageConfig.setOption('rootUri', '');
    await expect(runJob(context(), 'fit.ipynb')).rejects.toMatchObject({
      code: 'notebook_elsewhere'
    });
  });
});

describe('scheduling a notebook', () => {
  it('says the rule in words and sends it', async () => {
    const asked = scheduleJob(context(), 'sub/fit.ipynb');
    const rule = await screen.findByLabelText('Rule');
    type(rule, '30 6 * * 1');
    type(screen.getByLabelText('Time zone'), 'Europe/Vienna');
    expect(
      await screen.findByText('every Monday at 06:30, Europe/Vienna')
    ).toBeTruthy();
    fireEvent.click(await accepting());
    expect(await asked).toBe(true);
    expect(server.sent('PUT', 'api/schedules/fit')[0]).toMatchObject({
      cron: '30 6 * * 1',
      time_zone: 'Europe/Vienna',
      concurrency: 'Forbid',
      revision: 0,
      run: { notebook: '/work/sub/fit.ipynb' }
    });
  });

  it('shows the next starts while the rule is typed', async () => {
    pending.push(scheduleJob(context(), 'sub/fit.ipynb'));
    const starts = await screen.findByLabelText('Next starts');
    expect(starts.children).toHaveLength(3);
    const rule = screen.getByLabelText('Rule');
    type(rule, '0 25 * * *');
    expect(await screen.findByText('No such hour. Mend it.')).toBeTruthy();
    expect(rule.getAttribute('aria-invalid')).toBe('true');
    expect(starts.isConnected).toBe(false);
    const asked = server.asks.length;
    type(rule, 'nonsense');
    expect(await screen.findByText(/^A rule has five fields/)).toBeTruthy();
    expect(server.asks).toHaveLength(asked);
  });

  it('sends jitter, limits of the history and variables', async () => {
    const asked = scheduleJob(context(), 'sub/fit.ipynb');
    type(await screen.findByLabelText('Jitter, in seconds'), '90');
    type(screen.getByLabelText('Runs kept that succeeded'), '3');
    type(screen.getByLabelText('Runs kept that did not'), '0');
    type(screen.getByLabelText('How late a start may be, in minutes'), '5');
    type(screen.getByLabelText('Environment variables'), 'STAGE=test');
    fireEvent.click(await accepting());
    expect(await asked).toBe(true);
    expect(server.sent('PUT', 'api/schedules/fit')[0]).toMatchObject({
      jitter_seconds: 90,
      succeeded_history: 3,
      failed_history: 0,
      starting_deadline_seconds: 300,
      run: { environment: { STAGE: 'test' } }
    });
  });

  it('does not write over another schedule of the name, and says so there', async () => {
    pending.push(scheduleJob(context(), 'sub/fit.ipynb'));
    const name = await screen.findByLabelText('Name');
    server.refusal = new ApiError(409, 'revision_conflict', 'Changed.', '', '');
    fireEvent.click(await accepting());
    expect(
      await screen.findByText('There is a schedule of this name already.')
    ).toBeTruthy();
    expect(name.getAttribute('aria-invalid')).toBe('true');
  });

  it('changes one that is there under its name', async () => {
    server.schedules = [schedule('nightly')];
    const asked = editSchedule(context(), 'nightly');
    const name = await screen.findByLabelText<HTMLInputElement>('Name');
    expect(name.readOnly).toBe(true);
    type(screen.getByLabelText('Rule'), '@hourly');
    fireEvent.click(await accepting());
    expect(await asked).toBe(true);
    expect(server.sent('PUT', 'api/schedules/nightly')[0]).toMatchObject({
      cron: '@hourly',
      revision: 4
    });
  });
});
