import { Notification } from '@jupyterlab/apputils';
import { afterEach, describe, expect, it } from 'vitest';

import { version } from '../../../package.json';
import { serve, status, trans } from '../../test/samples';
import { ApiError } from '../api';
import { check } from './versioncheck';

afterEach(() => Notification.dismiss());

const turn = () => new Promise(resolve => setTimeout(resolve));
const said = (): string[] =>
  Notification.manager.notifications.map(({ message }) => message);

describe('the check of versions', () => {
  it('is silent when the page and the server belong together', async () => {
    const { store } = serve({ status: status({ version }) });
    check(store, trans);
    await turn();
    expect(said()).toEqual([]);
  });

  it('says once that the server is of another version, and what to do', async () => {
    const { store } = serve({ status: status({ version: '9.9.9' }) });
    check(store, trans);
    await turn();
    await store.status.refresh();
    expect(said()).toHaveLength(1);
    expect(said()[0]).toContain('9.9.9');
    expect(said()[0]).toContain('pip install -U mlops-jupyter');
    expect(said()[0].length).toBeLessThanOrEqual(140);
  });

  it('says that the server part is missing, with the command', async () => {
    const missing = new ApiError(404, 'server_part_missing', '', '', '');
    const { store } = serve({ status: missing });
    check(store, trans);
    await turn();
    expect(said()).toHaveLength(1);
    expect(said()[0]).toContain('pip install mlops-jupyter');
    expect(said()[0].length).toBeLessThanOrEqual(140);
  });

  it('does not take a lost connection for a missing part', async () => {
    const lost = new ApiError(0, 'server_unreachable', 'Lost.', '', '');
    const { store } = serve({ status: lost });
    check(store, trans);
    await turn();
    expect(said()).toEqual([]);
  });
});
