/**
 * Which statuses of incident.io are those of an emergency.
 * @module
 */
import type { Category } from './form.ts';

/** Somebody looks into it or works on it. A paused incident waits, and one in learning (post-incident) is over. */
const OPEN: ReadonlySet<Category> = new Set<Category>(['triage', 'live']);

export function isOpen({ category }: { readonly category: Category }): boolean {
  return OPEN.has(category);
}
