/**
 * A bounded memory of things that are dear to make and never change.
 * @module
 */

/**
 * Remembers the results of `make` by key; the oldest entry goes first when there are more than `limit`.
 * `make` must be pure.
 */
export function remember<T>(limit: number, make: (key: string) => T): (key: string) => T {
  const known = new Map<string, T>();
  return (key) => {
    const found = known.get(key);
    if (found !== undefined) return found;
    const made = make(key);
    if (known.size >= limit) {
      for (const oldest of known.keys()) {
        known.delete(oldest);
        break;
      }
    }
    known.set(key, made);
    return made;
  };
}
