/**
 * What the contract of all providers needs of Azure: the real SDK, and a stand-in built from the published specifications.
 * @module
 */
import { IDENTITY_GROUP } from '../../fakes/azure/world.ts';
import { GRANT_TAG, OWNER_TAG, identityName, readMark, writeMark } from '../../../src/providers/azure/names.ts';
import type { AzureTarget } from '../../../src/providers/azure/provider.ts';
import type { Rig } from '../contract/rig.ts';
import { ACCOUNT, ANN, ANN_PRINCIPAL, NEIGHBOUR, READ, WRITE, openGround } from './support.ts';

const LAG_MS = 590_000;

/** Opens a cloud of its own. @param changes of the configuration. */
export async function openRig(
  changes: object,
  to: 'requester' | 'identity',
  mode: 'pim' | 'direct',
): Promise<Rig<AzureTarget>> {
  const ground = await openGround();
  const { azure, now } = ground;
  azure.rbac.mood.lagMs = LAG_MS;
  const provider = ground.provider();
  const target = ground.target(changes);
  const identities = { resource_group: `${IDENTITY_GROUP}-2`, location: 'westeurope' };
  const marks = (): readonly string[] =>
    azure.rbac.current().flatMap(({ name, description, request }) => {
      const text = request === null ? description : azure.rbac.requests.get(request)?.body.justification;
      return readMark(text) === null ? [] : [name];
    });
  return {
    provider,
    restarted: () => ground.provider(),
    neighbour:
      to === 'identity'
        ? ground.provider(NEIGHBOUR)
        : { without: 'azure keeps one assignment of a role to a person: a second broker is refused' },
    target,
    other:
      to === 'identity'
        ? ground.target({ ...changes, identities })
        : { without: 'azure keeps one assignment of a role to a person: a second target of the same place is refused' },
    principal: ANN_PRINCIPAL,
    permission: READ,
    second: WRITE,
    hostile: [
      ...['/..', '//x', '?api-version=1', '#x', '/%2e%2e', '/x\\y', '/blobServices/default/..', '/ x'].map((tail) => ({
        what: `a path with ${tail}`,
        permission: { ...READ, resources: [`${ACCOUNT}${tail}`] },
      })),
      {
        what: 'another subscription',
        permission: { ...READ, resources: ['/subscriptions/0a11c0de-0000-4000-8000-00000000ffff'] },
      },
      { what: 'a wildcard', permission: { ...READ, actions: ['Microsoft.Storage/*'] } },
      { what: 'a path as operation', permission: { ...READ, actions: ['Microsoft.Storage/../read'] } },
      { what: 'controls', permission: { ...READ, actions: ['Microsoft.Storage/\u202Estore/read'] } },
    ],
    canaries: ['echo-canary'],
    now,
    passTo: async (at) => {
      ground.passTo(at);
      await Promise.resolve();
    },
    time: 'moved',
    shortMs: 600_000,
    lifeMs: 7_200_000,
    works: ground.works,
    objects: async () => {
      const own = [...azure.identities.all.values()].filter(({ tags }) => tags[OWNER_TAG] !== undefined);
      return await Promise.resolve([...own.map(({ id }) => id), ...marks()].toSorted());
    },
    leaves: 'objects',
    removeByHand: async ({ grant }) => {
      for (const one of azure.rbac.current()) {
        const text = one.request === null ? one.description : azure.rbac.requests.get(one.request)?.body.justification;
        if (readMark(text)?.holders.has(grant) === true) azure.rbac.drop(one);
      }
      for (const [key, { tags }] of azure.identities.all)
        if (tags[GRANT_TAG] === grant) azure.identities.all.delete(key);
      await Promise.resolve();
    },
    plantForeign: async ({ grant, endsAt }) => {
      const name = identityName(grant);
      const { group } = target.recipient.kind === 'identity' ? target.recipient.place : { group: 'rg-jit' };
      const tags = { [OWNER_TAG]: NEIGHBOUR, [GRANT_TAG]: grant };
      azure.identities.put(target.access.subscription, group, name, { location: 'westeurope', tags });
      const mark = writeMark(NEIGHBOUR, new Map([[grant, endsAt]]));
      const planted = azure.rbac.plant({
        scope: ACCOUNT,
        roleId: '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1',
        principalId: ANN,
        description: mark,
        condition: '',
        end: null,
      });
      const here = async (): Promise<boolean> =>
        await Promise.resolve(
          azure.rbac.current().includes(planted) &&
            [...azure.identities.all.values()].some((one) => one.name === name && one.tags[OWNER_TAG] === NEIGHBOUR),
        );
      return async () => await here();
    },
    ...(to === 'requester' ? { shared: 'one assignment stands for all grants of one person on one thing' } : {}),
    endsByItself: endsByItself(to, mode),
    calls: azure.calls,
    outage: async (kind, { after }) => await Promise.resolve(azure.begin(kind, after)),
    alike: (text) => {
      const { assignment, principal, assignments }: Record<string, unknown> = { ...(JSON.parse(text) as object) };
      return JSON.stringify({ assignment, principal, assignments });
    },
    close: ground.close,
  };
}

function endsByItself(to: 'requester' | 'identity', mode: 'pim' | 'direct'): 'yes' | { readonly without: string } {
  if (mode === 'direct') return { without: 'azure keeps no end for plain role assignments' };
  return to === 'identity' ? 'yes' : { without: 'an assignment that grants share ends with the last of them' };
}
