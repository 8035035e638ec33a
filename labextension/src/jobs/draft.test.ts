import { describe, expect, it } from 'vitest';

import { run, schedule } from '../../test/runserver';
import { trans } from '../../test/samples';
import { INotebook, IParameter } from '../runs/types';
import {
  draftOf,
  problemOfParameter,
  problemsOf,
  runBodyOf,
  scheduleBodyOf,
  scheduleDraftOf,
  scheduleNameOf
} from './draft';

function parameter(
  name: string,
  type: IParameter['type'],
  initial?: unknown,
  change: Partial<IParameter> = {}
): IParameter {
  return {
    name,
    type,
    default: initial ?? null,
    has_default: initial !== undefined,
    required: false,
    optional: false,
    choices: [],
    text: '',
    help: '',
    ...change
  };
}

const notebook: INotebook = {
  kernel: 'python3',
  language: 'python',
  cells: 3,
  parameters: [
    parameter('lr', 'float', 0.1),
    parameter('name', 'str', 'abc'),
    parameter('depths', 'list', [1, 2]),
    parameter('when', 'any', undefined, { text: 'now()' })
  ]
};

describe('a value that is typed', () => {
  it.each([
    ['int', '3', true],
    ['int', '3.5', false],
    ['int', '99999999999999999999', true],
    ['float', '1e-3', true],
    ['float', 'NaN', true],
    ['float', '-Infinity', true],
    ['float', 'x', false],
    ['bool', 'True', true],
    ['bool', '1', false],
    ['list', '[1, "a"]', true],
    ['list', '{}', false],
    ['dict', '{"a": 1}', true],
    ['dict', '[1]', false],
    ['str', '', true],
    ['any', 'anything', true]
  ] as const)('of %s may be %s: %s', (type, typed, fits) => {
    const problem = problemOfParameter(parameter('x', type), typed, trans);
    expect(problem === '').toBe(fits);
  });

  it('may be None only where that is allowed', () => {
    const optional = parameter('x', 'int', null, { optional: true });
    expect(problemOfParameter(optional, 'None', trans)).toBe('');
    expect(problemOfParameter(parameter('x', 'int'), 'None', trans)).not.toBe(
      ''
    );
  });

  it('must be there where the notebook has none', () => {
    const required = parameter('x', 'int', undefined, { required: true });
    expect(problemOfParameter(required, '', trans)).toContain('needs a value');
    expect(problemOfParameter(parameter('x', 'int'), '', trans)).toBe('');
  });
});

describe('the form of a run', () => {
  it('begins with what the notebook has, and then asks for nothing else', () => {
    const draft = draftOf(notebook);
    expect(draft.run.parameters).toEqual({
      lr: '0.1',
      name: 'abc',
      depths: '[1,2]',
      when: ''
    });
    expect(problemsOf(draft, notebook, trans)).toEqual({});
    const body = runBodyOf(draft, notebook, '/work/fit.ipynb');
    expect(body).toMatchObject({
      notebook: '/work/fit.ipynb',
      texts: {},
      output: null,
      run_seconds: null,
      resources: { cpus: 1, memory_bytes: 0, gpus: 0 }
    });
  });

  it('sends what was changed as it was typed, so that no digit is lost', () => {
    const draft = draftOf(notebook);
    Object.assign(draft.run.parameters, {
      lr: '0.30000000000000001',
      name: '',
      when: '"now"'
    });
    Object.assign(draft.run, { memory: '1.5', limit: '90', retries: '2' });
    const body = runBodyOf(draft, notebook, '/work/fit.ipynb');
    expect(body.texts).toEqual({
      lr: '0.30000000000000001',
      name: '',
      when: '"now"'
    });
    expect(body.resources?.memory_bytes).toBe(1.5e9);
    expect(body.run_seconds).toBe(5400);
    expect(body.retries).toBe(2);
  });

  it('sends variables as they were typed, and the pause before a retry', () => {
    const draft = draftOf(notebook);
    Object.assign(draft.run, { environment: 'A=1\n\n B =x = y ', pause: '30' });
    expect(problemsOf(draft, notebook, trans)).toEqual({});
    const body = runBodyOf(draft, notebook, '/work/fit.ipynb');
    expect(body.environment).toEqual({ A: '1', B: 'x = y ' });
    expect(body.backoff_seconds).toBe(30);
    draft.run.environment = 'A=1\nA=2';
    expect(problemsOf(draft, notebook, trans).environment).toContain('twice');
  });

  it('says what is wrong at each field', () => {
    const draft = draftOf(notebook, undefined, scheduleDraftOf('fit'));
    draft.run.parameters.lr = 'x';
    Object.assign(draft.run, {
      cpus: '0',
      gpus: '1.5',
      memory: '-1',
      limit: 'x',
      retries: '11',
      pause: '0',
      output: 'out.txt',
      environment: 'A=1\nB C=2'
    });
    Object.assign(draft.schedule!, {
      name: 'No!',
      cron: '0 2 *',
      zone: 'Mars/Olympus',
      deadline: '-1',
      jitter: 'x',
      succeeded: '-1',
      failed: '10001'
    });
    expect(Object.keys(problemsOf(draft, notebook, trans)).sort()).toEqual(
      [
        ...['cpus', 'cron', 'deadline', 'gpus', 'limit', 'memory', 'name'],
        ...['output', 'parameter:lr', 'retries', 'zone', 'pause', 'jitter'],
        ...['environment', 'succeeded', 'failed']
      ].sort()
    );
  });
});

describe('the form of a schedule', () => {
  it('begins in the zone of the browser', () => {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    expect(scheduleDraftOf('fit').zone).toBe(zone);
  });

  it('never writes over one that is there', () => {
    const draft = scheduleDraftOf('fit');
    const body = scheduleBodyOf(draft, { notebook: '/work/fit.ipynb' });
    expect(body.revision).toBe(0);
  });

  it('changes the revision that was seen, and keeps what it does not show', () => {
    const present = schedule('nightly', {
      jitter_seconds: 30,
      succeeded_history: 3,
      failed_history: 4,
      suspended: true
    });
    present.spec.run = run('x', 'queued', {
      spec: {
        parameters: { lr: 0.5 },
        run_seconds: 120,
        environment: { A: '1', B: 'two' },
        backoff_seconds: 60
      }
    }).spec;
    const shown = scheduleDraftOf('x', present);
    const draft = draftOf(notebook, present.spec.run, shown);
    expect(draft.run).toMatchObject({
      limit: '2',
      environment: 'A=1\nB=two',
      pause: '60'
    });
    expect(draft.run.parameters.lr).toBe('0.5');
    const body = scheduleBodyOf(
      shown,
      runBodyOf(draft, notebook, '/work/fit.ipynb', {
        notebook: '',
        secrets: { DB: 'env:DB' }
      }),
      present
    );
    expect(body).toMatchObject({
      revision: 4,
      jitter_seconds: 30,
      succeeded_history: 3,
      failed_history: 4,
      suspended: true,
      cron: '0 2 * * *'
    });
    expect(body.run).toMatchObject({
      secrets: { DB: 'env:DB' },
      environment: { A: '1', B: 'two' },
      backoff_seconds: 60,
      texts: { lr: '0.5' }
    });
  });

  it.each([
    ['Fit the Model (2)', 'fit-the-model-2-'],
    ['__x', 'x'],
    ['a..b', 'a.b'],
    ['???', 'schedule']
  ])('of the notebook %s is called %s', (notebook, name) => {
    expect(scheduleNameOf(notebook)).toBe(name);
  });
});
