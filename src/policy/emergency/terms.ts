/**
 * What a permit on action `BreakGlass` asks for in return, and whom its scope may name.
 * @module
 */
import type { PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';
import { formatDuration, parseDuration } from '../../core/duration.ts';
import {
  type Annotations,
  EMERGENCY_TERMS,
  parseCount,
  parseGroup,
  type PolicyKind,
  readDemands,
  reader,
  wrong,
} from '../annotations.ts';
import { member } from '../expression.ts';
import type { EmergencyTerms, Sealed } from '../verdict.ts';

/** Longer than this nobody keeps access to what is not an emergency any more. */
const LONGEST_WARNING_SECONDS = 900;

/** How long access lasts at most where the incident cannot be verified, if the permit does not say. */
const DEFAULT_SEALED_SECONDS = 900;

/**
 * The terms of a permit on `BreakGlass`, or null for any other policy.
 * @param report is called with each problem, in plain words; with a problem the result must not be used.
 */
export function readEmergencyTerms(
  kind: PolicyKind,
  json: Pick<PolicyJson, 'annotations' | 'principal'>,
  report: (problem: string) => void,
): EmergencyTerms | null {
  const annotations: Annotations = json.annotations ?? {};
  const given = (keys: readonly string[]): string[] => keys.filter((key) => Object.hasOwn(annotations, key));
  if (kind !== 'permit-break-glass') {
    const words = kind === 'forbid' ? 'a forbid' : 'a permit on another action than BreakGlass';
    for (const key of given(EMERGENCY_TERMS)) report(`@${key} has no meaning on ${words}`);
    return null;
  }
  if (Object.hasOwn(annotations, 'tier') && annotations['tier'] !== 'break-glass') {
    report('@tier on action BreakGlass can only be "break-glass"');
  }
  for (const key of given(['approvers', 'approver_group'])) {
    report(
      `@${key} has no meaning on a permit on BreakGlass: nobody approves beforehand, and @sealed says who confirms`,
    );
  }
  if (!namesType(json.principal)) report(WHO);
  const read = reader(annotations, report);
  const demands = readDemands(annotations, report);
  return {
    ...demands,
    warnSeconds: read('warn', 0, (value) => {
      const seconds = parseDuration(value);
      if (seconds > LONGEST_WARNING_SECONDS) throw wrong(`at most ${formatDuration(LONGEST_WARNING_SECONDS)}`);
      return seconds;
    }),
    handover: read<'ends' | 'stays'>('handover', 'stays', (value) => {
      if (value !== 'ends' && value !== 'stays') throw wrong('it is "ends" or "stays"');
      return value;
    }),
    sealed: readSealed(annotations, demands.maxSeconds, report),
  };
}

const WHO =
  'a permit on BreakGlass says in its scope of what type they are: principal is Jit::User, principal is Jit::User in Jit::Group::"…", ' +
  'and for a pipeline principal is Jit::Workload … or principal == Jit::Workload::"…"';

/** Whether the scope alone keeps out every other type, so that a rule meant for people never reaches a pipeline. */
function namesType(principal: PolicyJson['principal']): boolean {
  return member(principal, 'op') === '==' || typeof member(principal, 'entity_type') === 'string';
}

function readSealed(annotations: Annotations, maxSeconds: number, report: (problem: string) => void): Sealed | null {
  const read = reader(annotations, report);
  const approvers = read<number | null>('sealed', null, (value) => parseCount(value, 2, 20));
  const group = read<string | null>('sealed_group', null, parseGroup);
  const longest = read<number | null>('sealed_max', null, (value) => {
    const seconds = parseDuration(value);
    if (seconds > maxSeconds) throw wrong(`longer than the ${formatDuration(maxSeconds)} of @max`);
    return seconds;
  });
  const [one, other] = [Object.hasOwn(annotations, 'sealed'), Object.hasOwn(annotations, 'sealed_group')];
  if (one !== other) {
    report('@sealed("2") and @sealed_group("on-call") go together: how many people confirm, and of which group');
  }
  if (longest !== null && !one) report('@sealed_max needs @sealed: how many people confirm');
  if (approvers === null || group === null) return null;
  return { approvers, group, maxSeconds: longest ?? Math.min(DEFAULT_SEALED_SECONDS, maxSeconds) };
}
