/**
 * The broker's side of RFC 9449: whether a call was made by the holder of a key.
 * @module
 */
import { createHash } from 'node:crypto';
import { calculateJwkThumbprint, EmbeddedJWK, type JWTVerifyResult, jwtVerify } from 'jose';
import { JitError } from '../../core/errors.ts';
import type { Nonces } from './nonces.ts';
import type { Replays } from './replays.ts';

/** A proof that holds. */
export interface Proof {
  /** RFC 7638, SHA-256, base64url. */
  readonly keyThumbprint: string;
  /** The broker's nonce in it. */
  readonly nonce: string;
}

/** The call that a proof must be about. */
export interface ProvenCall {
  readonly method: string;
  /** The address that the caller must have meant, without query and fragment. */
  readonly url: string;
  /** The value of the header `dpop`, null without one. */
  readonly proof: string | null;
  /** The token that comes with it, null without one. */
  readonly accessToken: string | null;
}

/** Why a proof was refused, for the log and the audit. `nonce` alone is nothing out of the ordinary. */
export type Fault = 'missing' | 'malformed' | 'another call' | 'another token' | 'replayed' | 'old' | 'nonce';

export type Checked =
  | { readonly kind: 'good'; readonly proof: Proof }
  | { readonly kind: 'bad'; readonly fault: Fault; readonly keyThumbprint: string | null };

const LONGEST_PROOF = 4_096;
const LONGEST_ID = 128;
/** How far the caller's clock may be off. The nonce, not this clock, shows that a proof is fresh; older ones are replays. */
const SKEW_SECONDS = 300;

export interface ProofChecker {
  /** Never throws for what the caller sent. */
  check(call: ProvenCall): Promise<Checked>;
}

export function makeProofChecker(parts: {
  readonly now: () => number;
  readonly nonces: Nonces;
  readonly replays: Replays;
}): ProofChecker {
  const { now, nonces, replays } = parts;
  return {
    check: async ({ method, url, proof, accessToken }) => {
      if (proof === null) return bad('missing');
      // A header that is given twice arrives joined by a comma, which no compact JWT holds.
      const read = /^[\w-]{1,1024}\.[\w-]{1,2048}\.[\w-]{86}$/.test(proof) ? await verified(proof) : null;
      if (read === null || proof.length > LONGEST_PROOF) return bad('malformed');
      const { payload, keyThumbprint } = read;
      const { jti, htm, htu, iat, nonce, ath } = payload;
      const fault = (what: Fault): Checked => bad(what, keyThumbprint);
      if (typeof jti !== 'string' || jti === '' || jti.length > LONGEST_ID || typeof iat !== 'number') {
        return fault('malformed');
      }
      if (htm !== method || htu !== url) return fault('another call');
      if (ath !== (accessToken === null ? undefined : sha256(accessToken))) return fault('another token');
      // Every proof that was ever taken has a nonce: without one it is nothing old, but a first call, whatever its clock says.
      if (nonce === undefined) return fault('nonce');
      if (Math.abs(now() / 1_000 - iat) > SKEW_SECONDS) return fault('old');
      // Without a token there is nothing to replay: what the call itself carries is taken once.
      if (accessToken !== null && replays.seen(`${keyThumbprint} ${jti}`)) return fault('replayed');
      if (typeof nonce !== 'string' || !nonces.good(nonce)) return fault('nonce');
      return { kind: 'good', proof: { keyThumbprint, nonce } };
    },
  };
}

/** The answer to a fault, the same for all but a missing or old nonce. */
export function refusal(fault: Fault): JitError {
  return fault === 'nonce'
    ? new JitError({ code: 'ERR_PROOF_NONCE', message: 'use the nonce of this answer' })
    : new JitError({ code: 'ERR_NOT_SIGNED_IN', message: 'this broker does not know who is calling' });
}

async function verified(
  proof: string,
): Promise<{ readonly payload: JWTVerifyResult['payload']; readonly keyThumbprint: string } | null> {
  try {
    // Its times are judged above; the header holds these three members and nothing that points elsewhere.
    const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
      typ: 'dpop+jwt',
      algorithms: ['ES256'],
      currentDate: new Date(0),
      clockTolerance: Number.MAX_SAFE_INTEGER,
    });
    const { jwk, ...rest } = protectedHeader;
    const plain = Object.keys(rest).every((name) => name === 'typ' || name === 'alg');
    if (!plain || jwk === undefined || jwk.crv !== 'P-256') return null;
    return { payload, keyThumbprint: await calculateJwkThumbprint(jwk, 'sha256') };
  } catch {
    return null;
  }
}

function bad(fault: Fault, keyThumbprint: string | null = null): Checked {
  return { kind: 'bad', fault, keyThumbprint };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
