/**
 * Where in a YAML text each value stands, for edits that leave every other byte as it is.
 * @module
 */
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Node } from 'yaml';

/** Offsets into the text; `end` is the first one that is no part of the value. */
interface Span {
  readonly start: number;
  readonly end: number;
  /** Whether an anchor or a tag stands before it. */
  readonly marked: boolean;
}

export type Tree =
  | (Span & { readonly kind: 'map'; readonly style: 'block' | 'flow'; readonly pairs: readonly TreePair[] })
  | (Span & { readonly kind: 'list'; readonly style: 'block' | 'flow'; readonly items: readonly Tree[] })
  | (Span & { readonly kind: 'scalar' })
  | (Span & { readonly kind: 'alias' });

export interface TreePair {
  /** Null for a key that is no plain text. */
  readonly key: string | null;
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly value: Tree;
}

export type Located =
  | {
      readonly kind: 'read';
      /** Null where there is nothing but comments. */ readonly root: Tree | null;
      readonly value: unknown;
    }
  | { readonly kind: 'broken'; /** From 1. */ readonly line: number; readonly problem: string };

const MOST_ALIASES = 100;

/** Reads one document. `broken` also for several of them, for a key that is there twice, and for aliases without measure. Never throws. */
export function locate(text: string): Located {
  const lines = new LineCounter();
  try {
    const options = { version: '1.2', merge: true, uniqueKeys: true, prettyErrors: false, logLevel: 'error' } as const;
    const document = parseDocument(text, { ...options, lineCounter: lines });
    const [fault] = document.errors;
    if (fault !== undefined) {
      return { kind: 'broken', line: lines.linePos(fault.pos[0]).line, problem: fault.message.toLowerCase() };
    }
    const { contents } = document;
    const root = contents === null || isNothing(contents) ? null : treeOf(contents, 0);
    return { kind: 'read', root, value: document.toJS({ maxAliasCount: MOST_ALIASES }) };
  } catch {
    // Deep nesting ends in a RangeError, too many aliases in a ReferenceError.
    return { kind: 'broken', line: 1, problem: 'nested too deep, or too many aliases' };
  }
}

const isNothing = (node: Node): boolean => isScalar(node) && node.value === null && node.source === '';

function treeOf(node: unknown, at: number): Tree {
  if (isAlias(node)) return { kind: 'alias', ...spanOf(node, at) };
  if (isMap(node)) {
    const pairs = node.items.map(({ key, value }) => pairOf(key, value, at));
    return { kind: 'map', ...spanOf(node, at), style: node.flow === true ? 'flow' : 'block', pairs };
  }
  if (isSeq(node)) {
    const items = node.items.map((item) => treeOf(item, at));
    return { kind: 'list', ...spanOf(node, at), style: node.flow === true ? 'flow' : 'block', items };
  }
  return { kind: 'scalar', ...(isScalar(node) ? spanOf(node, at) : { start: at, end: at, marked: false }) };
}

function pairOf(key: unknown, value: unknown, at: number): TreePair {
  const { start, end } = treeOf(key, at);
  const text = isScalar(key) && typeof key.value === 'string' ? key.value : null;
  return { key: text, keyStart: start, keyEnd: end, value: treeOf(value, end) };
}

function spanOf(node: Node, at: number): Span {
  const [start = at, end = at] = node.range ?? [];
  const anchored = 'anchor' in node && node.anchor !== undefined;
  return { start, end, marked: anchored || node.tag !== undefined };
}

/** The offset behind the last character of a value, without the line end and the comments that a block collection's `end` is behind. */
export function lastOf(tree: Tree): number {
  if (tree.kind === 'map' && tree.style === 'block')
    return Math.max(...tree.pairs.map(({ keyEnd, value }) => Math.max(keyEnd, lastOf(value))));
  if (tree.kind === 'list' && tree.style === 'block') return Math.max(...tree.items.map(lastOf));
  return tree.end;
}
