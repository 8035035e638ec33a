import React from 'react';

import { IStatus } from '../api';
import { IViewContext } from '../context';
import { FoldButton } from '../fold';
import { Button, Text } from '../react';
import { IModel } from './group';
import { Version } from './version';

/** So many versions are shown at first, and with each "Show more". */
const STEP = 5;

/** A model that unfolds to its versions. */
export function Model(
  props: IViewContext & {
    model: IModel;
    initiallyOpen: boolean;
    /** Names of endpoints by `model/version`. */
    served: Map<string, string[]>;
    status: IStatus | undefined;
  }
): JSX.Element {
  const { model, trans } = props;
  const [open, setOpen] = React.useState(props.initiallyOpen);
  const [shown, setShown] = React.useState(STEP);
  const id = React.useId();
  const more = model.versions.length - shown;
  return (
    <li className="mj-Models-model">
      <h3>
        <FoldButton open={open} controls={id} onClick={() => setOpen(!open)}>
          <Text>{model.name}</Text>
          <span className="mj-Models-count">
            {trans._n('%1 version', '%1 versions', model.versions.length)}
          </span>
        </FoldButton>
      </h3>
      <div id={id} hidden={!open}>
        {open && (
          <>
            <Notes model={model} trans={trans} />
            <ul
              className="mj-Models-versions"
              aria-label={trans.__('Versions, newest first')}
            >
              {model.versions.slice(0, shown).map(version => (
                <Version
                  key={version.version}
                  store={props.store}
                  trans={trans}
                  commands={props.commands}
                  state={props.state}
                  status={props.status}
                  version={version}
                  aliases={model.aliases.get(version.version) ?? []}
                  served={
                    props.served.get(`${model.name}/${version.version}`) ?? []
                  }
                />
              ))}
            </ul>
            {more > 0 && (
              <Button
                kind="link"
                label={trans._n('Show %1 older', 'Show %1 older', more)}
                onClick={() => setShown(shown + 10 * STEP)}
              />
            )}
          </>
        )}
      </div>
    </li>
  );
}

/** What the registry says of the model, and what the hub has not of it. */
function Notes(
  props: Pick<IViewContext, 'trans'> & { model: IModel }
): JSX.Element {
  const { model, trans } = props;
  const elsewhere = [...model.aliases].filter(
    ([number]) => !model.versions.some(({ version }) => version === number)
  );
  return (
    <>
      {model.description && (
        <p className="mj-Models-note">
          <Text most={300}>{model.description}</Text>
        </p>
      )}
      {model.problem && (
        <p className="mj-Models-problem">
          <Text most={500}>{model.problem}</Text>
        </p>
      )}
      {model.versions.length === 0 && (
        <p className="mj-Models-note">
          {model.latest === null
            ? trans.__('The registry has no version of it.')
            : trans.__(
                'It is in the registry with version %1, and no version of it has come to the hub. Deploy it from a notebook:',
                model.latest
              )}
          {model.latest !== null && (
            <>
              {' '}
              <Text className="mj-Fact-code">{`%deploy ${model.name}`}</Text>
            </>
          )}
        </p>
      )}
      {model.versions.length > 0 &&
        elsewhere.map(([number, aliases]) => (
          <p key={number} className="mj-Models-note">
            <Text most={120}>{aliases.join(', ')}</Text>{' '}
            {trans.__('means version %1, which the hub has not.', number)}
          </p>
        ))}
    </>
  );
}
