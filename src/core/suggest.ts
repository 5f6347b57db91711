/**
 * "Did you mean": the known names nearest to what was typed.
 * @module
 */

/** A longer word is compared by its beginning only, so that hostile input costs no more than a typing mistake. */
const LONGEST = 128;

/**
 * The candidates within a few typing mistakes of `word`, nearest first, ties in alphabetical order. Case is ignored, and a
 * different case alone is the nearest of all. Empty when nothing is near enough to be a mistake.
 * @param limit how many to return at most.
 */
export function suggest(word: string, candidates: Iterable<string>, limit = 3): string[] {
  const typed = fold(word);
  if (typed === '') return [];
  const near: { readonly name: string; readonly distance: number }[] = [];
  for (const name of new Set(candidates)) {
    const folded = fold(name);
    const allowed = Math.max(1, Math.floor(Math.max(typed.length, folded.length) / 4));
    const distance = editDistance(typed, folded, allowed);
    if (distance <= allowed) near.push({ name, distance });
  }
  return near
    .toSorted((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
    .slice(0, limit)
    .map(({ name }) => name);
}

/** A line for `hint:`, such as `did you mean s3:GetObject or s3:PutObject?`, or undefined when nothing is near. */
export function didYouMean(word: string, candidates: Iterable<string>): string | undefined {
  const names = suggest(word, candidates);
  const last = names.pop();
  if (last === undefined) return undefined;
  return `did you mean ${names.length === 0 ? last : `${names.join(', ')} or ${last}`}?`;
}

/**
 * Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b` (optimal string alignment).
 * Any number above `limit` means only that it is more than `limit`.
 */
export function editDistance(a: string, b: string, limit: number = Number.MAX_SAFE_INTEGER): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let before: readonly number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const replaced = at(above, column - 1) + (a[row - 1] === b[column - 1] ? 0 : 1);
      const swapped =
        row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
          ? at(before, column - 2) + 1
          : Number.POSITIVE_INFINITY;
      current.push(Math.min(replaced, swapped, at(above, column) + 1, at(current, column - 1) + 1));
    }
    // Two rows, because a swap reaches back over one of them.
    if (Math.min(...current) > limit && Math.min(...above) > limit) return limit + 1;
    before = above;
    above = current;
  }
  return at(above, b.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}

function fold(text: string): string {
  return text.slice(0, LONGEST).toLowerCase();
}
