/**
 * The last look at an edited kubeconfig before it is written: it must mean what was intended and nothing else.
 * @module
 */
import { isDeepStrictEqual } from 'node:util';
import { locate } from '../../local/yaml-tree.ts';
import { isRecord, LIST_NAMES, LISTS } from './entries.ts';
import { unsupported } from './read.ts';

/**
 * Whatever YAML may hold that the edit did not reckon with, such as an alias to a list, shows here.
 * Throws `ERR_LOCAL_FILE` when the text does not mean `expected`.
 */
export function demandMeaning(path: string, text: string, expected: Readonly<Record<string, unknown>>): void {
  const located = locate(text);
  const value = located.kind === 'read' ? (located.value ?? {}) : null;
  if (isRecord(value) && isDeepStrictEqual(normal(value), normal(expected))) return;
  throw unsupported(path, 'it is written in a way that jit cannot edit without changing something else');
}

/** Lists and bodies that are empty in any of the ways are one; the head that jit puts above its own is not compared. */
function normal(value: Readonly<Record<string, unknown>>): unknown {
  const lists = LIST_NAMES.map((list) => [list, normalList(value[list] ?? [], LISTS[list])] as const);
  const all = { ...value, ...Object.fromEntries(lists), apiVersion: null, kind: null };
  // Through JSON, so that only content counts. What JSON cannot hold is no part of a kubeconfig.
  return JSON.parse(JSON.stringify(all));
}

function normalList(items: unknown, body: string): unknown {
  if (!Array.isArray(items)) return items;
  return items.map((item: unknown) => (isRecord(item) ? { ...item, [body]: item[body] ?? {} } : item));
}
