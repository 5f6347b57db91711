/**
 * A look at the text of policies before the engine parses it. The engine is recursive and runs in WebAssembly: a policy that
 * exhausts its stack leaves it unusable for every later decision, so such a policy must never reach it.
 * @module
 */

const LARGEST_FILE = 1_048_576;
const DEEPEST = 32;
/** Measured with engine 4.13: the weakest of these traps at more than twice this. */
const BUDGET = 1_500;

/** What each token costs of a policy's budget, by how much stack it takes. */
const COST: ReadonlyMap<string, number> = new Map([
  ['&&', 1],
  ['||', 1],
  ['.', 2],
  ['[', 2],
  ['+', 8],
  ['-', 8],
  ['*', 8],
  ['if', 8],
]);

// Comments and strings come first, so that nothing inside them counts. Linear: no alternative can start where another did.
const TOKEN = /\/\/[^\n]*|"(?:[^"\\]|\\[^])*"?|&&|\|\||\bif\b|[.+\-*()[\]{};\n]/g;

/** @returns what is too much and on which line, or null. */
export function excess(text: string): { readonly line: number; readonly problem: string } | null {
  if (text.length > LARGEST_FILE) return { line: 1, problem: `longer than ${LARGEST_FILE} characters` };
  let line = 1;
  let depth = 0;
  let cost = 0;
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '\n') line += 1;
    else if (token.startsWith('"')) line += token.split('\n').length - 1;
    else if (token === ';') [depth, cost] = [0, 0];
    else if ('([{'.includes(token)) depth += 1;
    else if (')]}'.includes(token)) depth -= 1;
    cost += COST.get(token) ?? 0;
    if (depth > DEEPEST) return { line, problem: `brackets nested deeper than ${DEEPEST}` };
    if (cost > BUDGET) return { line, problem: 'the policy is too long: split it into several' };
  }
  return null;
}
