/** A part of the sidebar that folds. */

import { IStateDB } from '@jupyterlab/statedb';
import React from 'react';

import { FoldButton } from './fold';
import { Trans } from './react';

export type SectionId =
  'endpoints' | 'models' | 'runs' | 'schedules' | 'audit' | 'hub';

export function titleOf(id: SectionId, trans: Trans): string {
  switch (id) {
    case 'endpoints':
      return trans.__('Endpoints');
    case 'models':
      return trans.__('Models');
    case 'runs':
      return trans.__('Runs');
    case 'schedules':
      return trans.__('Schedules');
    case 'audit':
      return trans.__('Audit history');
    case 'hub':
      return trans.__('Hub');
  }
}

const PREFIX = '@mlops-jupyter/labextension:folded:';

/** Whether a section is open; remembered in the browser's workspace. */
function useOpen(
  id: SectionId,
  state: IStateDB | null
): [boolean, (open: boolean) => void] {
  const [open, setOpen] = React.useState(true);
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
  id: SectionId;
  trans: Trans;
  state: IStateDB | null;
  badge?: React.ReactNode;
  actions?: React.ReactNode;
  children: React.ReactNode;
}): JSX.Element {
  const [open, setOpen] = useOpen(props.id, props.state);
  const title = titleOf(props.id, props.trans);
  const content = `mj-section-${props.id}`;
  return (
    <section
      className={`mj-Section${open ? ' mj-mod-open' : ''}`}
      aria-label={title}
    >
      <div className="mj-Section-head">
        <h2>
          <FoldButton
            open={open}
            controls={content}
            onClick={() => setOpen(!open)}
          >
            {title}
          </FoldButton>
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
