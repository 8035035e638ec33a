/** A part of the sidebar that folds. */

import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import { IStateDB } from '@jupyterlab/statedb';
import React from 'react';

const PREFIX = '@mlops-jupyter/labextension:folded:';

/** Whether a section is open; remembered in the browser's workspace. */
function useOpen(
  id: string,
  state: IStateDB | null,
  initially: boolean
): [boolean, (open: boolean) => void] {
  const [open, setOpen] = React.useState(initially);
  React.useEffect(() => {
    void state?.fetch(PREFIX + id).then(kept => {
      if (typeof kept === 'boolean') {
        setOpen(kept);
      }
    });
  }, [id, state]);
  return [
    open,
    next => {
      setOpen(next);
      void state?.save(PREFIX + id, next);
    }
  ];
}

/** Its content is only mounted, and so its data only read, while it is open. */
export function Section(props: {
  id: string;
  title: string;
  state: IStateDB | null;
  initiallyOpen?: boolean;
  badge?: React.ReactNode;
  actions?: React.ReactNode;
  children: React.ReactNode;
}): JSX.Element {
  const [open, setOpen] = useOpen(
    props.id,
    props.state,
    props.initiallyOpen ?? true
  );
  const content = `mj-section-${props.id}`;
  const Caret = open ? caretDownIcon : caretRightIcon;
  return (
    <section
      className={`mj-Section${open ? ' mj-mod-open' : ''}`}
      aria-label={props.title}
    >
      <div className="mj-Section-head">
        <h2>
          <button
            type="button"
            className="mj-Section-toggle"
            aria-expanded={open}
            aria-controls={content}
            onClick={() => setOpen(!open)}
          >
            <Caret.react tag="span" className="mj-Section-caret" />
            {props.title}
          </button>
        </h2>
        {props.badge}
        {open && <span className="mj-Section-actions">{props.actions}</span>}
      </div>
      {open && (
        <div className="mj-Section-content" id={content}>
          {props.children}
        </div>
      )}
    </section>
  );
}
