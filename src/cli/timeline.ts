/**
 * Audit entries as steps of a story. Entries are read leniently: a newer broker may write types that this jit has not met.
 * @module
 */
import type { EntriesView } from '../wire/views.ts';

/** One step, still with foreign text in it. */
export interface Step {
  readonly sequence: number;
  /** RFC 3339 UTC. */
  readonly at: string;
  readonly type: string;
  /** `name=value`, scalars only. */
  readonly details: readonly string[];
  /** The permission exactly as a cloud was given it, where that was in this step. It is in `details` too. */
  readonly granted?: Granted;
}

export interface Granted {
  readonly target: string;
  readonly permission: string;
}

/** An entry that is not a JSON object is kept with its line as the only detail, never hidden. */
export function readTimeline(entries: EntriesView['entries']): Step[] {
  return entries.map(({ sequence, line }) => {
    const fields = parse(line);
    const at = fields?.get('at');
    const type = fields?.get('type');
    if (fields === null || typeof at !== 'string' || typeof type !== 'string') {
      return { sequence, at: '-', type: 'unreadable entry', details: [line] };
    }
    const granted = grantedIn(fields.get('data'));
    return { sequence, at, type, details: detailsOf(fields.get('data')), ...(granted === null ? {} : { granted }) };
  });
}

/** What each target was given last, in the order of the targets' first. */
export function lastGranted(steps: readonly Step[]): readonly Granted[] {
  return [
    ...new Map(steps.flatMap(({ granted }) => (granted === undefined ? [] : [[granted.target, granted]]))).values(),
  ];
}

function grantedIn(data: unknown): Granted | null {
  const fields = members(data);
  const [target, permission] = [fields?.get('target'), fields?.get('granted')];
  return typeof target === 'string' && typeof permission === 'string' ? { target, permission } : null;
}

function detailsOf(data: unknown): string[] {
  return [...(members(data) ?? [])].flatMap(([name, value]) => {
    const scalar = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
    return scalar ? [`${name}=${value}`] : [];
  });
}

function parse(line: string): ReadonlyMap<string, unknown> | null {
  try {
    return members(JSON.parse(line));
  } catch {
    return null;
  }
}

function members(value: unknown): ReadonlyMap<string, unknown> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? new Map(Object.entries(value)) : null;
}
