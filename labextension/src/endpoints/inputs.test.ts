import { describe, expect, it } from 'vitest';

import { IModelVersion } from '../api';
import { bodyOf, exampleOf, IInput, inputsOf, valueOf } from './inputs';

const version = (inputs: unknown, params?: unknown): IModelVersion =>
  ({
    signature: {
      inputs: typeof inputs === 'string' ? inputs : JSON.stringify(inputs),
      params: params && JSON.stringify(params)
    }
  }) as IModelVersion;

const input = (type: string, required = true): IInput =>
  inputsOf(version([{ type, name: 'x', required }])).inputs[0];

describe('a signature', () => {
  it('gives each column an input of its kind', () => {
    const { shape, inputs } = inputsOf(
      version(
        [
          'long',
          'integer',
          'double',
          'float',
          'boolean',
          'string',
          'datetime',
          'binary',
          'array',
          'object'
        ].map(type => ({ type, name: type, required: true }))
      )
    );
    expect(shape).toBe('columns');
    expect(inputs.map(({ kind }) => kind)).toEqual([
      'whole',
      'whole',
      'number',
      'number',
      'boolean',
      'text',
      'date',
      'binary',
      'json',
      'json'
    ]);
  });

  it('of tensors says their type and shape', () => {
    const found = inputsOf(
      version([
        { type: 'tensor', 'tensor-spec': { dtype: 'float64', shape: [-1, 3] } }
      ])
    );
    expect(found.shape).toBe('tensors');
    expect(found.inputs[0]).toMatchObject({
      name: null,
      kind: 'json',
      type: 'float64 (-1, 3)'
    });
  });

  it.each([
    ['that is missing', undefined],
    ['that is no JSON', version('{')],
    ['that is no list', version({ type: 'long' })],
    ['that is empty', version([])],
    ['of nulls', version([null])]
  ])('%s leaves the whole body to be typed', (_, one) => {
    expect(inputsOf(one)).toEqual({ shape: 'body', inputs: [], params: [] });
  });

  it('with parameters makes them optional and names what they are else', () => {
    const { params } = inputsOf(
      version(
        [{ type: 'long', name: 'a', required: true }],
        [{ name: 't', type: 'double', default: 0.5, shape: null }]
      )
    );
    expect(params).toEqual([
      {
        name: 't',
        kind: 'number',
        type: 'double',
        required: false,
        fallback: 0.5
      }
    ]);
  });
});

describe('what is typed', () => {
  it.each([
    ['long', ' 12 ', 12],
    ['double', '-1.5e3', -1500],
    ['boolean', 'false', false],
    ['string', ' a ', ' a '],
    ['string', '  ', '  '],
    ['datetime', '2026-01-31T12:00', '2026-01-31T12:00'],
    ['binary', 'AAEC', 'AAEC'],
    ['array', '[1, [2]]', [1, [2]]]
  ])('as %s is sent as such', (type, typed, value) => {
    expect(valueOf(input(type), typed)).toEqual(value);
  });

  it.each([
    ['long', '1.5', 'not_whole'],
    ['long', '9007199254740993', 'too_large'],
    ['array', '[1', 'not_json'],
    ['long', '', 'missing'],
    ['boolean', '', 'missing']
  ])('as %s does not fit: %s', (type, typed, misfit) => {
    let thrown: unknown;
    try {
      valueOf(input(type), typed);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBe(misfit);
  });

  it('may be nothing where the type has a missing value', () => {
    expect(valueOf(input('double'), '')).toBeNull();
    expect(valueOf(input('datetime'), '')).toBeNull();
    expect(valueOf(input('string'), '')).toBe('');
  });

  it('is left out where it is optional and nothing', () => {
    expect(valueOf(input('long', false), '')).toBeUndefined();
  });
});

describe('the body of a call', () => {
  const columns = inputsOf(
    version([
      { type: 'long', name: 'a', required: true },
      { type: 'double', name: '__proto__', required: false },
      { type: 'string', name: 7, required: true }
    ])
  );

  it('is one row of the columns that are given', () => {
    expect(bodyOf(columns, [1, undefined, 'x'], {})).toEqual({
      dataframe_split: { columns: ['a', 7], data: [[1, 'x']] }
    });
    expect(bodyOf(columns, [1, 2, 'x'], { t: 1 })).toEqual({
      dataframe_split: { columns: ['a', '__proto__', 7], data: [[1, 2, 'x']] },
      params: { t: 1 }
    });
  });

  it('has no names where the signature has none', () => {
    const one = inputsOf(version([{ type: 'long', required: true }]));
    expect(bodyOf(one, [3], {})).toEqual({ dataframe_split: { data: [[3]] } });
  });

  it('has tensors as inputs, by name if they have some', () => {
    const tensor = {
      type: 'tensor',
      'tensor-spec': { dtype: 'f', shape: [1] }
    };
    expect(bodyOf(inputsOf(version([tensor])), [[[1]]], {})).toEqual({
      inputs: [[1]]
    });
    const named = inputsOf(version([{ ...tensor, name: 'q' }]));
    expect(bodyOf(named, [[1]], {})).toEqual({ inputs: { q: [1] } });
  });

  it('as an example has the right types', () => {
    expect(exampleOf(columns)).toEqual({
      dataframe_split: {
        columns: ['a', '__proto__', 7],
        data: [[1, 0.5, 'text']]
      }
    });
  });
});
