/**
 * Taking profiles out of the text of a kubeconfig: jit's own unchanged lines, and nothing else.
 * @module
 */
import { display } from '../../core/display.ts';
import { EXTENSION, HEAD, isRecord, LIST_NAMES, LISTS } from './entries.ts';
import type { ListName } from './entries.ts';
import { demandMeaning } from './meaning.ts';
import { itemsOf, pairOf, profilesIn, readKubeconfig, unsupported } from './read.ts';
import type { Kubeconfig, MapTree, OwnEntry, OwnProfile } from './read.ts';
import { lineEnd, lineStart, spliced, withoutLines } from './splice.ts';
import type { Splice } from './splice.ts';

export interface RemovedProfile {
  readonly profile: OwnProfile;
  /** What of the user's is still there. Keys, escaped for people. */
  readonly kept: readonly string[];
}

export interface Removal {
  /** Null for a file that jit made and that has nothing of anybody else's in it. */
  readonly text: string | null;
  readonly removed: readonly RemovedProfile[];
}

/**
 * Takes out what jit wrote of the selected profiles. Where the user added to an entry or changed it, their keys stay under its
 * name. An entry under another name than jit's is the user's copy and stays, without the mark; only a renamed context goes,
 * for it leads nowhere. Throws `ERR_LOCAL_FILE` for a text that cannot be edited so.
 */
export function removeProfiles(path: string, text: string, select: (profile: OwnProfile) => boolean): Removal {
  const config = readKubeconfig(path, text);
  const profiles = profilesIn(config).filter(select);
  if (profiles.length === 0) return { text, removed: [] };
  const entries = profiles.flatMap((profile) => profile.entries);
  const whole = entries.filter(goesWhole);
  const parts = entries.filter((entry) => !goesWhole(entry));
  const restored = restore(config, entries);
  const after = spliced(text, [
    ...whole.map((entry) => itemSplice(config, entry)),
    ...parts.flatMap((entry) => partSplices(config, entry)),
    ...LIST_NAMES.flatMap((list) => listSplices(config, list, whole)),
  ]);
  demandMeaning(path, after, restored);
  const gone = whole.filter(({ list }) => list === 'contexts').map(({ name }) => name);
  const dangling = restored['current-context'];
  const removed = profiles.map((profile) => ({
    profile,
    kept: [
      ...profile.entries.filter((entry) => !goesWhole(entry)).flatMap(keptOf),
      ...(profile.name === dangling && gone.includes(profile.name) ? ['current-context'] : []),
    ].map((key) => display(key, 100)),
  }));
  const made = entries.map(({ marker }) => marker.origin);
  if (made.includes('file') && isBare(restored, gone) && !/^[\t ]*#/m.test(after)) return { text: null, removed };
  return { text: made.includes('document') ? withoutSkeleton(config, after) : after, removed };
}

function goesWhole({ list, name, marker, foreign }: OwnEntry): boolean {
  return foreign.length === 0 && (list === 'contexts' || name === marker.profile);
}

function keptOf({ list, name, marker, foreign }: OwnEntry): readonly string[] {
  return name === marker.profile ? foreign : [`${LISTS[list]} ${name}`];
}

/** What the file means then. */
function restore(config: Kubeconfig, entries: readonly OwnEntry[]): Readonly<Record<string, unknown>> {
  const lists = LIST_NAMES.map((list) => {
    const items = itemsOf(config.value, list).flatMap((item, index) => {
      const entry = entries.find((each) => each.list === list && each.index === index);
      if (entry === undefined) return [item];
      return goesWhole(entry) || !isRecord(item) ? [] : [{ ...item, [LISTS[list]]: remains(entry, item[LISTS[list]]) }];
    });
    return [list, items] as const;
  });
  return { ...config.value, ...Object.fromEntries(lists) };
}

function remains(entry: OwnEntry, body: unknown): Readonly<Record<string, unknown>> {
  if (!isRecord(body)) return {};
  const { extensions, ...values } = body;
  const others = (Array.isArray(extensions) ? extensions : []).filter((each) => !isMark(each));
  const kept = Object.entries(values).filter(([key]) => !ownKeys(entry).includes(key));
  return { ...Object.fromEntries(kept), ...(others.length === 0 ? {} : { extensions: others }) };
}

/** What goes of an entry that does not go as a whole. */
function ownKeys({ name, marker, unchanged }: OwnEntry): readonly string[] {
  return name === marker.profile ? unchanged : [];
}

const isMark = (extension: unknown): boolean => isRecord(extension) && extension['name'] === EXTENSION;

/** The lines of a whole item. */
export function itemSplice({ path, text }: Kubeconfig, { item, list }: OwnEntry): Splice {
  const start = lineStart(text, item.start);
  if (item.style === 'block' && !item.marked && /^ *- +$/.test(text.slice(start, item.start))) {
    return withoutLines(text, start, item);
  }
  throw unsupported(path, `its list of ${list} is not written one item to a line, each behind a dash`);
}

function partSplices(config: Kubeconfig, entry: OwnEntry): readonly Splice[] {
  return [...ownKeys(entry).map((key) => keySplice(config, entry.body, key)), markSplice(config, entry)];
}

/** The lines of one key with its value, in a map of which each key begins a line. */
function keySplice({ path, text }: Kubeconfig, map: MapTree, key: string): Splice {
  const pair = pairOf(map, key);
  const start = pair === null ? 0 : lineStart(text, pair.keyStart);
  if (pair !== null && map.style === 'block' && /^ *$/.test(text.slice(start, pair.keyStart))) {
    return withoutLines(text, start, { ...map, pairs: [pair] });
  }
  throw unsupported(path, `the key ${key} does not begin a line`);
}

/** jit's extension, with its list where nobody else has one in it. */
function markSplice(config: Kubeconfig, { body, list, index }: OwnEntry): Splice {
  const extensions = pairOf(body, 'extensions')?.value;
  if (extensions?.kind !== 'list' || extensions.items.length === 1) return keySplice(config, body, 'extensions');
  const item = itemsOf(config.value, list)[index];
  const values = isRecord(item) ? item[LISTS[list]] : null;
  const all = isRecord(values) && Array.isArray(values['extensions']) ? values['extensions'] : [];
  const mark = extensions.items[all.findIndex(isMark)];
  const start = mark === undefined ? 0 : lineStart(config.text, mark.start);
  if (mark?.kind === 'map' && /^ *- +$/.test(config.text.slice(start, mark.start))) {
    return withoutLines(config.text, start, mark);
  }
  throw unsupported(config.path, 'its extensions are not written one to a line');
}

/** What stood in the place of a list before jit's items, where none is left. */
function listSplices({ text, root, value }: Kubeconfig, list: ListName, whole: readonly OwnEntry[]): readonly Splice[] {
  const gone = whole.filter((entry) => entry.list === list);
  const pair = root === null ? null : pairOf(root, list);
  const [first] = gone;
  if (first === undefined || pair === null || gone.length < itemsOf(value, list).length) return [];
  const { origin, open } = first.marker;
  const below = lineEnd(text, pair.keyEnd);
  const bare = /^:[\t ]*\r?\n$/.test(text.slice(pair.keyEnd, below));
  if (origin === 'absent') {
    const start = lineStart(text, pair.keyStart);
    return bare && /^ *$/.test(text.slice(start, pair.keyStart)) ? [{ start, end: below, text: '' }] : [];
  }
  const splices: Splice[] = [];
  if (origin === 'null' || origin === '~' || origin === '[]') {
    splices.push({ start: pair.keyEnd + 1, end: pair.keyEnd + 1, text: ` ${origin}` });
  }
  const last = Math.max(...gone.map(({ item }) => withoutLines(text, lineStart(text, item.start), item).end));
  // The end that its line has by now, whatever the rest of the file has.
  const ending = /\r?\n$/.exec(text.slice(pair.keyEnd, below))?.[0].length ?? 0;
  if (open && last === text.length) splices.push({ start: below - ending, end: below, text: '' });
  return splices;
}

/** Whether nothing is left that anybody could miss. */
function isBare(value: Readonly<Record<string, unknown>>, gone: readonly string[]): boolean {
  return Object.entries(value).every(([key, each]) => {
    if (key === 'apiVersion' || key === 'kind') return true;
    if (key === 'current-context') return each === '' || each === null || gone.some((name) => name === each);
    return each === null || (typeof each === 'object' && Object.keys(each).length === 0);
  });
}

/** The head and the keys that jit put into a file of comments, if that is all there is beside them. */
function withoutSkeleton({ eol }: Kubeconfig, after: string): string {
  const mark = after.startsWith('\ufeff') ? '\ufeff' : '';
  const skeleton = [...HEAD, ...LIST_NAMES.map((list) => `${list}:`)].map((line) => line + eol).join('');
  const body = after.slice(mark.length);
  if (!body.startsWith(skeleton)) return after;
  const rest = body.slice(skeleton.length);
  return /^\s*[^#\s]/m.test(rest) ? after : mark + rest;
}
