/**
 * What a process learns of a broker while it talks to it, and single calls that prove a key without a session of their own.
 * @module
 */
import type { Authorizer, Refusal } from '../../client/authorizer.ts';
import type { BrokerClient } from '../../client/client.ts';
import { JitError } from '../../core/errors.ts';
import type { Clock, Random } from '../../core/ports.ts';
import type { Secret } from '../../core/secret.ts';
import { CONFIRMATION_HEADER } from '../../wire/sessions.ts';
import { makeProof, type ProofKey } from '../dpop/proof.ts';

export type SessionClient = Pick<BrokerClient, 'signIn' | 'exchange' | 'confirm' | 'session' | 'endSession' | 'close'>;

export interface LinkParts {
  /**
   * Opens a client for this broker, to be closed after use. Its calls are not ended with the command: an answer that holds the
   * next refresh token has to be stored.
   */
  readonly openClient: (authorizer: Authorizer) => SessionClient;
  readonly now: Clock;
  readonly random: Random;
}

export interface Link {
  /** The broker's latest nonce, null before the first. */
  nonce(): string | null;
  seen(nonce: string): void;
  /** @returns whether something was learnt that may mend the call. */
  learn(refusal: Refusal): boolean;
  headers(plan: {
    readonly key: ProofKey;
    readonly token: Secret<string> | null;
    readonly method: string;
    readonly url: URL;
    /** Instead of the latest. */
    readonly pinned?: string | null;
  }): Promise<Readonly<Record<string, string>>>;
  /**
   * Makes one call with a proof of `key`, anew where the broker gave a nonce or its clock differs: at most three times.
   * @param send is handed the nonce that its proof will carry, for bodies that must be bound to it; empty before the first.
   */
  call<T>(
    key: ProofKey,
    token: Secret<string> | null,
    send: (client: SessionClient, nonce: string) => Promise<T>,
  ): Promise<T>;
}

/** A clock that is off by less does not matter to anybody, and no refusal takes that long. */
const SKEW_MS = 120_000;
const ROUNDS = 3;

export function openLink({ openClient, now, random }: LinkParts): Link {
  let nonce: string | null = null;
  let skewMs = 0;

  const link: Link = {
    nonce: () => nonce,
    seen: (given) => {
      nonce = given;
    },
    learn: ({ code, nonce: given, date, sent }) => {
      nonce = given ?? nonce;
      // Judged by what this call carried: another one may have learnt the same a moment ago.
      const proof = readProof(sent['dpop']);
      if (proof === null) return false;
      const late = date !== null && Math.abs(date - proof.at) > SKEW_MS;
      // A machine with a wrong clock still works: the nonce shows that a proof is fresh, and times are told by the broker's.
      if (late) skewMs = date - now();
      return late || (code === 'ERR_PROOF_NONCE' && given !== null && given !== proof.nonce);
    },
    headers: async ({ key, token, method, url, pinned = nonce }) => {
      const at = { method, url, nonce: pinned, now: now() + skewMs, random };
      if (token === null) return { dpop: await makeProof({ ...at, key }) };
      const dpop = await makeProof({ ...at, key, accessToken: token });
      return { authorization: authorizationOf(token), dpop };
    },
    call: async (key, token, send) => {
      for (let round = 1; ; round += 1) {
        let mended = false;
        // Other calls go on meanwhile and may bring a newer one, to which the body would not be bound.
        const pinned = nonce;
        // Never repeated by the client itself: the body may have to change with the nonce.
        const client = openClient({
          headers: (method, url) => link.headers({ key, token, method, url, pinned }),
          refused: async (refusal) => {
            mended = link.learn(refusal);
            return 'no use';
          },
          seen: link.seen,
        });
        try {
          return await send(client, pinned ?? '');
        } catch (thrown) {
          if (!(thrown instanceof JitError) || !mended || round >= ROUNDS) throw thrown;
        } finally {
          client.close();
        }
      }
    },
  };
  return link;
}

/** The nonce and the time (epoch ms) in one of our own proofs. */
function readProof(dpop = ''): { readonly nonce: string | null; readonly at: number } | null {
  try {
    const payload: unknown = JSON.parse(Buffer.from(dpop.split('.')[1] ?? '', 'base64url').toString());
    if (typeof payload !== 'object' || payload === null || !('iat' in payload)) return null;
    const nonce = 'nonce' in payload && typeof payload.nonce === 'string' ? payload.nonce : null;
    return { nonce, at: Number(payload.iat) * 1_000 };
  } catch {
    return null;
  }
}

/** The header that lets one call issue something. */
export function confirmationHeader(confirmation: Secret<string>): Readonly<Record<string, string>> {
  return { [CONFIRMATION_HEADER]: confirmation.expose() };
}

/** The header that carries a token. */
export function authorizationOf(token: Secret<string>): string {
  return `DPoP ${token.expose()}`;
}
