/**
 * YAML 1.2 as configuration needs it: plain data only, with the line of everything that is wrong.
 * @module
 */
import { isMap, isNode, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import type { Document } from 'yaml';
import { JitError } from '../core/errors.ts';

const LARGEST = 262_144;
const MOST_ALIASES = 50;

export interface Yaml {
  /** Objects, lists, texts, numbers, booleans, null. */
  readonly value: unknown;
  /** The line, from 1, of the deepest part of the path that is there. With `key`, of that key under the path. */
  lineOf(path: readonly PropertyKey[], key?: string): number;
}

/** Throws `ERR_CONFIG` for anything but one document of plain data: tags, duplicate keys, alias bombs and giants are refused. */
export function parseYaml(text: string, name: string): Yaml {
  if (text.length > LARGEST) throw refuse(name, `longer than ${LARGEST} characters`);
  const lines = new LineCounter();
  const document = attempt(name, () =>
    parseDocument(text, {
      version: '1.2',
      schema: 'core',
      merge: false,
      resolveKnownTags: false,
      uniqueKeys: true,
      stringKeys: true,
      prettyErrors: false,
      lineCounter: lines,
    }),
  );
  // A warning speaks of a tag that was not understood.
  const [fault] = [...document.errors, ...document.warnings];
  if (fault !== undefined) {
    throw refuse(`${name}:${lines.linePos(fault.pos[0]).line}`, fault.message.toLowerCase());
  }
  const hidden = attempt(name, () => prototypeKey(document));
  if (hidden !== null) throw refuse(`${name}:${lines.linePos(hidden).line}`, '__proto__ is not the name of anything');
  return {
    value: attempt(name, (): unknown => document.toJS({ maxAliasCount: MOST_ALIASES })),
    lineOf: (path, key) => lines.linePos(offsetOf(document, path, key)).line,
  };
}

export function refuse(where: string, problem: string): JitError {
  return new JitError({ code: 'ERR_CONFIG', message: `${where}: ${problem}` });
}

/** Where such a key is, or null. The schemas would leave it out without a word, and what is written must be read or refused. */
function prototypeKey(document: Document): number | null {
  let found: number | null = null;
  visit(document, {
    Pair: (_, { key }) => {
      if (isScalar(key) && key.value === '__proto__') found = key.range?.[0] ?? 0;
    },
  });
  return found;
}

/** Deep nesting ends in a `RangeError`, too many aliases in a `ReferenceError`. */
function attempt<T>(name: string, parse: () => T): T {
  try {
    return parse();
  } catch (thrown) {
    throw new JitError({ code: 'ERR_CONFIG', message: `${name}: nested too deep, or too many aliases`, cause: thrown });
  }
}

function offsetOf(document: Document, path: readonly PropertyKey[], key: string | undefined): number {
  for (let length = path.length; length >= 0; length -= 1) {
    const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    if (!isNode(node)) continue;
    if (key !== undefined && length === path.length && isMap(node)) {
      const found = node.items.map((pair) => pair.key).find((each) => isScalar(each) && each.value === key);
      if (isScalar(found)) return found.range?.[0] ?? 0;
    }
    return node.range?.[0] ?? 0;
  }
  return 0;
}
