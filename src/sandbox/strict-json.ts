/**
 * JSON from strangers: no duplicate members, no deep nesting, no surprises from `__proto__`.
 * @module
 */

/** A value that came from JSON. Objects are maps, so that no member name is special. */
export type Json = string | number | boolean | null | readonly Json[] | ReadonlyMap<string, Json>;

/** The result of reading: a value, or one lower-case sentence about what is wrong. */
export type JsonOutcome = { readonly value: Json } | { readonly error: string };

const TOKEN = /[ \t\r\n]*(?:("(?:[^"\\]|\\.)*")|([[\]{}:,])|([^\s[\]{}:,"]+))/y;

/**
 * Reads one JSON document (RFC 8259). Duplicate member names are refused, because two readers could pick different ones.
 * @param maxDepth the deepest nesting of lists and objects that is accepted.
 */
export function readStrictJson(source: string, maxDepth: number): JsonOutcome {
  const tree = parsed(source);
  if (tree === undefined) return { error: 'it is not JSON' };
  const problem = scan(source, maxDepth);
  return problem === null ? { value: tree.value } : { error: problem };
}

function parsed(source: string): { value: Json } | undefined {
  try {
    const raw: unknown = JSON.parse(source);
    return { value: mapped(raw) };
  } catch {
    // Not JSON, or nested so deeply that the parser gave up: the same refusal.
    return undefined;
  }
}

function mapped(raw: unknown): Json {
  if (raw === null || typeof raw === 'string' || typeof raw === 'number' || typeof raw === 'boolean') return raw;
  if (Array.isArray(raw)) return raw.map(mapped);
  return new Map(Object.entries(Object(raw)).map(([name, value]) => [name, mapped(value)]));
}

/** Walks the tokens of text that is known to be JSON, to see what `JSON.parse` hides. */
function scan(source: string, maxDepth: number): string | null {
  const open: (Set<string> | null)[] = [];
  let lastString: string | null = null;
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(source); match !== null; match = TOKEN.exec(source)) {
    const [, string, mark] = match;
    if (mark === '{' || mark === '[') {
      if (open.length >= maxDepth) return `it is nested deeper than ${maxDepth} levels`;
      open.push(mark === '{' ? new Set() : null);
    } else if (mark === '}' || mark === ']') {
      open.pop();
    } else if (mark === ':' && lastString !== null) {
      const names = open.at(-1);
      const name = String(JSON.parse(lastString));
      if (names?.has(name) === true) return 'a member name appears twice in one object';
      names?.add(name);
    }
    lastString = string ?? null;
  }
  return null;
}

/** Whether a JSON value is an object. */
export function isJsonObject(value: Json | undefined): value is ReadonlyMap<string, Json> {
  return value instanceof Map;
}
