/**
 * Lists of incident.io, page by page: `page_size` and `after` (https://docs.incident.io/api-reference/incidents-v2/list).
 * @module
 */
import { untrusted } from '../untrusted.ts';

interface Page<T> {
  readonly items: readonly T[];
  readonly after: string | null | undefined;
}

/**
 * @param path with a query.
 * @param most items; it ends with the page that reaches it. @param read null where there is no such page.
 */
export async function pages<T>(
  source: string,
  path: string,
  most: number,
  read: (path: string) => Promise<Page<T> | null>,
): Promise<readonly T[]> {
  const found: T[] = [];
  let cursor = '';
  for (;;) {
    const page = await read(cursor === '' ? path : `${path}&after=${encodeURIComponent(cursor)}`);
    if (page === null) throw untrusted(source, 'a page of its answer is missing');
    found.push(...page.items);
    const next = page.after ?? '';
    if (next === '' || found.length >= most) return found;
    // It would be asked for the same page for ever.
    if (page.items.length === 0 || next === cursor) throw untrusted(source, 'a page of its answer leads nowhere');
    cursor = next;
  }
}
