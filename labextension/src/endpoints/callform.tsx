import { Clipboard } from '@jupyterlab/apputils';
import React from 'react';

import { ApiError } from '../api';
import { Button, ErrorNote, Loading, plain, Trans, useValue } from '../react';
import { Store } from '../store';
import { asApiError } from '../value';
import { IControl } from './change';
import { Form } from './form';
import { InputField } from './inputfield';
import {
  bodyOf,
  exampleOf,
  IInput,
  IInputs,
  inputsOf,
  Misfit,
  parse,
  valueOf
} from './inputs';
import { figure } from './rates';
import { curl, python } from './snippets';
import { mainVersion, versionsOf } from './versions';

/** Fields that a form may have; a wider model is called with JSON. */
const MOST_FIELDS = 200;
const MOST_SHOWN = 20_000;

/** Programs that call an endpoint, and a form that calls it here and now. */
export function CallForm(props: Omit<IControl, 'change'>): JSX.Element {
  const { endpoint, store, trans } = props;
  const { value, error } = useValue(store.versions);
  const main = mainVersion(endpoint);
  const version = versionsOf(value, endpoint.spec.model).find(
    one => one.version === main
  );
  const inputs = React.useMemo(() => inputsOf(version), [version]);
  if (value === undefined && error === undefined) {
    return <Loading trans={trans} what={trans.__('Reading the signature…')} />;
  }
  const wide = inputs.inputs.length > MOST_FIELDS;
  return (
    <>
      <CopyCall url={endpoint.url} inputs={inputs} trans={trans} />
      <TryForm
        // another version may want other fields
        key={version?.digest}
        name={endpoint.spec.name}
        inputs={wide ? { ...inputs, shape: 'body' } : inputs}
        store={store}
        trans={trans}
        off={props.off}
      />
    </>
  );
}

function CopyCall(props: {
  url: string;
  inputs: IInputs;
  trans: Trans;
}): JSX.Element {
  const { url, inputs, trans } = props;
  const [copied, setCopied] = React.useState('');
  const copy = (program: string): void => {
    Clipboard.copyToSystem(program);
    setCopied(program);
  };
  const example = exampleOf(inputs);
  return (
    <>
      <div className="mj-Endpoint-form-actions mj-Endpoint-copy">
        <Button
          label={trans.__('Copy as curl')}
          onClick={() => copy(curl(url, example))}
        />
        <Button
          label={trans.__('Copy as Python')}
          onClick={() => copy(python(url, example))}
        />
      </div>
      <p role="status" className="mj-Endpoint-outcome">
        {copied && trans.__('Copied. It takes its token from MLOPS_TOKEN.')}
      </p>
      {copied && (
        <pre
          className="mj-Endpoint-code"
          tabIndex={0}
          aria-label={trans.__('What was copied')}
        >
          {copied}
        </pre>
      )}
    </>
  );
}

interface IAnswer {
  text?: string;
  error?: ApiError;
  milliseconds?: number;
}

function TryForm(props: {
  name: string;
  inputs: IInputs;
  store: Store;
  trans: Trans;
  off: string | false;
}): JSX.Element {
  const { name, inputs, store, trans } = props;
  const request = useRequest(inputs);
  const [busy, setBusy] = React.useState(false);
  const [answer, setAnswer] = React.useState<IAnswer>();

  const send = async (): Promise<void> => {
    const body = request.read();
    if (body === undefined) {
      setAnswer(undefined);
      return;
    }
    setBusy(true);
    const begun = performance.now();
    try {
      const said = await store.api.invoke(name, body);
      setAnswer({
        text: JSON.stringify(said, undefined, 2),
        milliseconds: performance.now() - begun
      });
    } catch (thrown) {
      setAnswer({ error: asApiError(thrown) });
    } finally {
      setBusy(false);
    }
  };

  return (
    <>
      <Form
        label={trans.__('Try it')}
        submit={trans.__('Try it')}
        off={props.off || (busy && trans.__('Waiting for the answer…'))}
        onSubmit={() => void send()}
      >
        {request.fields.map(({ input, typed, misfit }, at) => (
          <InputField
            key={at}
            input={input}
            typed={typed}
            misfit={misfit}
            trans={trans}
            onChange={next => request.put(at, next)}
          />
        ))}
      </Form>
      <Answer answer={answer} trans={trans} />
    </>
  );
}

interface IField {
  input: IInput;
  typed: string;
  misfit: Misfit | undefined;
}

/** What is typed of a request. `read` gives its body, or marks what does not fit. */
function useRequest(inputs: IInputs): {
  fields: IField[];
  put: (at: number, typed: string) => void;
  read: () => unknown;
} {
  const whole = inputs.shape === 'body';
  const wanted = React.useMemo(
    () => (whole ? [BODY] : [...inputs.inputs, ...inputs.params]),
    [inputs, whole]
  );
  const [typed, setTyped] = React.useState<string[]>(() =>
    wanted.map(() => (whole ? JSON.stringify(exampleOf(inputs)) : ''))
  );
  const [misfits, setMisfits] = React.useState<(Misfit | undefined)[]>([]);

  const read = (): unknown => {
    const found: (Misfit | undefined)[] = [];
    const values = wanted.map((input, at) => {
      try {
        return whole ? parse(typed[at]) : valueOf(input, typed[at]);
      } catch (misfit) {
        found[at] = misfit as Misfit;
        return undefined;
      }
    });
    setMisfits(found);
    if (found.some(misfit => misfit !== undefined)) {
      return undefined;
    }
    const params = inputs.params
      .map((param, at) => [param.name, values[inputs.inputs.length + at]])
      .filter(([, value]) => value !== undefined);
    return whole
      ? values[0]
      : bodyOf(
          inputs,
          values.slice(0, inputs.inputs.length),
          Object.fromEntries(params)
        );
  };
  return {
    fields: wanted.map((input, at) => ({
      input,
      typed: typed[at],
      misfit: misfits[at]
    })),
    put: (at, next) =>
      setTyped(before => before.map((one, i) => (i === at ? next : one))),
    read
  };
}

/** Stands for the whole request where a version says nothing of its inputs. */
const BODY: IInput = {
  name: null,
  kind: 'json',
  type: 'JSON',
  required: true
};

function Answer(props: {
  answer: IAnswer | undefined;
  trans: Trans;
}): JSX.Element {
  const { answer, trans } = props;
  return (
    <>
      <p role="status" className="mj-Endpoint-outcome">
        {answer?.milliseconds !== undefined &&
          trans.__('Answered in %1 ms.', figure(answer.milliseconds))}
      </p>
      {answer?.text !== undefined && (
        <pre
          className="mj-Endpoint-code"
          tabIndex={0}
          aria-label={trans.__('Answer')}
        >
          {shown(answer.text)}
        </pre>
      )}
      {answer?.error && <ErrorNote error={answer.error} trans={trans} />}
    </>
  );
}

/** Text in lines, each as `plain` shows it. */
function shown(text: string): string {
  const cut =
    text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}\n…` : text;
  return cut
    .split('\n')
    .map(line => plain(line, MOST_SHOWN))
    .join('\n');
}
