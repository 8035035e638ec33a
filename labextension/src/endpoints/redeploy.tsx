import React from 'react';

import { useValue } from '../react';
import { busy, IControl } from './change';
import { Form } from './form';
import { mainVersion, VersionSelect, versionsOf } from './versions';

/** Serve again on an endpoint that is undeployed, with the scaling that it had. */
export default function Redeploy(props: IControl): JSX.Element | null {
  const { endpoint, store, trans, change } = props;
  const { name, model, revision } = endpoint.spec;
  const { value } = useValue(store.versions);
  const [chosen, setChosen] = React.useState<number>();
  const versions = versionsOf(value, model);
  const find = (wanted: number | undefined): (typeof versions)[0] | undefined =>
    versions.find(({ version }) => version === wanted);
  const version = find(chosen) ?? find(mainVersion(endpoint)) ?? versions[0];
  if (version === undefined) {
    return null;
  }
  return (
    <Form
      label={trans.__('Deploy again')}
      submit={trans.__('Deploy Again')}
      off={props.off || busy(change, trans)}
      onSubmit={() =>
        void change.run(
          () => store.api.deploy(name, version, { revision }),
          trans.__('Version %1 is being deployed.', version.version)
        )
      }
    >
      <VersionSelect
        label={trans.__('Serve')}
        versions={versions}
        version={version.version}
        off={props.off !== false}
        trans={trans}
        onChange={setChosen}
      />
    </Form>
  );
}
