/** Running a notebook as a job, and by a schedule: from a path to what the hub was asked for. */

import { JupyterFrontEnd } from '@jupyterlab/application';
import { Dialog, showDialog } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';

import { ApiError } from '../api';
import { servedPath, wholePath } from '../models/place';
import { plain, Trans } from '../react';
import { RunApi } from '../runs/api';
import { runListOf } from '../runs/runlist';
import { ISchedule } from '../runs/types';
import { bodyOf, nameOf } from '../runs/words';
import { Store } from '../store';
import {
  draftOf,
  IDraft,
  runBodyOf,
  scheduleBodyOf,
  scheduleDraftOf,
  scheduleNameOf
} from './draft';
import { askForJob } from './jobdialog';
import { IKernel } from './jobform';
import { ReadStarts } from './starts';

export interface IJobContext {
  app: JupyterFrontEnd;
  store: Store;
  trans: Trans;
  notebooks: INotebookTracker | null;
}

/** Ask how the notebook at `path` is to be run, and have it run; the run's id, or undefined. */
export async function runJob(
  context: IJobContext,
  path: string
): Promise<string | undefined> {
  const { store, trans } = context;
  const whole = await ready(context, path);
  if (whole === undefined) {
    return undefined;
  }
  const api = new RunApi(store.api);
  const notebook = await api.notebook(whole);
  const starts: ReadStarts = rule => api.cronStarts(rule);
  let id: string | undefined;
  await askForJob({
    title: trans.__('Run %1 as a job', plain(nameOf(path), 60)),
    submit: trans.__('Run'),
    path,
    notebook,
    kernels: kernelsOf(context.app),
    draft: draftOf(notebook),
    named: false,
    starts,
    trans,
    send: async draft => {
      const body = runBodyOf(absolute(draft, path), notebook, whole);
      const run = await api.submit(body);
      runListOf(store).put(run);
      id = run.id;
    }
  });
  return id;
}

/** Ask when the notebook at `path` is to be run; true when there is such a schedule now. */
export async function scheduleJob(
  context: IJobContext,
  path: string
): Promise<boolean> {
  const whole = await ready(context, path);
  return whole === undefined ? false : schedule(context, path, whole);
}

/** Change a schedule. */
export async function editSchedule(
  context: IJobContext,
  name: string
): Promise<boolean> {
  const present = await new RunApi(context.store.api).schedule(name);
  const whole = present.spec.run.notebook;
  return schedule(context, servedPath(whole) ?? whole, whole, present);
}

async function schedule(
  context: IJobContext,
  path: string,
  whole: string,
  present?: ISchedule
): Promise<boolean> {
  const { store, trans } = context;
  const api = new RunApi(store.api);
  const notebook = await api.notebook(whole);
  const starts: ReadStarts = rule => api.cronStarts(rule);
  const kept = present && bodyOf(present.spec.run);
  const name = plain(nameOf(path), 60);
  return askForJob({
    title: present
      ? trans.__('Change the schedule %1', present.spec.name)
      : trans.__('Schedule %1', name),
    submit: trans.__('Save'),
    path,
    notebook,
    kernels: kernelsOf(context.app),
    draft: draftOf(
      notebook,
      present?.spec.run,
      scheduleDraftOf(scheduleNameOf(nameOf(path)), present)
    ),
    named: present !== undefined,
    starts,
    trans,
    send: async draft => {
      const run = runBodyOf(absolute(draft, path), notebook, whole, kept);
      const asked = draft.schedule!;
      await api.saveSchedule(asked.name, scheduleBodyOf(asked, run, present));
    }
  });
}

/** The whole path of a notebook that is saved as it is shown; undefined when that was not wanted. */
async function ready(
  context: IJobContext,
  path: string
): Promise<string | undefined> {
  const { app, notebooks, trans } = context;
  const local = app.serviceManager.contents.localPath(path);
  const whole = wholePath(local);
  if (whole === null || app.serviceManager.contents.driveName(path)) {
    throw new ApiError(
      0,
      'notebook_elsewhere',
      trans.__('The notebook cannot be run from here.'),
      trans.__('This page does not know where it lies on the server’s disk.'),
      trans.__('Run it from a cell: %1', '%train')
    );
  }
  const open = notebooks?.find(panel => panel.context.path === path);
  if (open?.context.model.dirty) {
    const answer = await showDialog({
      title: trans.__('Save the notebook first?'),
      body: trans.__(
        '%1 has changes that are not saved. What runs is what is saved.',
        plain(nameOf(path), 60)
      ),
      buttons: [
        Dialog.cancelButton({ label: trans.__('Cancel') }),
        Dialog.okButton({ label: trans.__('Save') })
      ]
    });
    if (!answer.button.accept) {
      return undefined;
    }
    await open.context.save();
  }
  return whole;
}

/** An output that was typed without its folder lies beside the notebook. */
function absolute(draft: IDraft, path: string): IDraft {
  const typed = draft.run.output.trim();
  if (typed === '' || /^([A-Za-z]:)?[\\/]/.test(typed)) {
    return draft;
  }
  const folder = path.split('/').slice(0, -1);
  const output = wholePath([...folder, typed].join('/')) ?? typed;
  return { ...draft, run: { ...draft.run, output } };
}

function kernelsOf(app: JupyterFrontEnd): IKernel[] {
  const specs = app.serviceManager.kernelspecs?.specs?.kernelspecs ?? {};
  return Object.values(specs).flatMap(spec =>
    spec ? [{ name: spec.name, title: spec.display_name }] : []
  );
}
