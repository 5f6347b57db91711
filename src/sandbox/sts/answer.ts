/**
 * Makes a session and writes what STS answers about it.
 * Source: STS API reference, AssumeRole, "Response elements".
 * @module
 */
import type { Cloud } from '../cloud.ts';
import type { Fault } from '../fault.ts';
import { isFault } from '../fault.ts';
import { isoSeconds, sessionArn } from '../principal.ts';
import { issueSession } from '../session.ts';
import type { SessionTag } from '../session.ts';
import type { Role } from '../world.ts';
import { element, field } from '../xml.ts';
import { packedSize } from './validate.ts';

// What fits into a packed policy keeps a token below this; AWS names the same number as the largest minimum size.
const MAX_TOKEN_BYTES = 4_096;

/** A session that has been allowed. `seconds` is its length. */
export interface AllowedSession {
  readonly role: Role;
  readonly name: string;
  readonly seconds: number;
  readonly policy: string | null;
  readonly tags: readonly SessionTag[];
  readonly sourceIdentity: string | null;
}

/** Issues the credentials. The markup holds them, so it goes to the caller and nowhere else. */
export function sessionAnswer(cloud: Cloud, allowed: AllowedSession): string | Fault {
  const { role, name, seconds, policy, tags, sourceIdentity } = allowed;
  const packed = packedSize(policy, tags);
  if (isFault(packed)) return packed;
  const issuedAt = Math.floor(cloud.now() / 1_000);
  const expiresAt = issuedAt + seconds;
  const credentials = issueSession(cloud.keys, {
    role: role.name,
    name,
    issuedAt,
    expiresAt,
    policy,
    tags,
    sourceIdentity,
  });
  const sessionToken = credentials.sessionToken.expose();
  const tokenSize = sessionToken.length;
  return [
    element(
      'Credentials',
      field('AccessKeyId', credentials.accessKeyId),
      field('SecretAccessKey', credentials.secretAccessKey.expose()),
      field('SessionToken', sessionToken),
      field('Expiration', isoSeconds(expiresAt)),
    ),
    element('AssumedRoleUser', field('AssumedRoleId', `${role.id}:${name}`), field('Arn', sessionArn(role, name))),
    field('PackedPolicySize', packed),
    field('SessionTokenUtilization', Math.ceil((100 * tokenSize) / MAX_TOKEN_BYTES)),
    field('SessionTokenSize', tokenSize),
    field('SourceIdentity', sourceIdentity),
  ].join('');
}
