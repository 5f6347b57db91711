/**
 * What of the body that carries it a proof of identity covers, where it is made for one call.
 * @module
 */
import { createHash } from 'node:crypto';
import { canonicalJson } from '../../core/canonical.ts';

/** The body of POST /v1/sessions or of /v1/sessions/confirm, by its names on the wire; a member that is undefined is not there. */
export type Members = Readonly<Record<string, string | undefined>>;

/** No proof covers itself, and the actor's is made before the subject's: the subject's covers it, and not the other way. */
const LEFT_OUT = { subject: ['subject_token'], actor: ['subject_token', 'actor_token'] } as const;

/**
 * @param by whose proof it is. The subject's covers every member but `subject_token`, the actor's every member but
 * `subject_token` and `actor_token`.
 * @returns base64url SHA-256 of those members as canonical JSON (RFC 8785). Throws `RangeError` for a lone surrogate.
 */
export function coveredBody(body: Members, by: keyof typeof LEFT_OUT): string {
  const names: readonly string[] = LEFT_OUT[by];
  const covered = Object.entries(body).filter(
    (member): member is [string, string] => member[1] !== undefined && !names.includes(member[0]),
  );
  return createHash('sha256')
    .update(canonicalJson(Object.fromEntries(covered)), 'utf8')
    .digest('base64url');
}
