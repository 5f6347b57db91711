/**
 * One way to the identity provider and back. What belongs to it travels in an encrypted cookie, so that nothing is stored
 * for people who are not known yet.
 * @module
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import * as z from 'zod';
import { isSessionId, type SessionId } from '../../core/ids.ts';
import type { Random } from '../../core/ports.ts';
import { Secret } from '../../core/secret.ts';
import type { Manner, Trip } from '../../identity/sign-in/relying-party.ts';

/** Why somebody is on the way. */
export type Purpose =
  /** @param to the page to show afterwards. */
  | { readonly kind: 'sign-in'; readonly to: string }
  /** To have a word for a decision. @param act its name. @param to the page of the request. */
  | { readonly kind: 'act'; readonly session: SessionId; readonly act: string; readonly to: string };

export interface Passage extends Trip {
  readonly provider: string;
  readonly manner: Manner;
  readonly purpose: Purpose;
  /** Epoch ms. */
  readonly startedAt: number;
}

/** How long somebody may take at the identity provider, sign-in with a second factor included. */
export const TRIP_SECONDS = 900;

const purpose = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('sign-in'), to: z.string() }),
  z.strictObject({
    kind: z.literal('act'),
    session: z.custom<SessionId>((value) => typeof value === 'string' && isSessionId(value)),
    act: z.string(),
    to: z.string(),
  }),
]);
const passage = z.strictObject({
  state: z.string(),
  nonce: z.string(),
  verifier: z.string(),
  provider: z.string(),
  manner: z.enum(['quiet', 'usual', 'again']),
  purpose,
  startedAt: z.int(),
});

export interface Passages {
  /** @returns text for a cookie. */
  seal(passage: Passage): string;
  /** Null for what this process did not seal, and for what is over at `now`, epoch ms. */
  open(text: string | null, now: number): Passage | null;
}

const IV_BYTES = 12;
const TAG_BYTES = 16;
const BOUND_TO = Buffer.from('jit: trip, 1');

/** With a key of this process: a trip does not outlive it. */
export function makePassages(random: Random): Passages {
  const key = Buffer.from(random(32));
  return {
    seal: ({ verifier, ...rest }) => {
      const iv = Buffer.from(random(IV_BYTES));
      const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(BOUND_TO);
      const text = JSON.stringify({ ...rest, verifier: verifier.expose() });
      return Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString(
        'base64url',
      );
    },
    open: (text, now) => {
      const read = passage.safeParse(unsealed(key, text ?? ''));
      if (!read.success || now - read.data.startedAt >= TRIP_SECONDS * 1_000) return null;
      return { ...read.data, verifier: new Secret(read.data.verifier) };
    },
  };
}

function unsealed(key: Buffer, text: string): unknown {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length < IV_BYTES + TAG_BYTES) return null;
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, IV_BYTES));
  decipher.setAAD(BOUND_TO).setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    const plain = [decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()];
    return JSON.parse(Buffer.concat(plain).toString('utf8')) as unknown;
  } catch {
    return null;
  }
}
