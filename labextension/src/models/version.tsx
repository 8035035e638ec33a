import React from 'react';

import { IModelVersion, IStatus } from '../api';
import { IViewContext } from '../context';
import { refusal } from '../endpoints/rights';
import { FoldButton } from '../fold';
import { Since } from '../hub/since';
import { lazily } from '../lazy';
import { Button, Text } from '../react';

// most pages only look at versions
const DeployForm = lazily(() => import('./deploy'));
const Lineage = lazily(() => import('./lineage'));

/** A version on two lines; where it came from and its deployment unfold. */
export function Version(
  props: IViewContext & {
    version: IModelVersion;
    aliases: string[];
    /** Names of the endpoints that answer with it. */
    served: string[];
    status: IStatus | undefined;
  }
): JSX.Element {
  const { version, store, trans } = props;
  const [open, setOpen] = React.useState(false);
  const [deploying, setDeploying] = React.useState(false);
  const id = React.useId();
  return (
    <li className="mj-Models-version">
      <div className="mj-Models-line">
        <FoldButton open={open} controls={id} onClick={() => setOpen(!open)}>
          {trans.__('Version %1', version.version)}
        </FoldButton>
        <span className="mj-Models-chips">
          {version.flavors.mlops_pipeline && (
            <span className="mj-Models-chip">{trans.__('pipeline')}</span>
          )}
          {props.aliases.map(alias => (
            <Chip key={alias} label={trans.__('Alias')} name={alias} />
          ))}
        </span>
        <Button
          label={trans.__('Deploy version %1', version.version)}
          disabled={refusal(props.status, 'deploy', trans)}
          pressed={deploying}
          onClick={() => setDeploying(!deploying)}
        >
          {trans.__('Deploy')}
        </Button>
      </div>
      <p className="mj-Models-when">
        <Since seconds={version.created_at} />
        {version.lineage.user !== null && (
          <>
            {' · '}
            <Text most={40}>{version.lineage.user}</Text>
          </>
        )}
        {props.served.length > 0 && (
          <>
            {' · '}
            {trans.__('answers at')}{' '}
            <Text most={120}>{props.served.join(', ')}</Text>
          </>
        )}
      </p>
      {deploying && (
        <DeployForm
          version={version}
          store={store}
          trans={trans}
          onClose={() => setDeploying(false)}
        />
      )}
      <div id={id} hidden={!open}>
        {open && (
          <Lineage
            version={version}
            store={store}
            trans={trans}
            commands={props.commands}
          />
        )}
      </div>
    </li>
  );
}

function Chip(props: { label: string; name: string }): JSX.Element {
  return (
    <span className="mj-Models-chip" title={props.label}>
      <Text most={30}>{props.name}</Text>
    </span>
  );
}
