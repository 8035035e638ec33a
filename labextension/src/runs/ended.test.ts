import { Notification } from '@jupyterlab/apputils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { AT, run, RunServer } from '../../test/runserver';
import { trans } from '../../test/samples';
import { tellEnd } from './ended';

let server: RunServer;
let shown: string[];

beforeEach(() => {
  server = new RunServer();
  shown = [];
});

afterEach(() => {
  Notification.dismiss();
  server.store.dispose();
});

const said = (): string[] =>
  Notification.manager.notifications.map(({ message }) => message);

const tell = (id: string, since = AT): Promise<void> =>
  tellEnd(server.store, trans, id, since * 1000, () => shown.push(id));

describe('the end of a run', () => {
  it('is told to who asked for it, once, and can be shown', async () => {
    server.runs = [run('good')];
    await tell('good');
    await tell('good');
    expect(said()).toEqual(['The run of fit succeeded.']);
    const [{ options }] = Notification.manager.notifications;
    options.actions?.[0].callback({} as MouseEvent);
    expect(shown).toEqual(['good']);
  });

  it('says why it failed, short enough to be shown whole', async () => {
    const reason = 'Cell 7 raised ValueError. '.repeat(20);
    server.runs = [run('bad', 'failed', { reason })];
    await tell('bad');
    expect(said()[0]).toMatch(/^The run of fit failed. Cell 7 raised/);
    expect(said()[0].length).toBeLessThanOrEqual(140);
  });

  it('is not told to others, nor for each run of a sweep or a schedule', async () => {
    server.runs = [
      run('theirs', 'failed', { submitted_by: 'user:bob' }),
      run('swept', 'failed', { spec: { trigger: { kind: 'sweep', of: 's' } } }),
      run('old', 'failed', { ended_at: AT - 1 })
    ];
    await Promise.all(['theirs', 'swept', 'old'].map(id => tell(id)));
    expect(said()).toEqual([]);
  });
});
