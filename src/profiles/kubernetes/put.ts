/**
 * Adding a profile to the text of a kubeconfig, at the top of each list, so that no byte around it changes.
 * @module
 */
import { emit } from './emit.ts';
import type { Plain } from './emit.ts';
import { HEAD, itemOf, LIST_NAMES } from './entries.ts';
import type { ListName, Origin, Wanted } from './entries.ts';
import { demandMeaning } from './meaning.ts';
import { itemsOf, nameOf, pairOf, readKubeconfig, unsupported } from './read.ts';
import type { Kubeconfig, OwnEntry } from './read.ts';
import { itemSplice } from './remove.ts';
import { lineEnd, lineStart, spliced } from './splice.ts';
import type { Splice } from './splice.ts';

/** Whose a name is: nobody's or jit's own unchanged entry's; jit's, but changed since; somebody else's. */
export type Holder = 'free' | 'edited' | 'foreign';

/** @param name of a cluster, a context or a user. */
export function holderOf(config: Kubeconfig, name: string): Holder {
  const own = config.own.filter((entry) => entry.name === name);
  const all = LIST_NAMES.flatMap((list) => itemsOf(config.value, list)).filter((item) => nameOf(item) === name);
  if (all.length > own.length || own.some(({ marker }) => marker.profile !== name)) return 'foreign';
  return own.every(({ foreign }) => foreign.length === 0) ? 'free' : 'edited';
}

/**
 * The text with the profile in it, in the place of jit's own of that name, whose name must be free (`holderOf`).
 * @param before null for a file that does not exist. Throws `ERR_LOCAL_FILE` for a text that cannot be edited so.
 */
export function putProfile(path: string, before: string | null, wanted: Wanted): string {
  const config = readKubeconfig(path, before ?? '');
  if (config.root === null) return wholeFile(config, wanted, before === null ? 'file' : 'document');
  const old = config.own.filter(({ name }) => name === wanted.name);
  const placed = LIST_NAMES.map((list) => place(config, list, wanted));
  const after = spliced(config.text, [
    ...old.map((entry) => itemSplice(config, entry)),
    ...placed.flatMap(({ splices }) => splices),
  ]);
  const value = { ...config.value };
  for (const { list, item } of placed) {
    const gone = new Set(old.filter((entry) => entry.list === list).map(({ index }) => index));
    value[list] = [item, ...itemsOf(config.value, list).filter((_, index) => !gone.has(index))];
  }
  demandMeaning(path, after, value);
  return after;
}

function wholeFile({ path, text, eol }: Kubeconfig, wanted: Wanted, origin: Origin): string {
  const mark = text.startsWith('\ufeff') ? '\ufeff' : '';
  const items = LIST_NAMES.map((list) => ({ list, item: itemOf(list, wanted, { origin, open: false }) }));
  const lines = [...HEAD, ...items.flatMap(({ list, item }) => [`${list}:`, ...emit([item])])];
  const after = `${mark}${lines.map((line) => line + eol).join('')}${text.slice(mark.length)}`;
  demandMeaning(path, after, Object.fromEntries(items.map(({ list, item }) => [list, [item]])));
  return after;
}

interface Placed {
  readonly list: ListName;
  readonly item: Plain;
  readonly splices: readonly Splice[];
}

function place(config: Kubeconfig, list: ListName, wanted: Wanted): Placed {
  const { path, text, eol, root } = config;
  const [first] = root?.pairs ?? [];
  if (root?.style !== 'block' || root.marked || first === undefined) throw unsupported(path, 'it is written as JSON');
  const margin = text.slice(lineStart(text, first.keyStart), first.keyStart);
  if (!/^ *$/.test(margin)) throw unsupported(path, 'its first setting does not begin a line');
  const pair = pairOf(root, list);
  const fresh = (origin: Origin, open: boolean): Plain => itemOf(list, wanted, { origin, open });
  const linesOf = (item: Plain, column: number): string =>
    emit([item], column)
      .map((line) => line + eol)
      .join('');
  if (pair === null) {
    const item = fresh('absent', false);
    const at = lineStart(text, first.keyStart);
    const lines = `${margin}${list}:${eol}${linesOf(item, margin.length)}`;
    return { list, item, splices: [{ start: at, end: at, text: lines }] };
  }
  const { keyEnd, value } = pair;
  const below = lineEnd(text, keyEnd);
  const rest = text.slice(keyEnd, below).replace(/\r?\n$/, '');
  if (value.kind === 'list' && value.style === 'block' && !value.marked && /^:[\t ]*(?:#.*)?$/.test(rest)) {
    const start = value.items[0]?.start ?? value.start;
    const dash = /^( *)- /.exec(text.slice(lineStart(text, start)));
    if (dash === null) throw unsupported(path, `its list of ${list} has no dash before its first item`);
    const [own] = config.own.filter((entry: OwnEntry) => entry.list === list);
    const item = fresh(own?.marker.origin ?? 'list', own?.marker.open ?? false);
    return { list, item, splices: [{ start: below, end: below, text: linesOf(item, dash[1]?.length ?? 0) }] };
  }
  const [, token] = /^:(?: (null|~|\[\]))?[\t ]*(?:#.*)?$/.exec(rest) ?? [];
  const empty = value.kind === 'scalar' || (value.kind === 'list' && value.items.length === 0);
  if (!empty || value.marked || text.slice(value.start, value.end) !== (token ?? '')) {
    throw unsupported(path, `its list of ${list} is not written one item to a line, each behind a dash`);
  }
  const origin = token === 'null' || token === '~' || token === '[]' ? token : 'empty';
  const open = !text.slice(keyEnd, below).endsWith('\n');
  const item = fresh(origin, open);
  const lines = linesOf(item, margin.length);
  const cut = { start: keyEnd + 1, end: keyEnd + 1 + (token === undefined ? 0 : token.length + 1), text: '' };
  const put = open ? `${eol}${lines.slice(0, -eol.length)}` : lines;
  return { list, item, splices: [cut, { start: below, end: below, text: put }] };
}
