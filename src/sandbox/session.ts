/**
 * A role session, and how it is carried inside its own token.
 * @module
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { z } from 'zod';
import type { Secret } from '../core/secret.ts';
import type { Keyring } from './keys.ts';

/** A tag of a session: `aws:PrincipalTag/key` in conditions. */
export interface SessionTag {
  readonly key: string;
  readonly value: string;
  /** Whether a session that is assumed from this one inherits the tag. */
  readonly transitive: boolean;
}

/** What a session token says. Times are epoch seconds. */
export interface Session {
  readonly role: string;
  readonly name: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** The session policy's text, or null where there is none. */
  readonly policy: string | null;
  readonly tags: readonly SessionTag[];
  readonly sourceIdentity: string | null;
}

/** Session credentials as STS hands them out. */
export interface SessionCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret<string>;
  readonly sessionToken: Secret<string>;
}

const CONTENT = z.tuple([
  z.string(),
  z.string(),
  z.int(),
  z.int(),
  z.string().nullable(),
  z.array(z.tuple([z.string(), z.string(), z.boolean()])),
  z.string().nullable(),
]);

// A token is authentic when it is opened, so this only bounds what a bug of ours could do.
const MAX_CONTENT_BYTES = 64 * 1024;
// Deflating costs more than everything else about a session; it is worth it only where tokens would grow long.
const SHORT_BYTES = 1_024;
const PLAIN = 0;
const DEFLATED = 1;

function encode(session: Session): Buffer {
  const { role, name, issuedAt, expiresAt, policy, tags, sourceIdentity } = session;
  const list = tags.map(({ key, value, transitive }) => [key, value, transitive]);
  const plain = Buffer.from(JSON.stringify([role, name, issuedAt, expiresAt, policy, list, sourceIdentity]), 'utf8');
  if (plain.length <= SHORT_BYTES) return Buffer.concat([Buffer.of(PLAIN), plain]);
  return Buffer.concat([Buffer.of(DEFLATED), deflateRawSync(plain)]);
}

function decode(content: Buffer): Session | null {
  const packed = content.subarray(1);
  const plain = content[0] === PLAIN ? packed : inflateRawSync(packed, { maxOutputLength: MAX_CONTENT_BYTES });
  const outcome = CONTENT.safeParse(JSON.parse(plain.toString('utf8')));
  if (!outcome.success) return null;
  const [role, name, issuedAt, expiresAt, policy, list, sourceIdentity] = outcome.data;
  const tags = list.map(([key, value, transitive]) => ({ key, value, transitive }));
  return { role, name, issuedAt, expiresAt, policy, tags, sourceIdentity };
}

/** Makes credentials whose token is the only record of the session. */
export function issueSession(keys: Keyring, session: Session): SessionCredentials {
  const accessKeyId = keys.sessionKeyId();
  return {
    accessKeyId,
    secretAccessKey: keys.secretFor(accessKeyId),
    sessionToken: keys.seal(accessKeyId, encode(session)),
  };
}

/** Reads a token back, or null where it is not one of ours or does not belong to that access key. */
export function openSession(keys: Keyring, accessKeyId: string, token: string): Session | null {
  const content = keys.open(accessKeyId, token);
  return content === null ? null : decode(content);
}
