import React from 'react';

import { plain, Text, Trans } from '../react';
import { IInput, Misfit } from './inputs';

/** One column, tensor or parameter of a call, typed with what fits its type. */
export function InputField(props: {
  input: IInput;
  typed: string;
  misfit: Misfit | undefined;
  trans: Trans;
  onChange: (typed: string) => void;
}): JSX.Element {
  const { input, typed, misfit, trans, onChange } = props;
  const id = React.useId();
  const shared = {
    id,
    'aria-required': input.required,
    'aria-invalid': misfit !== undefined,
    'aria-describedby': misfit && `${id}-misfit`
  };
  return (
    <div className="mj-Endpoint-input">
      <label htmlFor={id}>
        {input.name === null ? (
          trans.__('Value')
        ) : (
          <Text most={60}>{String(input.name)}</Text>
        )}{' '}
        <span className="mj-Endpoint-input-type">
          {plain(input.type, 40)}
          {input.required ? '' : ` ${trans.__('(optional)')}`}
        </span>
      </label>
      {control(input, typed, onChange, shared, trans)}
      {misfit && (
        <p id={`${id}-misfit`} className="mj-Endpoint-input-misfit">
          {describeMisfit(misfit, trans)}
        </p>
      )}
    </div>
  );
}

function control(
  input: IInput,
  value: string,
  onChange: (typed: string) => void,
  shared: React.AriaAttributes & { id: string },
  trans: Trans
): JSX.Element {
  const change = (
    event: React.ChangeEvent<
      HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement
    >
  ): void => onChange(event.target.value);
  const common = { ...shared, value, onChange: change };
  const placeholder =
    input.fallback === undefined
      ? undefined
      : plain(JSON.stringify(input.fallback), 40);
  switch (input.kind) {
    case 'whole':
      return (
        <input {...common} type="number" step={1} placeholder={placeholder} />
      );
    case 'number':
      return (
        <input {...common} type="number" step="any" placeholder={placeholder} />
      );
    case 'boolean':
      return (
        <select {...common}>
          <option value="">{trans.__('(empty)')}</option>
          <option value="true">{trans.__('true')}</option>
          <option value="false">{trans.__('false')}</option>
        </select>
      );
    case 'date':
      return <input {...common} type="datetime-local" step={1} />;
    case 'json':
      return (
        <textarea
          {...common}
          rows={3}
          spellCheck={false}
          placeholder={placeholder ?? trans.__('JSON')}
        />
      );
    case 'binary':
      return <input {...common} type="text" placeholder={trans.__('Base64')} />;
    case 'text':
      return <input {...common} type="text" placeholder={placeholder} />;
  }
}

export function describeMisfit(misfit: Misfit, trans: Trans): string {
  switch (misfit) {
    case 'missing':
      return trans.__('This needs a value.');
    case 'not_whole':
      return trans.__('This must be a whole number.');
    case 'too_large':
      return trans.__(
        'A browser cannot send a number this large exactly; call it from Python.'
      );
    case 'not_json':
      return trans.__('This is not JSON.');
  }
}
