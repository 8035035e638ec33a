import React from 'react';

import { IEndpoint, IModelVersion, IProblem, IPromoted } from '../api';
import { Button, Loading, plain, Trans, useValue } from '../react';
import { busy, IControl } from './change';
import { Form } from './form';

/** The versions of a model, newest first. */
export function versionsOf(
  versions: IModelVersion[] | undefined,
  model: string
): IModelVersion[] {
  return (versions ?? [])
    .filter(version => version.model === model)
    .sort((one, two) => two.version - one.version);
}

/** The version that gets most calls, the newest of equals. */
export function mainVersion({ spec }: IEndpoint): number | undefined {
  return Object.entries(spec.traffic.weights)
    .map(([version, weight]) => ({ version: Number(version), weight }))
    .sort((one, two) => two.weight - one.weight || two.version - one.version)[0]
    ?.version;
}

/** Give one version all calls, or go back to what served before. */
export function VersionsForm(props: IControl): JSX.Element {
  const { endpoint, store, trans, change } = props;
  const { name, model, revision } = endpoint.spec;
  const { value } = useValue(store.versions);
  const [chosen, setChosen] = React.useState<number>();
  const [warning, setWarning] = React.useState<IProblem | null>(null);
  const off = props.off || busy(change, trans);
  const versions = versionsOf(value, model).filter(
    ({ version }) => !servesAlone(endpoint, version)
  );
  const version =
    versions.find(one => one.version === chosen)?.version ??
    versions[0]?.version;

  const act = async (
    ask: () => Promise<IPromoted>,
    said: string
  ): Promise<void> => {
    setWarning(null);
    await change.run(async () => {
      const promoted = await ask();
      setWarning(promoted.warning);
      return promoted.status;
    }, said);
    // the alias moves with it
    store.models.invalidate();
    setChosen(undefined);
  };

  if (value === undefined) {
    return <Loading trans={trans} what={trans.__('Reading the versions…')} />;
  }
  return (
    <>
      {versions.length ? (
        <Form
          label={trans.__('Promote')}
          submit={trans.__('Promote')}
          off={off}
          onSubmit={() =>
            void act(
              () => store.api.promote(name, version, revision),
              trans.__('Version %1 gets all calls once it has loaded.', version)
            )
          }
        >
          <VersionSelect
            label={trans.__('Give all calls to')}
            versions={versions}
            version={version}
            off={props.off !== false}
            trans={trans}
            onChange={setChosen}
          />
        </Form>
      ) : (
        <p className="mj-Endpoint-form-hint">
          {trans.__(
            'There is no other version of this model. Register one to promote it.'
          )}
        </p>
      )}
      {warning && <Warning problem={warning} />}
      <Rollback
        previous={endpoint.previous}
        trans={trans}
        off={off}
        onClick={() =>
          void act(
            () => store.api.rollback(name, revision),
            trans.__('Rolled back to what served before.')
          )
        }
      />
    </>
  );
}

/** A version in a list, with the aliases that point at it. */
export function VersionSelect(props: {
  label: string;
  versions: IModelVersion[];
  version: number;
  off: boolean;
  trans: Trans;
  onChange: (version: number) => void;
}): JSX.Element {
  const id = React.useId();
  return (
    <span className="mj-Endpoint-field">
      <label htmlFor={id}>{props.label}</label>
      <select
        id={id}
        value={props.version}
        disabled={props.off}
        onChange={event => props.onChange(Number(event.target.value))}
      >
        {props.versions.map(({ version, aliases }) => (
          <option key={version} value={version}>
            {[
              props.trans.__('Version %1', version),
              ...aliases.map(alias => `@${plain(alias, 30)}`)
            ].join(' ')}
          </option>
        ))}
      </select>
    </span>
  );
}

function Rollback(props: {
  previous: number[];
  trans: Trans;
  off: string | false;
  onClick: () => void;
}): JSX.Element {
  const { previous, trans } = props;
  const before = previous.join(', ');
  return (
    <div className="mj-Endpoint-form-actions">
      <Button
        label={
          before
            ? trans._n(
                'Roll back to version %2',
                'Roll back to versions %2',
                previous.length,
                before
              )
            : trans.__('Roll back')
        }
        disabled={
          props.off ||
          (before === '' &&
            trans.__('Nothing else has served on this endpoint before.'))
        }
        onClick={props.onClick}
      />
    </div>
  );
}

/** What did not go well although the change was made. */
function Warning({ problem }: { problem: IProblem }): JSX.Element {
  return (
    <div className="mj-Endpoint-warning" role="alert">
      <p>{plain(problem.message, 500)}</p>
      {problem.reason && <p>{plain(problem.reason, 1000)}</p>}
      {problem.fix && <p>{plain(problem.fix, 500)}</p>}
    </div>
  );
}

function servesAlone({ spec }: IEndpoint, version: number): boolean {
  return spec.traffic.weights[version] === 100 && !spec.traffic.shadows.length;
}
