import React from 'react';

import { IEndpoint } from '../api';
import { IViewContext } from '../context';
import { groupModels, IModel } from '../models/group';
import { Model } from '../models/model';
import { servedBy } from '../models/progress';
import { Button, Empty, ErrorNote, Loading, useNow, useValue } from '../react';
import { Section } from '../section';

const REGISTER = '%load_ext mlops_jupyter\n%register NAME --model VARIABLE';
/** So few models are unfolded at once. */
const FEW = 2;
/** So many models are shown at first, and with each "Show more". */
const STEP = 50;
/** From so many on one wants to search. */
const MANY = 10;

/** The registered models: versions, aliases, where they came from, and their deployment. */
export function ModelsSection(props: IViewContext): JSX.Element {
  return (
    <Section id="models" trans={props.trans} state={props.state}>
      <Models {...props} />
    </Section>
  );
}

function Models(props: IViewContext): JSX.Element {
  const { store, trans } = props;
  const versions = useValue(store.versions);
  const registry = useValue(store.models);
  // versions are there at once and the registry takes seconds: neither waits for the other
  const models = React.useMemo(
    () =>
      versions.value || registry.value
        ? groupModels(versions.value ?? [], registry.value)
        : undefined,
    [versions.value, registry.value]
  );
  return (
    <div className="mj-Models">
      {versions.error &&
        (versions.error.code === 'hub_stopped' ? (
          <p role="status">
            {trans.__(
              'The hub is stopped: start it under “Hub” to see and deploy versions.'
            )}
          </p>
        ) : (
          <ErrorNote
            error={versions.error}
            trans={trans}
            retry={() => void store.versions.refresh()}
          />
        ))}
      {registry.error && registry.error.code !== versions.error?.code && (
        <ErrorNote
          error={registry.error}
          trans={trans}
          retry={() => void store.models.refresh()}
        />
      )}
      {models === undefined ? (
        !versions.error && (
          <Loading trans={trans} what={trans.__('Reading the models…')} />
        )
      ) : (
        <List {...props} models={models} />
      )}
      {registry.value === undefined && registry.loading && models && (
        <Loading
          trans={trans}
          what={trans.__('Asking MLflow for the aliases…')}
        />
      )}
    </div>
  );
}

function List(props: IViewContext & { models: IModel[] }): JSX.Element {
  const { store, trans, commands, state, models } = props;
  const { value: status } = useValue(store.status);
  const { value: endpoints } = useValue(store.endpoints);
  const [wanted, setWanted] = React.useState('');
  const [shown, setShown] = React.useState(STEP);
  const served = React.useMemo(() => namesOf(endpoints), [endpoints]);
  useNow(30);
  if (!models.length) {
    return (
      <Empty>
        <p>{trans.__('No model is registered yet.')}</p>
        <p>{trans.__('Register one from a notebook:')}</p>
        <pre className="mj-Fact-code">{REGISTER}</pre>
      </Empty>
    );
  }
  const found = models.filter(({ name }) =>
    name.toLowerCase().includes(wanted.toLowerCase())
  );
  return (
    <>
      {models.length >= MANY && (
        <input
          type="search"
          className="mj-Models-search"
          aria-label={trans.__('Find a model by its name')}
          placeholder={trans.__('Find a model')}
          value={wanted}
          onChange={event => setWanted(event.target.value)}
        />
      )}
      <ul className="mj-Models-list" aria-label={trans.__('Models')}>
        {found.slice(0, shown).map(model => (
          <Model
            key={model.name}
            store={store}
            trans={trans}
            commands={commands}
            state={state}
            model={model}
            initiallyOpen={models.length <= FEW}
            served={served}
            status={status}
          />
        ))}
      </ul>
      {!found.length && <Empty>{trans.__('No model has such a name.')}</Empty>}
      {found.length > shown && (
        <Button
          kind="link"
          label={trans._n('Show %1 more', 'Show %1 more', found.length - shown)}
          onClick={() => setShown(shown + STEP)}
        />
      )}
    </>
  );
}

/** Names of the endpoints that answer with each `model/version`. */
function namesOf(endpoints: IEndpoint[] | undefined): Map<string, string[]> {
  const names = new Map<string, string[]>();
  for (const endpoint of endpoints ?? []) {
    for (const ref of endpoint.spec.deployed ? servedBy(endpoint) : []) {
      names.set(ref, [...(names.get(ref) ?? []), endpoint.spec.name]);
    }
  }
  return names;
}
