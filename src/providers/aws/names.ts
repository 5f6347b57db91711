/**
 * The names under which a grant is known at AWS: session name, source identity, session tag, and the token that carries them.
 * @module
 */
import { createHash } from 'node:crypto';
import type { Canonical } from '../../core/canonical.ts';
import type { Principal } from '../../core/principal.ts';

/** The session tag that holds the grant's id. Deny entries name it; transitive, so that it also marks sessions assumed from this one. */
export const GRANT_TAG = 'jit-grant';
/** The audience that AWS asks for in tokens of an OpenID provider. */
export const AUDIENCE = 'sts.amazonaws.com';
/** Seconds: a token is exchanged within the call that it was made for. */
export const TOKEN_SECONDS = 300;

// STS API reference, AssumeRole, SourceIdentity: this pattern, and "you cannot use a value that begins with the text aws:".
const SOURCE_IDENTITY = /^[\w+=,.@-]{2,64}$/;

/**
 * Who acts, for CloudTrail; of an agent the person for whom it acts. The user of an embedded broker by name, anybody else by
 * the subject, for a name is whatever its owner last chose, where AWS takes it as it is. Nothing is cut to fit, since two
 * people could become one: what does not fit is `sha256-` and 40 hexadecimal digits of the SHA-256 of issuer, newline, subject.
 */
export function sourceIdentity(principal: Principal): string {
  const { issuer, subject, name } = principal.actsFor ?? principal;
  const shown = issuer === 'os' ? name : subject;
  if (SOURCE_IDENTITY.test(shown) && !shown.startsWith('sha256-')) return shown;
  const digest = createHash('sha256').update(`${issuer}\n${subject}`, 'utf8').digest('hex');
  return `sha256-${digest.slice(0, 40)}`;
}

/** What a session is marked with. */
export interface Marking {
  readonly tag: string;
  /** Null for jit's own probe. */
  readonly sourceIdentity: string | null;
}

/**
 * The claims that make AWS mark a session. The subject names the one role that the token is for, so that a trust policy
 * can insist on it. Source: IAM user guide, "Pass session tags in AWS STS" and "Monitor and control actions taken with assumed roles".
 */
export function webIdentityClaims(role: string, marking: Marking | null): Readonly<Record<string, Canonical>> {
  const claims: Record<string, Canonical> = { aud: AUDIENCE, sub: `jit:${role}` };
  if (marking === null) return claims;
  return {
    ...claims,
    'https://aws.amazon.com/tags': {
      principal_tags: { [GRANT_TAG]: [marking.tag] },
      transitive_tag_keys: [GRANT_TAG],
    },
    ...(marking.sourceIdentity === null ? {} : { 'https://aws.amazon.com/source_identity': marking.sourceIdentity }),
  };
}
