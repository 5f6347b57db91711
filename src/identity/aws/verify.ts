/**
 * The broker's side: checks a proof of an AWS identity, has STS vouch for it, and says who it is.
 * @module
 */
import type { Secret } from '../../core/secret.ts';
import { refused } from '../verify/refusal.ts';
import type { Binding } from '../verify/verified.ts';
import { type Caller, readReply } from './answer.ts';
import type { Ask } from './ask.ts';
import { readProof } from './read-proof.ts';
import { unanswered } from './unanswered.ts';

/** A caller for whom STS has vouched. No rule of the configuration has been looked at yet. */
export interface Vouched {
  readonly caller: Caller;
  readonly region: string;
  /** Of the proof, so that it is taken once. */
  readonly signature: string;
  /** Epoch ms, from the signed date. */
  readonly signedAt: number;
}

export interface CallerCheck {
  /** The audience of this broker. */
  readonly audience: string;
  readonly now: () => number;
  readonly ask: Ask;
  /** Where STS of a region is: null for AWS's own address, undefined for a region that is not allowed. */
  readonly endpointOf: (region: string) => string | null | undefined;
}

/**
 * The caller chooses among the allowed regions and nothing else: method, host, path, query, body and the names of the
 * headers are this broker's own (CVE-2020-16250, where they were not), and each name is there once (CVE-2022-2385).
 * @throws {JitError} `ERR_NOT_SIGNED_IN`, in the same words for every fault; `ERR_IDENTITY_PROVIDER` where STS cannot be
 * asked or does not answer as STS does.
 */
export async function vouch(check: CallerCheck, token: Secret<string>, binding: Binding): Promise<Vouched> {
  const { audience, now, ask, endpointOf } = check;
  const { nonce, keyThumbprint, body } = binding;
  const proof = readProof(token.expose(), { audience, nonce, keyThumbprint, body }, now());
  if (typeof proof === 'string') throw refused(proof);
  const { place, headers, signature, signedAt } = proof;
  const endpoint = endpointOf(place.region);
  if (endpoint === undefined) throw refused('signed for a region that is not configured');
  const verdict = readReply(await ask({ place, endpoint, headers }));
  if (verdict.kind !== 'vouched') {
    throw verdict.kind === 'no' ? refused(verdict.reason) : unanswered(place.region, verdict.reason);
  }
  if (verdict.caller.partition !== place.partition) throw refused('vouched for by a region of another partition');
  return { caller: verdict.caller, region: place.region, signature, signedAt };
}
