/**
 * Who is let in at the loopback address: every user of the machine, and every page in a browser, can knock there.
 * @module
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { JitError } from '../core/errors.ts';

/** Throws `ERR_DENIED` for what no tool on this machine sends. */
export function demandLocal({ headers }: IncomingMessage, port: number): void {
  // A page in a browser that made its own name point here (DNS rebinding) has another Host; one that did not, an Origin.
  const hosts = [`127.0.0.1:${port}`, `localhost:${port}`];
  if (!hosts.includes(headers.host ?? '') || headers.origin !== undefined) throw denied();
}

/** The digest that no token has. */
export const NO_DIGEST: Uint8Array = randomBytes(32);

export function digestOf(token: string): Uint8Array {
  return createHash('sha256').update(token, 'utf8').digest();
}

/**
 * Throws `ERR_DENIED` unless it is the token.
 * @param digest of the token that opens this door; undefined where there is no door, which takes as long to say and sounds the same.
 */
export function demandToken(token: string, digest: Uint8Array | undefined): void {
  // Digests are equally long, and comparing them takes the same time whatever the token was.
  if (!timingSafeEqual(digestOf(token), digest ?? NO_DIGEST)) throw denied();
}

/** One answer for an unknown path and a wrong token: names of grants are not told. */
export function denied(): JitError {
  return new JitError({ code: 'ERR_DENIED', message: 'not for you' });
}
