/** The dialog that asks how a notebook is to be run; it stays until that was accepted. */

import { Dialog } from '@jupyterlab/apputils';
import { ReactWidget } from '@jupyterlab/ui-components';
import React from 'react';

import { ApiError } from '../api';
import { Trans } from '../react';
import { INotebook } from '../runs/types';
import { asApiError } from '../value';
import { IDraft, Problems, problemsOf } from './draft';
import { IKernel, JobForm } from './jobform';
import { problemsIn } from './refused';
import { ReadStarts } from './starts';

export interface IJob {
  title: string;
  /** What the button says. */
  submit: string;
  path: string;
  notebook: INotebook;
  kernels: IKernel[];
  draft: IDraft;
  /** Whether the schedule is there already. */
  named: boolean;
  starts: ReadStarts;
  trans: Trans;
  /** Have it done; rejects with an ApiError that says why not. */
  send: (draft: IDraft) => Promise<void>;
}

/** The form; what is typed into it is kept by React, so that each letter is there at once. */
class JobBody extends ReactWidget {
  constructor(private readonly job: IJob) {
    super();
    this._draft = job.draft;
  }

  /** Send it; true when it was accepted. */
  async send(): Promise<boolean> {
    const { notebook, trans } = this.job;
    this._tried++;
    if (this._busy || isWrong(problemsOf(this._draft, notebook, trans))) {
      this.update();
      return false;
    }
    this._busy = true;
    this._error = undefined;
    this.update();
    try {
      await this.job.send(this._draft);
      return true;
    } catch (thrown) {
      this._error = asApiError(thrown);
      this._refused = this._draft;
      return false;
    } finally {
      this._busy = false;
      this.update();
    }
  }

  protected render(): JSX.Element {
    return (
      <Filled
        job={this.job}
        tried={this._tried}
        error={this._error}
        refused={this._refused}
        busy={this._busy}
        onChange={draft => {
          this._draft = draft;
        }}
      />
    );
  }

  private _draft: IDraft;
  private _tried = 0;
  private _busy = false;
  private _error: ApiError | undefined;
  private _refused: IDraft | undefined;
}

/** The form with what is typed, and what is wrong with it. */
function Filled(props: {
  job: IJob;
  /** How often it was tried to send it. */
  tried: number;
  error: ApiError | undefined;
  /** What the error is about. */
  refused: IDraft | undefined;
  busy: boolean;
  onChange: (draft: IDraft) => void;
}): JSX.Element {
  const { job, tried, error, busy, onChange } = props;
  const { path, notebook, kernels, named, starts, trans } = job;
  const [draft, setDraft] = React.useState(job.draft);
  const problems = problemsOf(draft, notebook, trans);
  // nobody is told of a mistake before having had a chance to make it
  const before = problemsOf(job.draft, notebook, trans);
  const told = Object.entries(problems).filter(
    ([field, problem]) => tried > 0 || before[field] !== problem
  );
  const unfit = problemsIn(error, notebook.parameters, named, trans);
  const place = React.useRef<HTMLDivElement>(null);
  React.useEffect(() => {
    if (tried > 0) {
      place.current
        ?.querySelector<HTMLElement>('[aria-invalid="true"]')
        ?.focus();
    }
  }, [tried, error]);
  return (
    <div ref={place}>
      <JobForm
        {...{ path, notebook, kernels, named, starts, trans, draft, busy }}
        // what is said at a field is not said twice, and holds until something was changed
        error={isWrong(unfit) ? undefined : error}
        problems={{
          ...(props.refused === draft && unfit),
          ...Object.fromEntries(told)
        }}
        wrong={Object.keys(problems)}
        onChange={next => {
          setDraft(next);
          onChange(next);
        }}
      />
    </div>
  );
}

function isWrong(problems: Problems): boolean {
  return Object.keys(problems).length > 0;
}

class JobDialog extends Dialog<unknown> {
  constructor(
    private readonly form: JobBody,
    { title, submit, trans }: IJob
  ) {
    super({
      title,
      body: form,
      defaultButton: 1,
      focusNodeSelector: 'input, select',
      buttons: [
        Dialog.cancelButton({ label: trans.__('Cancel') }),
        Dialog.okButton({ label: submit })
      ]
    });
    this.addClass('mj-JobDialog');
  }

  /** What is refused must not be lost, so it closes only when it was accepted. */
  resolve(index?: number): void {
    if (index === 0) {
      super.resolve(index);
      return;
    }
    void this.form.send().then(accepted => {
      if (accepted && !this.isDisposed) {
        super.resolve(index);
      }
    });
  }
}

/** Ask; true when it was sent. */
export async function askForJob(job: IJob): Promise<boolean> {
  // the dialog disposes of its body with itself
  const form = new JobBody(job);
  const answer = await new JobDialog(form, job).launch();
  return answer.button.accept;
}
