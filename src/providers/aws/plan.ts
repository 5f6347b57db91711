/**
 * What would be issued at a target, for people and for policy.
 * @module
 */
import { ACCESS_LEVELS, BREADTHS, highest } from '../../core/access.ts';
import type { Plan, RevocationClass } from '../../core/access.ts';
import { display } from '../../core/display.ts';
import { formatDuration } from '../../core/duration.ts';
import type { Clause, Narrowed } from './narrow.ts';
import type { Bounds } from './prepared.ts';
import { opensShells } from './shells.ts';
import { SHORTEST_SESSION } from './target.ts';
import type { AwsTarget } from './target.ts';

/**
 * Seconds. AWS promises only that a change of a role's policy "may take a few minutes" (IAM user guide, "Revoke IAM role
 * temporary security credentials"); measured, it takes seconds. A promise has to hold on a bad day.
 */
const REVOKED_WITHIN = 300;

/** @param bounds as if issued now. */
export function planOf(target: AwsTarget, narrowed: readonly Narrowed[], bounds: Bounds): Plan {
  const clauses = narrowed.flatMap((one) => one.clauses);
  const revocation = revocationOf(target);
  return {
    target: target.name,
    permission: bounds.text,
    words: [
      ...(target.sandbox ? ['this is a sandbox: nothing outside this machine is touched'] : []),
      `as ${target.access.role}`,
      ...clauses.flatMap(clauseWords),
      'nothing else: every other operation and resource is denied explicitly',
      ...bounds.managed.map(
        (arn) => `by managed policy ${arn}, which says exactly this now; who can edit it can change it`,
      ),
      ...(opensShells(narrowed.map(({ permission: one }) => one))
        ? ['shells that it opens through Systems Manager end with it, if the revoker may end them']
        : []),
      ...(narrowed.some(({ permission: { actions } }) => actions.some(showsCluster)) ? [clusterWords(target)] : []),
      ...(clauses.some(({ actions }) => actions.some(({ access }) => access === 'permissions'))
        ? ['permissions that it hands out stay after the grant has ended']
        : []),
      revocation.kind === 'immediate'
        ? 'revoked at once'
        : `revoked within ${formatDuration(REVOKED_WITHIN)}, usually in seconds; ends by itself on the second`,
    ],
    assessment: {
      access:
        highest(
          ACCESS_LEVELS,
          narrowed.map(({ assessment }) => assessment.access),
        ) ?? 'permissions',
      breadth:
        highest(
          BREADTHS,
          narrowed.map(({ assessment }) => assessment.breadth),
        ) ?? 'broad',
    },
    floorSeconds: SHORTEST_SESSION,
    residualSeconds: 0,
    revocation,
  };
}

/** What becomes of sessions that are out when their grant ends early. */
export function revocationOf({ sandbox }: AwsTarget): RevocationClass {
  return sandbox ? { kind: 'immediate' } : { kind: 'within', seconds: REVOKED_WITHIN };
}

/** What kubectl is set up with, and what jit makes tokens of EKS for. */
function showsCluster(action: string): boolean {
  return action.toLowerCase() === 'eks:describecluster';
}

/** STS tells a cluster whose session it is whatever policies say, so there the session's own end is the only one. */
function clusterWords({ sessionSeconds }: AwsTarget): string {
  const [ended, revoked] = [SHORTEST_SESSION, sessionSeconds].map(formatDuration);
  return `a cluster of EKS that knows the role lets its sessions in until they run out: up to ${ended} after the end, ${revoked} after a revocation`;
}

/** Such as: retrieve objects from Amazon S3 in arn:aws:s3:::bucket/* with s3:GetObject (read). */
function clauseWords({ actions, resources }: Clause): readonly string[] {
  const where = resources.includes('*')
    ? 'everywhere in the account'
    : `in ${resources.map((text) => display(text)).join(', ')}`;
  return actions.map(({ name, summary, access }) => `${display(summary, 120)}, ${where}, with ${name} (${access})`);
}
