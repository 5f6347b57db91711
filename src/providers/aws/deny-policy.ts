/**
 * The inline policy that revokes: which sessions of a role are denied everything.
 * @module
 */
import { GRANT_TAG } from './names.ts';
import { wholeSecond } from './session-policy.ts';

/** The name of the policy on the role. jit owns it, and writes it whole each time. */
export const DENY_POLICY = 'JitRevoked';

/** IAM: the inline policies of a role have 10,240 characters between them. The rest is left to the role's own. */
const LIMIT = 9_000;
/** Room for the second statement, and for the tag that it is verified by. */
const CUTOFF_ROOM = 250;

/** An instant before which every session of the role is denied, in place of a list that grew too long. */
export interface Cutoff {
  /** Epoch ms, a whole second. */
  readonly at: number;
  /** The grants that it stands for. */
  readonly covers: ReadonlySet<string>;
}

/** What the policy shall say. */
export interface DenyList {
  /** Sorted. */
  readonly grants: readonly string[];
  readonly cutoff: Cutoff | null;
}

/** Sessions are cut off up to this long after now, since AWS's clock stamps them and not ours. */
const CUTOFF_AHEAD_MS = 5_000;

/**
 * Puts grants on the list. A cut-off that exists keeps standing for the grants that it covers and is not moved, since each
 * move ends sessions that nobody wanted to end. Where the list does not fit beside it, a new cut-off takes the whole list.
 */
export function denyList(grants: Iterable<string>, earlier: Cutoff | null, now: number): DenyList {
  const all = [...new Set(grants)].toSorted();
  const covered = all.filter((grant) => earlier?.covers.has(grant) ?? false);
  const cutoff = earlier === null || covered.length === 0 ? null : { at: earlier.at, covers: new Set(covered) };
  const listed = all.filter((grant) => !(cutoff?.covers.has(grant) ?? false));
  const list = { grants: listed, cutoff };
  return denyDocument(list).length <= LIMIT - CUTOFF_ROOM ? list : cutOff(all, now);
}

/** Denies every session that exists now, whatever its grant. */
export function cutOff(grants: readonly string[], now: number): DenyList {
  return { grants: [], cutoff: { at: Math.ceil((now + CUTOFF_AHEAD_MS) / 1_000) * 1_000, covers: new Set(grants) } };
}

export function isEmpty({ grants, cutoff }: DenyList): boolean {
  return grants.length === 0 && cutoff === null;
}

/** The tag of a session on which a cut-off can be verified: sessions made after it are not denied by time. */
export function cutoffTag({ at }: Cutoff): string {
  return `cutoff-${Math.floor(at / 1_000)}`;
}

/** The tag of sessions that no deny entry names. */
export const CONTROL_TAG = 'control';

/** The policy's text. */
export function denyDocument({ grants, cutoff }: DenyList): string {
  const tags = [...grants, ...(cutoff === null ? [] : [cutoffTag(cutoff)])];
  const everything = { Effect: 'Deny', Action: '*', Resource: '*' };
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      ...(tags.length === 0
        ? []
        : [
            {
              Sid: 'JitRevokedGrants',
              ...everything,
              Condition: { StringEquals: { [`aws:PrincipalTag/${GRANT_TAG}`]: tags } },
            },
          ]),
      ...(cutoff === null
        ? []
        : [
            {
              Sid: 'JitRevokedBefore',
              ...everything,
              Condition: { DateLessThan: { 'aws:TokenIssueTime': wholeSecond(cutoff.at) } },
            },
          ]),
    ],
  });
}
