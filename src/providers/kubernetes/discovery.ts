/**
 * What a cluster says it has: asked when an operation is judged, kept for a few minutes.
 * @module
 */
import type { V1APIResource } from '@kubernetes/client-node';
import { JitError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import { kindText } from './action.ts';
import type { Kind } from './action.ts';
import type { KnownKind } from './builtin.ts';
import type { Cluster } from './client.ts';

/** The kinds of one cluster. */
export interface Catalogue {
  readonly kinds: readonly KnownKind[];
  /** Groups that could not be asked, such as those of an aggregated server that is down. */
  readonly unread: ReadonlySet<string>;
}

const FRESH_MS = 300_000;
/** What was not found is looked for again after this long: somebody may just have defined it. */
const MISS_MS = 5_000;
/** Answers of one cluster asked for at the same time. */
const AT_ONCE = 8;
/** Parts of names that go into paths. */
const GROUP = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;
const VERSION = /^v[0-9][a-z0-9]{0,30}$/;

export interface Discovery {
  /** @param has whether a catalogue answers the question; an older one that does not is read anew. Fails as calls do. */
  kinds(place: string, cluster: () => Promise<Cluster>, has: (catalogue: Catalogue) => boolean): Promise<Catalogue>;
}

export function discovery(now: Clock): Discovery {
  const kept = new Map<string, { readonly at: number; readonly catalogue: Promise<Catalogue> }>();
  return {
    kinds: async (place, cluster, has) => {
      const known = kept.get(place);
      if (known !== undefined) {
        const age = Math.abs(now() - known.at);
        const catalogue = age < FRESH_MS ? await known.catalogue.catch(() => null) : null;
        if (catalogue !== null && (age < MISS_MS || has(catalogue))) return catalogue;
      }
      const asked = { at: now(), catalogue: cluster().then(readAll) };
      kept.set(place, asked);
      try {
        return await asked.catalogue;
      } catch (thrown) {
        if (kept.get(place) === asked) kept.delete(place);
        throw thrown;
      }
    },
  };
}

async function readAll(cluster: Cluster): Promise<Catalogue> {
  const [core, groups] = await Promise.all([
    cluster.call('list the resources of v1', async (api) => await api.core.getAPIResources()),
    cluster.call('list the API groups', async (api) => await api.groups.getAPIVersions()),
  ]);
  const versions = groups.groups.flatMap(({ name, versions: all }) =>
    all.flatMap(({ version }) => (GROUP.test(name) && VERSION.test(version) ? [{ group: name, version }] : [])),
  );
  const kinds = new Map<string, KnownKind>();
  const unread = new Set<string>();
  add(kinds, '', core.resources);
  for (let start = 0; start < versions.length; start += AT_ONCE) {
    const lists = await Promise.all(
      versions.slice(start, start + AT_ONCE).map(async (each) => ({ ...each, list: await readGroup(cluster, each) })),
    );
    for (const { group, list } of lists) {
      if (list === null) unread.add(group);
      else add(kinds, group, list);
    }
  }
  return { kinds: [...kinds.values()], unread };
}

/** Null where it cannot be asked: an aggregated API whose server is down must not keep the others from being known. */
async function readGroup(
  cluster: Cluster,
  each: { readonly group: string; readonly version: string },
): Promise<readonly V1APIResource[] | null> {
  try {
    const what = `list the resources of ${each.group}/${each.version}`;
    return (await cluster.call(what, async (api) => await api.custom.getAPIResources(each))).resources;
  } catch (thrown) {
    if (thrown instanceof JitError) return null;
    throw thrown;
  }
}

/** Versions of one group add up: what one of them can do, RBAC permits in all. */
function add(kinds: Map<string, KnownKind>, group: string, list: readonly V1APIResource[]): void {
  const own = list.filter(({ name }) => !name.includes('/'));
  for (const { name: resource, namespaced, verbs, shortNames = [], singularName, kind } of own) {
    const key = kindText({ resource, group });
    const before = kinds.get(key);
    const parts = list.filter(({ name }) => name.startsWith(`${resource}/`));
    kinds.set(key, {
      resource,
      group,
      namespaced,
      verbs: [...new Set([...(before?.verbs ?? []), ...verbs])],
      subresources: new Map([
        ...(before?.subresources ?? []),
        ...parts.map((part) => [part.name.slice(resource.length + 1), part.verbs] as const),
      ]),
      aliases: [...shortNames, singularName, kind.toLowerCase()].filter((alias) => alias !== '' && alias !== resource),
    });
  }
}

/** All kinds of that name, whatever their group. */
export function named({ kinds }: Catalogue, resource: string): readonly KnownKind[] {
  return kinds.filter((kind) => kind.resource === resource);
}

export function exactly({ kinds }: Catalogue, wanted: Kind): KnownKind | null {
  return kinds.find(({ resource, group }) => resource === wanted.resource && group === wanted.group) ?? null;
}
