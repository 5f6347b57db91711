/**
 * What the tests of the Azure provider share: a stand-in cloud with a clock of its own, a real issuer, targets and orders.
 * @module
 */
import { randomBytes } from 'node:crypto';
import type { Credential } from '../../../src/core/credential.ts';
import { grantId } from '../../../src/core/ids.ts';
import type { Mark, Order, Provider, Revocation } from '../../../src/core/ports.ts';
import type { Principal } from '../../../src/core/principal.ts';
import type { Permission } from '../../../src/core/request.ts';
import { azureProvider } from '../../../src/providers/azure/provider.ts';
import type { AzureTarget } from '../../../src/providers/azure/provider.ts';
import { fakeAzure } from '../../fakes/azure/cloud.ts';
import { testIssuer } from '../../fakes/azure/signer.ts';
import { BLOBS, BROKER, IDENTITY_GROUP, SUBSCRIPTION, TENANT } from '../../fakes/azure/world.ts';

export const OWNER = '0123456789abcdef';
export const NEIGHBOUR = 'fedcba9876543210';
export const ANN = '0a11c0de-0000-4000-8000-0000000000e1';
export const BEN = '0a11c0de-0000-4000-8000-0000000000e2';
const IDP = 'https://idp.example';
export const PEOPLE = { [`${IDP} ann`]: ANN, [`${IDP} ben`]: BEN };
export const ANN_PRINCIPAL: Principal = { kind: 'user', issuer: IDP, subject: 'ann', name: 'ann', groups: [] };

export const ACCOUNT = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-web/providers/Microsoft.Storage/storageAccounts/reports`;
export const READ: Permission = { target: 't', operation: 'x', actions: [`${BLOBS}/read`], resources: [ACCOUNT] };
export const WRITE: Permission = { target: 't', operation: 'x', actions: [`${BLOBS}/write`], resources: [ACCOUNT] };
export const ROLE_NAMES = ['Storage Blob Data Reader', 'Storage Blob Data Contributor', 'Reader', 'VM Restarter'];

export interface Ground {
  readonly azure: Awaited<ReturnType<typeof fakeAzure>>;
  readonly now: () => number;
  /** Moves the clock, never back. */
  passTo(at: number): void;
  /** A provider with no memory. */
  provider(owner?: string): Provider<AzureTarget>;
  config(changes?: object): object;
  target(changes?: object): AzureTarget;
  order(parts?: Partial<Order>): Order;
  /** Whether the holder can do the order's operations on its resources. */
  works(credential: Credential, order: Order): Promise<boolean>;
  close(): Promise<void>;
}

export async function openGround(): Promise<Ground> {
  let time = Date.now();
  const now = (): number => time;
  const issuer = await testIssuer(now);
  const azure = await fakeAzure({
    now,
    keys: () => issuer.jwks(),
    brokerTrust: { issuer: issuer.signer.issuer, subject: `jit:${BROKER}`, audiences: ['api://AzureADTokenExchange'] },
    people: [ANN, BEN],
  });
  const config = (changes: object = {}): object => ({
    provider: 'azure',
    tenant: TENANT,
    subscription: SUBSCRIPTION,
    environment: 'test',
    roles: ROLE_NAMES,
    assignment: 'direct',
    principal: 'requester',
    people: PEOPLE,
    credentials: 'federation',
    client_id: BROKER,
    authority: azure.url,
    endpoint: azure.url,
    ...changes,
  });
  const provider = (owner = OWNER): Provider<AzureTarget> => azureProvider({ now, signer: issuer.signer, owner });
  // What tools do: they exchange the assertion at once and use the access token for as long as it lives.
  const held = new WeakMap<Credential, string>();
  const bearer = async (credential: Credential): Promise<string | null> => {
    if (credential.kind !== 'azure') return null;
    const known = held.get(credential);
    if (known !== undefined) return known;
    const { clientId, assertion } = credential.secret.expose();
    const reply = await azure.entra.exchange(
      new URLSearchParams({
        client_id: clientId,
        client_assertion: assertion,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        grant_type: 'client_credentials',
      }),
    );
    if (reply.status !== 200) return null;
    // The stand-in's own answer.
    const { access_token: token } = reply.body as { access_token: string };
    held.set(credential, token);
    return token;
  };
  const works: Ground['works'] = async (credential, { permissions }) => {
    const token = await bearer(credential);
    if (credential.kind !== 'own' && token === null) return false;
    const principal = credential.kind === 'own' ? ANN : azure.entra.bearer(`Bearer ${token ?? ''}`);
    if (principal === null) return false;
    return permissions.every(({ actions, resources }) =>
      actions.every((action) => resources.every((resource) => azure.rbac.allows(principal, action, resource))),
    );
  };
  return {
    azure,
    now,
    passTo: (at) => {
      time = Math.max(time, at);
    },
    provider: (owner) => {
      const made = provider(owner);
      return {
        ...made,
        issue: async (target, order, signal) => {
          const issued = await made.issue(target, order, signal);
          await bearer(issued.credential);
          return issued;
        },
      };
    },
    config,
    target: (changes = {}) => provider().parseTarget('t', config(changes)),
    order: (parts = {}) => ({
      grant: grantId(randomBytes(16)),
      principal: ANN_PRINCIPAL,
      permissions: [READ],
      endsAt: now() + 900_000,
      ...parts,
    }),
    works,
    close: azure.close,
  };
}

/** Changes of the configuration that make identities of grants. */
export const IDENTITY = {
  principal: 'identity',
  people: undefined,
  identities: { resource_group: IDENTITY_GROUP, location: 'westeurope' },
} as const;

export const never = (): AbortSignal => new AbortController().signal;

/** Asks again when the provider said, until it is gone. */
export async function end(ground: Ground, provider: Provider<AzureTarget>, mark: Mark): Promise<Revocation> {
  for (let round = 0; round < 20; round++) {
    const outcome = await provider.revoke(mark, async () => await Promise.resolve([mark]), never());
    if (outcome.kind === 'gone') return outcome;
    ground.passTo(outcome.checkAt);
  }
  throw new Error('still not gone after 20 rounds');
}

/** The leg as the store has it. */
export function markOf(provider: Provider<AzureTarget>, target: AzureTarget, order: Order): Mark {
  const { handle, notAfter } = provider.intend(target, order);
  return { grant: order.grant, target: target.name, handle, endsAt: order.endsAt, notAfter };
}
