import { ServerConnection } from '@jupyterlab/services';
import { describe, expect, it } from 'vitest';

import { Api, ApiError } from './api';

/** An Api over a server that answers everything alike; `asked` is what it was asked. */
function over(answer: () => Response | Promise<Response>): {
  api: Api;
  asked: Request[];
} {
  const asked: Request[] = [];
  const settings = ServerConnection.makeSettings({
    baseUrl: 'http://localhost:8888/user/ann/',
    fetch: async (input, init) => {
      asked.push(new Request(input, init));
      return answer();
    },
    Request,
    Headers
  });
  return { api: new Api(settings), asked };
}

const json =
  (body: unknown, status = 200) =>
  () =>
    new Response(JSON.stringify(body), { status });

async function failure(promise: Promise<unknown>): Promise<ApiError> {
  try {
    await promise;
  } catch (error) {
    return error as ApiError;
  }
  throw new Error('it did not fail');
}

describe('requests', () => {
  it('go to our own addresses below the base URL', async () => {
    const { api, asked } = over(json([]));
    await api.endpoints();
    expect(asked[0].url).toBe(
      'http://localhost:8888/user/ann/mlops/api/endpoints'
    );
  });

  it('put a name into one segment of the path, whatever it holds', async () => {
    const { api, asked } = over(json({}));
    await api.endpoint('a/b?c#d');
    expect(asked[0].url).toMatch(/\/api\/endpoints\/a%2Fb%3Fc%23d$/);
  });

  it('leave out filters that ask for nothing', async () => {
    const { api, asked } = over(json({}));
    await api.records(
      { endpoint: '', failed: false, caller: 'app:a&b' },
      { limit: 50 }
    );
    const search = new URL(asked[0].url).searchParams;
    expect(Object.fromEntries(search)).toEqual({
      caller: 'app:a&b',
      limit: '50',
      fields: 'summary'
    });
  });

  it('carry the revision that a change is meant for', async () => {
    const { api, asked } = over(json({}));
    await api.rollback('churn', 4);
    expect(asked[0].method).toBe('POST');
    expect(asked[0].headers.get('Content-Type')).toBe('application/json');
    expect(await asked[0].json()).toEqual({ revision: 4 });
  });
});

describe('errors', () => {
  it('keep what, why and how to fix', async () => {
    const problem = {
      code: 'conflict',
      message: 'Somebody was quicker.',
      reason: 'It is at revision 5.',
      fix: 'Look again.'
    };
    const error = await failure(over(json(problem, 409)).api.endpoints());
    expect(error).toBeInstanceOf(ApiError);
    expect({ ...error, message: error.message }).toMatchObject({
      ...problem,
      status: 409
    });
  });

  it('say that the server part is missing when nobody knows the address', async () => {
    const { api } = over(() => new Response('<html>404', { status: 404 }));
    const error = await failure(api.status());
    expect(error.code).toBe('server_part_missing');
    expect(error.fix).toContain('pip install mlops-jupyter');
  });

  it('say that the server does not answer', async () => {
    const { api } = over(() => {
      throw new TypeError('Failed to fetch');
    });
    expect((await failure(api.status())).code).toBe('server_unreachable');
  });

  it('say that an answer is not JSON', async () => {
    const { api } = over(() => new Response('<html>'));
    expect((await failure(api.status())).code).toBe('unreadable_answer');
  });
});
