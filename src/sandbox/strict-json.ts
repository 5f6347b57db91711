/**
 * JSON from strangers: no duplicate members, no deep nesting, no surprises from `__proto__`.
 * @module
 */
import { jsonProblem } from '../core/json.ts';

/** More than any document that fits into the sandbox's bodies needs. */
const MOST_MEMBERS = 20_000;

/** A value that came from JSON. Objects are maps, so that no member name is special. */
export type Json = string | number | boolean | null | readonly Json[] | ReadonlyMap<string, Json>;

/** The result of reading: a value, or one lower-case sentence about what is wrong. */
export type JsonOutcome = { readonly value: Json } | { readonly error: string };

/**
 * Reads one JSON document (RFC 8259). Duplicate member names are refused, because two readers could pick different ones.
 * @param maxDepth the deepest nesting of lists and objects that is accepted.
 */
export function readStrictJson(source: string, maxDepth: number): JsonOutcome {
  const tree = parsed(source);
  if (tree === undefined) return { error: 'it is not JSON' };
  const problem = jsonProblem(source, { depth: maxDepth, members: MOST_MEMBERS });
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

/** Whether a JSON value is an object. */
export function isJsonObject(value: Json | undefined): value is ReadonlyMap<string, Json> {
  return value instanceof Map;
}
