/** What a model version wants to be called with: its MLflow signature as fields of a form. */

import { IModelVersion } from '../api';

/** The types of MLflow's columns that have an input of their own; all else is typed as JSON. */
export type InputKind =
  'whole' | 'number' | 'boolean' | 'text' | 'date' | 'binary' | 'json';

export interface IInput {
  /** As the model knows it; null where the signature has no names. */
  name: string | number | null;
  kind: InputKind;
  /** MLflow's name of the type, to be shown. */
  type: string;
  required: boolean;
  /** What a parameter is when it is not given. */
  fallback?: unknown;
}

/** The shape in which a version is called. `body` is typed whole where nothing is known. */
export type Shape = 'columns' | 'tensors' | 'body';

export interface IInputs {
  shape: Shape;
  inputs: IInput[];
  params: IInput[];
}

/** Why what is typed cannot be sent. */
export type Misfit = 'missing' | 'not_whole' | 'too_large' | 'not_json';

const KINDS: Record<string, InputKind> = {
  integer: 'whole',
  long: 'whole',
  float: 'number',
  double: 'number',
  boolean: 'boolean',
  string: 'text',
  datetime: 'date',
  binary: 'binary'
};
/** A value of these may be missing even where the column is required. */
const NULLABLE = ['float', 'double', 'binary', 'datetime'];

export function inputsOf(version: IModelVersion | undefined): IInputs {
  const described = entries(version?.signature?.inputs);
  const params = entries(version?.signature?.params).map(asInput);
  if (!described.length) {
    return { shape: 'body', inputs: [], params: [] };
  }
  const inputs = described.map(asInput);
  const shape = described[0].type === 'tensor' ? 'tensors' : 'columns';
  return { shape, inputs, params };
}

/**
 * The value that is sent for what was typed; undefined when the input is left out.
 *
 * Throws a Misfit.
 */
export function valueOf(input: IInput, typed: string): unknown {
  if (typed.trim() === '' && !(input.kind === 'text' && typed !== '')) {
    return valueOfNothing(input);
  }
  switch (input.kind) {
    case 'whole': {
      const value = Number(typed);
      if (!Number.isInteger(value)) {
        throw 'not_whole' satisfies Misfit;
      }
      if (!Number.isSafeInteger(value)) {
        throw 'too_large' satisfies Misfit;
      }
      return value;
    }
    case 'number':
      return Number(typed);
    case 'boolean':
      return typed === 'true';
    case 'json':
      return parse(typed);
    default:
      return typed;
  }
}

function valueOfNothing(input: IInput): unknown {
  if (!input.required) {
    return undefined;
  }
  if (input.kind === 'text') {
    return '';
  }
  if (NULLABLE.includes(input.type)) {
    return null;
  }
  throw 'missing' satisfies Misfit;
}

/** The request of one row; `values` are by position, undefined ones are left out. */
export function bodyOf(
  { shape, inputs }: IInputs,
  values: unknown[],
  params: Record<string, unknown>
): unknown {
  const more = Object.keys(params).length ? { params } : {};
  if (shape === 'tensors') {
    const named = inputs.every(input => input.name !== null);
    const given = named
      ? Object.fromEntries(inputs.map((one, at) => [one.name, values[at]]))
      : values[0];
    return { inputs: given, ...more };
  }
  if (inputs.some(input => input.name === null)) {
    return {
      dataframe_split: { data: [values.map(value => value ?? null)] },
      ...more
    };
  }
  const kept = inputs.map((_, at) => at).filter(at => values[at] !== undefined);
  return {
    dataframe_split: {
      columns: kept.map(at => inputs[at].name),
      data: [kept.map(at => values[at])]
    },
    ...more
  };
}

const EXAMPLES: Record<InputKind, unknown> = {
  whole: 1,
  number: 0.5,
  boolean: true,
  text: 'text',
  date: '2026-01-31T12:00:00',
  binary: 'AAEC',
  json: []
};

/** A request with the right types and no real data. */
export function exampleOf(inputs: IInputs): unknown {
  if (inputs.shape === 'body') {
    return { dataframe_split: { columns: ['column'], data: [[0.5]] } };
  }
  return bodyOf(
    inputs,
    inputs.inputs.map(input => EXAMPLES[input.kind]),
    {}
  );
}

/** JSON that somebody typed; throws a Misfit. */
export function parse(typed: string): unknown {
  try {
    return JSON.parse(typed);
  } catch {
    throw 'not_json' satisfies Misfit;
  }
}

interface IDescribed {
  name?: string | number | null;
  type?: unknown;
  required?: boolean;
  default?: unknown;
  shape?: unknown;
  'tensor-spec'?: { dtype?: string; shape?: number[] };
}

function entries(text: string | null | undefined): IDescribed[] {
  if (!text) {
    return [];
  }
  try {
    const described: unknown = JSON.parse(text);
    return Array.isArray(described)
      ? described.filter(one => typeof one === 'object' && one !== null)
      : [];
  } catch {
    // a signature that cannot be read is as good as none: the body is typed whole
    return [];
  }
}

function asInput(described: IDescribed): IInput {
  const spec = described['tensor-spec'];
  const type = String(described.type);
  const single = spec === undefined && !described.shape;
  return {
    name: described.name ?? null,
    kind: single ? (KINDS[type] ?? 'json') : 'json',
    type: spec
      ? `${spec.dtype} (${(spec.shape ?? []).join(', ')})`
      : single
        ? type
        : `[${type}]`,
    required: described.required ?? !('default' in described),
    fallback: described.default
  };
}
