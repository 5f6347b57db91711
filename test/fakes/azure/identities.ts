/**
 * User-assigned managed identities and their federated credentials.
 * @module
 */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Client, Federation } from './entra.ts';
import { TENANT, fault } from './world.ts';
import type { Reply } from './world.ts';

export interface ManagedIdentity {
  readonly id: string;
  readonly name: string;
  readonly group: string;
  readonly location: string;
  readonly principalId: string;
  readonly clientId: string;
  tags: Record<string, string>;
  readonly federations: Map<string, Federation>;
}

const IDENTITY = z.object({ location: z.string(), tags: z.record(z.string(), z.string()).default({}) });
const FEDERATION = z.object({
  properties: z.object({ issuer: z.string(), subject: z.string(), audiences: z.array(z.string()) }),
});

export type Identities = ReturnType<typeof makeIdentities>;

/** @param groups `<subscription>/<name>` of the resource groups that exist, in lower case. */
export function makeIdentities(groups: ReadonlySet<string>) {
  const all = new Map<string, ManagedIdentity>();
  const keyOf = (subscription: string, group: string, name: string): string =>
    `${subscription}/${group}/${name}`.toLowerCase();

  const put = (subscription: string, group: string, name: string, body: unknown): Reply => {
    const { location, tags } = IDENTITY.parse(body);
    if (!groups.has(`${subscription}/${group}`.toLowerCase())) return fault(404, 'ResourceGroupNotFound', 'x');
    const key = keyOf(subscription, group, name);
    const known = all.get(key);
    if (known !== undefined) {
      if (known.location !== location) return fault(409, 'InvalidResourceLocation', 'x');
      known.tags = tags;
      return { status: 200, body: view(known) };
    }
    const id = `/subscriptions/${subscription}/resourcegroups/${group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${name}`;
    const [principalId, clientId] = [randomUUID(), randomUUID()];
    const made = { id, name, group, location, principalId, clientId, tags, federations: new Map<string, Federation>() };
    all.set(key, made);
    return { status: 201, body: view(made) };
  };

  return {
    all,
    put,
    get: (subscription: string, group: string, name: string): Reply => {
      const one = all.get(keyOf(subscription, group, name));
      return one === undefined ? fault(404, 'ResourceNotFound', 'x') : { status: 200, body: view(one) };
    },
    remove: (subscription: string, group: string, name: string): Reply =>
      all.delete(keyOf(subscription, group, name)) ? { status: 200, body: null } : { status: 204, body: null },
    list: (subscription: string, group: string): readonly unknown[] =>
      [...all].filter(([key]) => key.startsWith(keyOf(subscription, group, ''))).map(([, one]) => view(one)),
    federation: (
      method: string,
      place: { key: readonly [string, string, string]; name: string },
      body: unknown,
    ): Reply => {
      const one = all.get(keyOf(...place.key));
      if (one === undefined) return fault(404, 'ParentResourceNotFound', 'x');
      const known = one.federations.get(place.name);
      if (method === 'DELETE') {
        return one.federations.delete(place.name) ? { status: 200, body: null } : { status: 204, body: null };
      }
      if (method === 'GET') {
        if (known === undefined) return fault(404, 'NotFound', 'x');
        return { status: 200, body: federationView(one, place.name, known) };
      }
      const { properties } = FEDERATION.parse(body);
      one.federations.set(place.name, properties);
      return { status: known === undefined ? 201 : 200, body: federationView(one, place.name, properties) };
    },
    client: (clientId: string): Client | null => {
      const one = [...all.values()].find((each) => each.clientId === clientId);
      return one === undefined
        ? null
        : { principalId: one.principalId, federations: () => [...one.federations.values()], clock: 'moved' };
    },
    knows: (principalId: string): boolean =>
      [...all.values()].some((one) => one.principalId === principalId.toLowerCase()),
  };
}

function view({ id, name, location, tags, principalId, clientId }: ManagedIdentity) {
  const properties = { tenantId: TENANT, principalId, clientId };
  return { id, name, type: 'Microsoft.ManagedIdentity/userAssignedIdentities', location, tags, properties };
}

function federationView({ id }: ManagedIdentity, name: string, properties: Federation) {
  const type = 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials';
  return { id: `${id}/federatedIdentityCredentials/${name}`, name, type, properties };
}
