/**
 * A kubeconfig as it stands: its three lists with the places of everything in them, and what in them is jit's.
 * @module
 */
import type { JitError } from '../../core/errors.ts';
import type { GrantId } from '../../core/ids.ts';
import { localFault } from '../../local/fault.ts';
import { locate } from '../../local/yaml-tree.ts';
import type { Tree, TreePair } from '../../local/yaml-tree.ts';
import { digest, EXTENSION, isAnybodys, isRecord, LIST_NAMES, LISTS, readMarker } from './entries.ts';
import type { ListName, Marker } from './entries.ts';

export type MapTree = Extract<Tree, { kind: 'map' }>;
export type ListTree = Extract<Tree, { kind: 'list' }>;

/** A file that could be read. */
export interface Kubeconfig {
  readonly path: string;
  readonly text: string;
  readonly eol: string;
  /** Null where the file holds nothing but comments. */
  readonly root: MapTree | null;
  readonly value: Readonly<Record<string, unknown>>;
  readonly own: readonly OwnEntry[];
}

/** An item of a list with jit's mark. */
export interface OwnEntry {
  readonly list: ListName;
  readonly index: number;
  readonly name: string;
  readonly marker: Marker;
  readonly item: MapTree;
  readonly body: MapTree;
  /** Keys of the body that jit wrote and nobody changed. */
  readonly unchanged: readonly string[];
  /** What somebody else added or changed. */
  readonly foreign: readonly string[];
  readonly intact: boolean;
}

/** The entries of one profile. */
export interface OwnProfile {
  /** The name of its context, as kubectl knows it. */
  readonly name: string;
  readonly grant: GrantId;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
  readonly entries: readonly OwnEntry[];
  readonly intact: boolean;
}

/** Throws `ERR_LOCAL_FILE` for a text that is no kubeconfig, or one that jit cannot edit without touching what is not its own. */
export function readKubeconfig(path: string, text: string): Kubeconfig {
  // Go's reader ends lines there, the rules of YAML 1.2 and this one do not in all places.
  if (/\r(?!\n)/.test(text)) throw unsupported(path, 'it has line ends of a kind that is in use no more');
  const located = locate(text);
  if (located.kind === 'broken') {
    throw localFault(
      path,
      `line ${located.line} is not what a kubeconfig can hold (${located.problem}), so jit leaves the file alone`,
      `repair line ${located.line} in an editor, then try again`,
    );
  }
  const { root, value } = located;
  const eol = /\r\n/.test(text) ? '\r\n' : '\n';
  if (root === null) {
    if (/^\s*[^#\s]/m.test(text.replace(/^\ufeff/, ''))) throw unsupported(path, 'it is an empty document');
    return { path, text, eol, root, value: {}, own: [] };
  }
  if (root.kind !== 'map' || !isRecord(value)) throw unsupported(path, 'it is not a list of settings');
  return { path, text, eol, root, value, own: LIST_NAMES.flatMap((list) => ownIn(list, root, value)) };
}

/** A file that jit must leave to its user. */
export function unsupported(path: string, what: string): JitError {
  return localFault(
    path,
    `${what}, so jit leaves the file alone`,
    'give jit a file of its own: export KUBECONFIG=~/.kube/jit',
  );
}

export function pairOf(map: MapTree, key: string): TreePair | null {
  return map.pairs.find((pair) => pair.key === key) ?? null;
}

/** The items of a list as values; empty where there is none. */
export function itemsOf(value: Readonly<Record<string, unknown>>, list: ListName): readonly unknown[] {
  const items = value[list];
  return Array.isArray(items) ? items : [];
}

/** The name of an item, as a reader takes it that does not care about quotes. */
export function nameOf(item: unknown): string | null {
  const name = isRecord(item) ? item['name'] : null;
  return typeof name === 'string' || typeof name === 'number' || typeof name === 'boolean' ? String(name) : null;
}

function ownIn(list: ListName, root: MapTree, value: Readonly<Record<string, unknown>>): readonly OwnEntry[] {
  const tree = pairOf(root, list)?.value;
  if (tree?.kind !== 'list') return [];
  return itemsOf(value, list).flatMap((item, index) => {
    const place = tree.items[index];
    if (!isRecord(item) || place?.kind !== 'map') return [];
    const values = item[LISTS[list]];
    const body = pairOf(place, LISTS[list])?.value;
    const marker = markerIn(values);
    if (marker === null || !isRecord(values) || body?.kind !== 'map') return [];
    return [entryOf(list, index, item, values, { marker, item: place, body })];
  });
}

function markerIn(body: unknown): Marker | null {
  const extensions = isRecord(body) ? body['extensions'] : null;
  if (!Array.isArray(extensions)) return null;
  const found: unknown = extensions.find((each) => isRecord(each) && each['name'] === EXTENSION);
  return isRecord(found) ? readMarker(found['extension']) : null;
}

function entryOf(
  list: ListName,
  index: number,
  item: Readonly<Record<string, unknown>>,
  values: Readonly<Record<string, unknown>>,
  place: Pick<OwnEntry, 'marker' | 'item' | 'body'>,
): OwnEntry {
  const { grant, own, profile } = place.marker;
  const unchanged = [...own.keys()].filter(
    (key) => Object.hasOwn(values, key) && own.get(key) === digest(grant, list, key, values[key]),
  );
  const extensions = values['extensions'];
  const alone = Array.isArray(extensions) && extensions.length === 1;
  const inBody = Object.keys(values).filter(
    (key) => !unchanged.includes(key) && !isAnybodys(list, key) && !(key === 'extensions' && alone),
  );
  const beside = Object.keys(item).filter((key) => key !== 'name' && key !== LISTS[list]);
  const foreign = [...inBody.map((key) => `${LISTS[list]}.${key}`), ...beside];
  const name = nameOf(item) ?? '';
  const intact = name === profile && foreign.length === 0 && unchanged.length === own.size;
  return { ...place, list, index, name, unchanged, foreign, intact };
}

/** The profiles in a file. One whose entries are not all there any more is not intact. */
export function profilesIn({ own }: Kubeconfig): readonly OwnProfile[] {
  const groups = Map.groupBy(own, ({ marker }) => `${marker.grant} ${marker.profile}`);
  return [...groups.values()].flatMap((entries) => {
    const [first] = entries;
    if (first === undefined) return [];
    const lists = entries.map(({ list }) => list);
    return [
      {
        name: entries.find(({ list }) => list === 'contexts')?.name ?? first.marker.profile,
        grant: first.marker.grant,
        expiresAt: Math.max(...entries.map(({ marker }) => marker.expiresAt)),
        entries,
        intact: lists.join(' ') === LIST_NAMES.join(' ') && entries.every(({ intact }) => intact),
      },
    ];
  });
}
