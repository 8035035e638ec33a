/** The server's routes on runs, sweeps, schedules and notebooks. */

import { Api, path, query } from '../api';
import {
  ICronStarts,
  ILogPart,
  INotebook,
  IRun,
  IRunBody,
  IRunPage,
  ISchedule,
  IScheduleBody,
  ISweep,
  IVerdict
} from './types';

export type Stream = 'stdout' | 'stderr';

export class RunApi {
  constructor(private readonly api: Pick<Api, 'json' | 'url'>) {}

  runs(
    wanted: {
      sweep?: string;
      /** Leaves out the runs of sweeps. */
      alone?: boolean;
      before?: string | null;
      limit?: number;
    } = {}
  ): Promise<IRunPage> {
    return this.api.json('GET', 'api/runs' + query(wanted));
  }

  /** With its cells and record. */
  run(id: string): Promise<IRun> {
    return this.api.json('GET', path`api/runs/${id}`);
  }

  submit(body: IRunBody): Promise<IRun> {
    return this.api.json('POST', 'api/runs', body);
  }

  cancel(id: string): Promise<IRun> {
    return this.api.json('POST', path`api/runs/${id}/cancel`, {});
  }

  /** Again from its record, to be compared with it; may first make its environment again. */
  rerun(id: string): Promise<IRun> {
    return this.api.json('POST', path`api/runs/${id}/rerun`, {});
  }

  compare(id: string, other: string): Promise<IVerdict> {
    return this.api.json('GET', path`api/runs/${id}/compare/${other}`);
  }

  /** From byte `offset` on; a negative one is so many bytes back from the end, or from `before`. */
  log(
    id: string,
    stream: Stream,
    offset: number,
    before?: number
  ): Promise<ILogPart> {
    return this.api.json(
      'GET',
      path`api/runs/${id}/log` + query({ stream, offset, before })
    );
  }

  /** The executed notebook, as far as it came. */
  output(id: string): Promise<unknown> {
    return this.api.json('GET', path`api/runs/${id}/output`);
  }

  /** Address of the executed notebook as a page, which the server lets do nothing but be read. */
  htmlUrl(id: string): string {
    return this.api.url(path`api/runs/${id}/html`);
  }

  /** Address of a file that the run kept. */
  artifactUrl(id: string, name: string): string {
    return this.api.url(path`api/runs/${id}/artifacts/${name}`);
  }

  notebook(whole: string): Promise<INotebook> {
    return this.api.json('GET', 'api/notebook' + query({ path: whole }));
  }

  sweeps(): Promise<ISweep[]> {
    return this.api.json('GET', 'api/sweeps');
  }

  cancelSweep(id: string): Promise<ISweep> {
    return this.api.json('POST', path`api/sweeps/${id}/cancel`, {});
  }

  /** The next starts of a rule; a schedule's name decides on its part of the jitter. */
  cronStarts(rule: {
    cron: string;
    time_zone: string;
    name: string;
    jitter_seconds: number;
  }): Promise<ICronStarts> {
    return this.api.json('GET', 'api/cron' + query(rule));
  }

  schedules(): Promise<ISchedule[]> {
    return this.api.json('GET', 'api/schedules');
  }

  schedule(name: string): Promise<ISchedule> {
    return this.api.json('GET', path`api/schedules/${name}`);
  }

  saveSchedule(name: string, body: IScheduleBody): Promise<ISchedule> {
    return this.api.json('PUT', path`api/schedules/${name}`, body);
  }

  deleteSchedule(name: string): Promise<void> {
    return this.api.json('DELETE', path`api/schedules/${name}`);
  }

  suspend(name: string): Promise<ISchedule> {
    return this.api.json('POST', path`api/schedules/${name}/suspend`, {});
  }

  resume(name: string): Promise<ISchedule> {
    return this.api.json('POST', path`api/schedules/${name}/resume`, {});
  }

  /** Start a run now, beside the rule. */
  trigger(name: string): Promise<ISchedule> {
    return this.api.json('POST', path`api/schedules/${name}/trigger`, {});
  }
}
