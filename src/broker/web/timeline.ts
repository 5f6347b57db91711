/**
 * Audit entries as steps of a story. They are read leniently: whatever is in the log is shown, never hidden.
 * @module
 */
import type { EntriesView } from '../../wire/views.ts';

/** One step, still with foreign text in it. */
export interface Step {
  readonly sequence: number;
  /** RFC 3339 UTC, or `-`. */
  readonly at: string;
  /** Such as `grant.activated`. */
  readonly type: string;
  /** Who did it; null where it does not say. */
  readonly actor: string | null;
  /** `name: value`, scalars only. */
  readonly details: readonly string[];
  /** The permission exactly as a cloud was given it, where that was in this step. */
  readonly granted?: Granted;
}

export interface Granted {
  readonly target: string;
  readonly permission: string;
}

/** An entry that is not as expected is kept with its line as the only detail. */
export function readSteps(entries: EntriesView['entries']): readonly Step[] {
  return entries.map(({ sequence, line }) => {
    const fields = parse(line);
    const at = fields?.get('at');
    const type = fields?.get('type');
    if (fields === null || typeof at !== 'string' || typeof type !== 'string') {
      return { sequence, at: '-', type: 'unreadable entry', actor: null, details: [line] };
    }
    const granted = grantedIn(fields.get('data'));
    const details = detailsOf(fields.get('data'), granted === null ? null : 'granted');
    return {
      sequence,
      at,
      type,
      actor: actorOf(fields.get('actor')),
      details,
      ...(granted === null ? {} : { granted }),
    };
  });
}

function actorOf(value: unknown): string | null {
  const fields = members(value);
  const kind = fields?.get('kind');
  if (kind === 'broker') return 'the broker';
  const subject = fields?.get('subject');
  return typeof kind === 'string' && typeof subject === 'string' ? `${kind} ${subject}` : null;
}

/** What that target was given last, or null where that is not among these. */
export function lastGranted(steps: readonly Step[], target: string): string | null {
  return steps.findLast(({ granted }) => granted?.target === target)?.granted?.permission ?? null;
}

function grantedIn(data: unknown): Granted | null {
  const fields = members(data);
  const [target, permission] = [fields?.get('target'), fields?.get('granted')];
  return typeof target === 'string' && typeof permission === 'string' ? { target, permission } : null;
}

/** @param but a member that is shown in a place of its own. */
function detailsOf(data: unknown, but: string | null): readonly string[] {
  return [...(members(data) ?? [])].flatMap(([name, value]) => {
    if (name === but) return [];
    const scalar = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
    return scalar ? [`${name}: ${value}`] : [];
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
