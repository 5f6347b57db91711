/**
 * Somebody who is signed in at a broker, and brings a word of the identity provider with what needs one.
 * @module
 */
import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { confirmViewSchema } from '../../src/wire/sessions.ts';
import { type Answer, type Caller, ID_TOKEN, makeCaller } from './caller.ts';
import type { Idp } from './idp.ts';

export type Said = Pick<Answer, 'status' | 'body'>;
export type Word = { readonly 'jit-confirmation': string };

export interface SignedIn extends Caller {
  /** A word of the provider, given to the broker: the header for what is issued on it, or the answer of whoever refused. */
  word(): Promise<Word | Said>;
  /** A POST with a word of its own, as a client does it. */
  fresh(path: string, body?: unknown): Promise<Said>;
}

/** A caller of the broker at that address, who is nobody yet. */
export async function callerOf(base: string): Promise<Caller> {
  const send = async (path: string, sent: RequestInit): Promise<Response> => fetch(`${base}${path}`, sent);
  return makeCaller({ send, base, now: Date.now });
}

/** Signs in at the provider and at the broker. */
export async function signedIn(base: string, idp: Idp, subject: string): Promise<SignedIn> {
  const me = await callerOf(base);
  let { idToken, refreshToken } = await idp.signIn(subject, { nonce: me.thumbprint });
  assert.equal((await me.exchange(idToken)).status, 201);
  const word = async (): Promise<Word | Said> => {
    for (let round = 1; ; round += 1) {
      const { status, body } = await idp.refresh(refreshToken);
      if (status !== 200) return { status, body };
      [idToken, refreshToken] = [String(body['id_token']), String(body['refresh_token'])];
      const proof = { subject_token: idToken, subject_token_type: ID_TOKEN };
      const answer = await me.call('POST', '/v1/sessions/confirm', proof);
      if (answer.status === 200) return { 'jit-confirmation': confirmViewSchema.parse(answer.body).confirmation };
      // A provider may give the same ID token twice within one second.
      if (round === 3) return answer;
      await setTimeout(1_000 - (Date.now() % 1_000));
    }
  };
  return Object.assign(me, {
    word,
    fresh: async (path: string, body?: unknown) => {
      const given = await word();
      return 'status' in given ? given : me.call('POST', path, body, given);
    },
  });
}
