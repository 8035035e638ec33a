import React from 'react';

import { IStatus } from '../api';
import { Text, Trans } from '../react';
import { Facts } from './facts';

/** Who asks, and what that is worth. */
export function User(props: { status: IStatus; trans: Trans }): JSX.Element {
  const { trans } = props;
  const { user, rights } = props.status;
  return (
    <>
      <Facts
        label={trans.__('You')}
        facts={[
          [trans.__('You'), <Text key="you">{user.name || user.subject}</Text>],
          [
            trans.__('In records'),
            <Text key="subject" className="mj-Fact-code">
              {user.subject}
            </Text>
          ],
          [
            trans.__('Proof'),
            user.proven ? (
              proofOf(user.method, trans)
            ) : (
              <strong key="none">{trans.__('none')}</strong>
            )
          ],
          [trans.__('Rights'), <Text key="rights">{rights.join(', ')}</Text>]
        ]}
      />
      {!user.proven && (
        <p className="mj-Hub-note">
          {trans.__(
            'Jupyter’s token shows that somebody may use this server, not who it is. So records name the account that the server runs under. Through JupyterHub, or an identity provider, they name the person.'
          )}
        </p>
      )}
    </>
  );
}

function proofOf(method: string, trans: Trans): React.ReactNode {
  switch (method) {
    case 'jupyterhub':
      return trans.__('JupyterHub’s login');
    case 'identity-provider':
      return trans.__('the server’s identity provider');
    default:
      return <Text>{method}</Text>;
  }
}
