/** A server of endpoints for the tests of the views: it keeps what is changed, and what was asked. */

import {
  Api,
  ApiError,
  IEndpoint,
  IModelVersion,
  IScaling,
  ITraffic,
  Right
} from '../src/api';
import { endpoint, version as sample } from './samples';

const ALL: Right[] = ['read', 'invoke', 'deploy', 'audit', 'token', 'hub'];

/** A version of `model` that takes `inputs`. */
export function version(number: number, inputs: unknown[] = []): IModelVersion {
  return {
    ...sample('model', number),
    digest: `digest-${number}`,
    aliases: number === 3 ? ['challenger'] : [],
    signature: { inputs: JSON.stringify(inputs) }
  };
}

const COLUMNS = [
  { type: 'long', name: 'age', required: true },
  { type: 'boolean', name: 'active', required: true },
  { type: 'string', name: 'plan', required: false }
];

/** A server's part of the talk: what it has, and what it was asked to change. */
export class EndpointServer {
  endpoints: IEndpoint[] = [endpoint('churn')];
  versionList = [version(1), version(2, COLUMNS), version(3)];
  rights = ALL;
  down: ApiError | undefined;
  /** Thrown by the next change. */
  refusal: ApiError | undefined;
  readonly asked: unknown[][] = [];
  readonly histories: string[] = [];

  readonly api = {
    status: async () => ({ rights: this.rights }),
    endpoints: async () => {
      if (this.down) {
        throw this.down;
      }
      return this.endpoints;
    },
    endpoint: async (name: string) => this.find(name),
    versions: async () => this.versionList,
    models: async () => [],
    history: async (name: string) => {
      this.histories.push(name);
      return {
        step: 5,
        requests_per_second: [0, 2, 4],
        p99_ms: [null, 3, 9]
      };
    },
    startHub: async () => undefined,
    scale: async (name: string, scaling: IScaling, revision: number) =>
      this.change(['scale', name, scaling, revision], { scaling }),
    traffic: async (name: string, traffic: ITraffic, revision: number) =>
      this.change(['traffic', name, traffic, revision], { traffic }),
    promote: async (name: string, to: number, revision: number) => ({
      status: this.change(['promote', name, to, revision], {
        traffic: { weights: { [to]: 100 }, shadows: [] }
      }),
      warning: {
        code: 'alias_not_moved',
        message: 'The alias was not moved.',
        reason: 'MLflow does not answer.',
        fix: 'Move it later.'
      }
    }),
    rollback: async (name: string, revision: number) => ({
      status: this.change(['rollback', name, revision], {}),
      warning: null
    }),
    undeploy: async (name: string, revision: number) =>
      this.change(['undeploy', name, revision], { deployed: false }),
    deploy: async (name: string, one: IModelVersion, options: object) =>
      this.change(['deploy', name, one.version, options], { deployed: true }),
    invoke: async (name: string, body: unknown) => {
      this.asked.push(['invoke', name, body]);
      if (this.refusal) {
        throw this.refusal;
      }
      return { predictions: ['<b>1</b>'] };
    }
  } as unknown as Api;

  /** Somebody else changes it. */
  meanwhile(name: string, spec: Partial<IEndpoint['spec']>): void {
    const { spec: before } = this.find(name);
    this.put(
      endpoint(name, {
        spec: { ...before, ...spec, revision: before.revision + 1 },
        updated_by: 'user:bob'
      })
    );
  }

  private find(name: string): IEndpoint {
    return this.endpoints.find(({ spec }) => spec.name === name)!;
  }

  private put(changed: IEndpoint): void {
    this.endpoints = this.endpoints.map(one =>
      one.spec.name === changed.spec.name ? changed : one
    );
  }

  private change(
    asked: unknown[],
    spec: Partial<IEndpoint['spec']>
  ): IEndpoint {
    this.asked.push(asked);
    if (this.refusal) {
      throw this.refusal;
    }
    const { spec: before } = this.find(String(asked[1]));
    this.put(
      endpoint(before.name, {
        spec: { ...before, ...spec, revision: before.revision + 1 }
      })
    );
    return this.find(before.name);
  }
}
