/**
 * What `@…` annotations say about a policy. Anything that is not known, or not meant for that kind of policy, is a problem:
 * a misspelt `@aprovers` must never read as "none needed".
 * @module
 */
import { formatDuration, parseDuration } from '../core/duration.ts';
import { JitError } from '../core/errors.ts';
import { SHORTEST_IDLE_SECONDS } from '../core/grant.ts';
import { didYouMean } from '../core/suggest.ts';
import { type Hours, parseHours } from './hours.ts';
import type { Terms } from './verdict.ts';

/** How long a permit without `@max` reaches. */
export const DEFAULT_MAX_SECONDS = 3_600;

const LABELS = ['id', 'description'] as const;
const TERMS = ['tier', 'max', 'approvers', 'approver_group', 'renewals', 'idle', 'needs', 'reason'] as const;
/** Those that only a permit on `BreakGlass` has. */
export const EMERGENCY_TERMS = ['warn', 'handover', 'sealed', 'sealed_group', 'sealed_max'] as const;
const TIMES = ['hours', 'during', 'outside'] as const;
const KNOWN: readonly string[] = [...LABELS, ...TERMS, ...EMERGENCY_TERMS, ...TIMES, 'unattended'];

const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const WHOLE = /^(?:0|[1-9]\d{0,2})$/;
const LINE = /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]{1,200}$/u;

/** As the parser gives them: an annotation without a value is null. */
export type Annotations = Readonly<Record<string, string | null>>;

/** What the policy is. */
export type PolicyKind = 'forbid' | 'permit-request' | 'permit-break-glass' | 'permit-other';

export interface Labels {
  readonly id: string | null;
  readonly description: string | null;
}

/** When a policy counts. */
export interface Season {
  readonly counts: 'during' | 'outside';
  readonly hours: Hours;
}

/**
 * The times of a policy, or null where it always counts. A permit has `@hours`. A forbid says `@during` or `@outside`, so that
 * nobody has to guess whether its hours are those of the ban or those of business.
 * @param report is called with each problem, in plain words; with a problem the result must not be used.
 */
export function readSeason(
  effect: 'permit' | 'forbid',
  annotations: Annotations,
  report: (problem: string) => void,
): Season | null {
  const given = TIMES.filter((key) => Object.hasOwn(annotations, key));
  const [key, ...more] = given.filter((each) => (each === 'hours') === (effect === 'permit'));
  for (const other of given.filter((each) => each !== key && !more.includes(each))) {
    report(
      effect === 'permit'
        ? `@${other} has no meaning on a permit: write @hours`
        : '@hours has no meaning on a forbid: @during forbids only in these hours, @outside only at all other times',
    );
  }
  if (key === undefined) return null;
  if (more.length > 0) report('@during and @outside cannot both be given');
  const value = annotations[key] ?? '';
  try {
    return { counts: key === 'outside' ? 'outside' : 'during', hours: parseHours(value) };
  } catch (thrown) {
    if (!(thrown instanceof JitError)) throw thrown;
    report(`@${key}(${JSON.stringify(value)}): ${thrown.message}`);
    return null;
  }
}

/** @param report is called with each problem, in plain words. */
export function readLabels(annotations: Annotations, report: (problem: string) => void): Labels {
  for (const key of Object.keys(annotations).filter((each) => !KNOWN.includes(each))) {
    const hint = didYouMean(
      `@${key}`,
      KNOWN.map((known) => `@${known}`),
    );
    report(`unknown annotation @${key}${hint === undefined ? '' : `, ${hint}`}`);
  }
  const read = (key: (typeof LABELS)[number], shape: RegExp, words: string): string | null => {
    if (!Object.hasOwn(annotations, key)) return null;
    const value = annotations[key] ?? '';
    if (!shape.test(value)) report(`@${key} must be ${words}`);
    return value;
  };
  return {
    id: read('id', ID, 'letters, digits and . _ - only, at most 128 of them'),
    description: read('description', LINE, 'one line of at most 200 characters'),
  };
}

/**
 * The terms of a permit on `Request`, or null for any other policy.
 * @param report is called with each problem, in plain words; with a problem the result must not be used.
 */
export function readTerms(kind: PolicyKind, annotations: Annotations, report: (problem: string) => void): Terms | null {
  const given = TERMS.filter((key) => Object.hasOwn(annotations, key));
  switch (kind) {
    case 'forbid':
    case 'permit-other': {
      const words = kind === 'forbid' ? 'a forbid' : 'a permit on another action than Request';
      for (const key of given) report(`@${key} has no meaning on ${words}`);
      return null;
    }
    case 'permit-break-glass':
      return null;
    case 'permit-request': {
      const tier = readTier(annotations, report);
      const read = reader(annotations, report);
      const approvers = read<number | null>('approvers', null, (value) => parseCount(value, 1, 20));
      const group = read<string | null>('approver_group', null, parseGroup);
      const demands = readDemands(annotations, report);
      if (tier !== 'manual') {
        for (const key of given.filter((each) => each.startsWith('approver'))) {
          report(`@${key} needs @tier("manual"): nobody else approves ${tier}`);
        }
      }
      return { tier, quorum: tier === 'manual' ? [{ group, approvers: approvers ?? 1 }] : [], ...demands };
    }
    default:
      return kind satisfies never;
  }
}

function readTier(annotations: Annotations, report: (problem: string) => void): Terms['tier'] {
  const value = annotations['tier'] ?? '';
  if (value === 'auto' || value === 'self-serve' || value === 'manual') return value;
  if (!Object.hasOwn(annotations, 'tier')) report('a permit on Request needs @tier("auto"|"self-serve"|"manual")');
  else if (value === 'break-glass') report('@tier("break-glass") belongs to a permit on action BreakGlass');
  else report(`@tier(${JSON.stringify(value)}) is not a tier: it is auto, self-serve or manual`);
  return 'manual';
}

/** Reads annotations one by one: what does not parse is a problem, and stands for what is missing. */
export function reader(annotations: Annotations, report: (problem: string) => void) {
  return <T>(key: string, missing: T, parse: (value: string) => T): T => {
    if (!Object.hasOwn(annotations, key)) return missing;
    const value = annotations[key] ?? '';
    try {
      return parse(value);
    } catch (thrown) {
      if (!(thrown instanceof JitError)) throw thrown;
      report(`@${key}(${JSON.stringify(value)}): ${thrown.message}`);
      return missing;
    }
  };
}

/** What any permit with terms may ask for. */
export function readDemands(annotations: Annotations, report: (problem: string) => void) {
  const read = reader(annotations, report);
  return {
    maxSeconds: read('max', DEFAULT_MAX_SECONDS, parseDuration),
    renewals: read('renewals', 0, (value) => parseCount(value, 0, 100)),
    idleSeconds: read<number | null>('idle', null, parseIdle),
    needsTicket: read('needs', false, (value) => {
      if (value !== 'ticket') throw wrong('the only thing that can be needed is "ticket"');
      return true;
    }),
    minReason: read('reason', 0, (value) => parseCount(value, 1, 200)),
  };
}

/** Throws `ERR_CONFIG`. */
export function parseGroup(value: string): string {
  if (!LINE.test(value)) throw wrong('not the name of a group');
  return value;
}

function parseIdle(text: string): number {
  const seconds = parseDuration(text);
  if (seconds < SHORTEST_IDLE_SECONDS) {
    throw wrong(`use cannot be seen within less than ${formatDuration(SHORTEST_IDLE_SECONDS)}`);
  }
  return seconds;
}

/** Throws `ERR_CONFIG`. */
export function parseCount(text: string, least: number, most: number): number {
  const count = WHOLE.test(text) ? Number(text) : -1;
  if (count < least || count > most) throw wrong(`not a whole number from ${least} to ${most}`);
  return count;
}

/** `ERR_CONFIG`, for what an annotation says. */
export function wrong(message: string): JitError {
  return new JitError({ code: 'ERR_CONFIG', message });
}
