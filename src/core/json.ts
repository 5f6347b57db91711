/**
 * JSON from strangers, looked at before anything parses it: size of the tree and duplicate names.
 * @module
 */

export interface JsonLimits {
  /** Deepest nesting of lists and objects. */
  readonly depth: number;
  /** Names and list separators together: bounds the work that a body can cause (the class of CVE-2025-59043). */
  readonly members: number;
}

const TOKEN = /[ \t\r\n]*(?:("(?:[^"\\\u0000-\u001f]|\\.)*")|([[\]{}:,])|([^\s[\]{}:,"]+))/y;

/**
 * @returns one lower-case sentence about what is wrong, or null. Duplicate names are wrong because two readers could pick
 * different ones. A text that passes is not necessarily JSON: `JSON.parse` still decides that.
 */
export function jsonProblem(text: string, limits: JsonLimits): string | null {
  const open: (Set<string> | null)[] = [];
  let members = 0;
  let lastString: string | null = null;
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) {
    const [, string, mark] = match;
    if (mark === '{' || mark === '[') {
      if (open.length >= limits.depth) return `it is nested deeper than ${limits.depth} levels`;
      open.push(mark === '{' ? new Set() : null);
    } else if (mark === '}' || mark === ']') {
      open.pop();
    } else if (mark === ':' || mark === ',') {
      if (++members > limits.members) return `it has more than ${limits.members} members`;
      const problem = mark === ':' ? nameProblem(lastString, open.at(-1)) : null;
      if (problem !== null) return problem;
    }
    lastString = string ?? null;
  }
  return null;
}

function nameProblem(quoted: string | null, names: Set<string> | null | undefined): string | null {
  if (quoted === null || names === null || names === undefined) return 'it is not JSON';
  const name = unquote(quoted);
  if (name === null) return 'it is not JSON';
  if (names.has(name)) return 'a name appears twice in one object';
  names.add(name);
  return null;
}

// Compared after unescaping: "a" and "\u0061" are the same name.
function unquote(quoted: string): string | null {
  try {
    return String(JSON.parse(quoted));
  } catch {
    return null;
  }
}
