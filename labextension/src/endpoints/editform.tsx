import React from 'react';

import { Button, Trans } from '../react';
import { busy, IControl, IDraft } from './change';
import { Form } from './form';

/** A form for what somebody edits of an endpoint that others may change meanwhile. */
export function EditForm<T>(
  props: IControl & {
    label: string;
    draft: IDraft<T>;
    /** What keeps the draft from being sent; empty when nothing does. */
    problem?: string;
    /** That the draft would change nothing, in a sentence; false when it would. */
    unchanged: string | false;
    /** Send it; false when it was not done, and the draft stays. */
    onApply: () => Promise<boolean>;
    children: React.ReactNode;
  }
): JSX.Element {
  const { draft, unchanged, change, trans } = props;
  const apply = async (): Promise<void> => {
    if (await props.onApply()) {
      draft.reset();
    }
  };
  return (
    <Form
      label={props.label}
      submit={trans.__('Apply')}
      off={
        props.off ||
        props.problem ||
        (draft.moved && trans.__('Choose first which values to go on with.')) ||
        unchanged ||
        busy(change, trans)
      }
      onSubmit={() => void apply()}
      more={
        !unchanged && <Button label={trans.__('Reset')} onClick={draft.reset} />
      }
    >
      {props.children}
      {draft.moved && <Moved draft={draft} trans={trans} />}
    </Form>
  );
}

/** Says that others changed what is being edited, and lets one choose which of both to go on with. */
function Moved<T>(props: { draft: IDraft<T>; trans: Trans }): JSX.Element {
  const { draft, trans } = props;
  return (
    <div className="mj-Endpoint-moved" role="status">
      <p>
        {trans.__('The endpoint was changed while you were editing this form.')}
      </p>
      <Button
        label={trans.__('Use the present values')}
        onClick={draft.reset}
      />
      <Button label={trans.__('Keep mine')} onClick={draft.rebase} />
    </div>
  );
}
