/**
 * A caller of a broker with a key of its own. Its proofs are made with jose itself, not with our own client.
 * @module
 */
import { createHash, randomBytes } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { TOKEN_EXCHANGE, tokenViewSchema } from '../../src/wire/sessions.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Caller {
  readonly thumbprint: string;
  /** The tokens of the last exchange or renewal; the first is what the next call is made with. */
  access: string | null;
  refresh: string | null;
  /** @param changes claims to set differently; one that is undefined is left out. */
  proof(method: string, path: string, changes?: Readonly<Record<string, unknown>>): Promise<string>;
  /** Asks again with the nonce of the answer, once. @param more headers beside those of the session. */
  call(method: 'GET' | 'POST', path: string, body?: unknown, more?: Readonly<Record<string, string>>): Promise<Answer>;
  exchange(idToken: string, actorToken?: string): Promise<Answer>;
  renew(refresh?: string | null): Promise<Answer>;
}

interface Sent {
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface CallerParts {
  readonly send: (path: string, sent: Sent) => Response | Promise<Response>;
  /** What the caller takes for the broker's address. */
  readonly base: string;
  readonly now: () => number;
}

export const ID_TOKEN = 'urn:ietf:params:oauth:token-type:id_token';
const JWT = 'urn:ietf:params:oauth:token-type:jwt';

export async function makeCaller({ send, base, now }: CallerParts): Promise<Caller> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = await exportJWK(publicKey);
  const thumbprint = await calculateJwkThumbprint(jwk);
  let nonce = '';

  const call: Caller['call'] = async (method, path, body, more = {}) => {
    for (let round = 0; ; round++) {
      const response = await send(path, {
        method,
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(me.access === null ? {} : { authorization: `DPoP ${me.access}` }),
          dpop: await me.proof(method, path.replace(/\?.*/, '')),
          ...more,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      nonce = response.headers.get('dpop-nonce') ?? nonce;
      const text = await response.text();
      const { status, headers } = response;
      const answer: Answer = { status, headers, body: text === '' ? {} : JSON.parse(text) };
      if (round > 0 || answer.body['code'] !== 'ERR_PROOF_NONCE') return answer;
    }
  };

  async function open(body: unknown): Promise<Answer> {
    me.access = null;
    const answer = await call('POST', '/v1/sessions', body);
    if (answer.status === 201) {
      const view = tokenViewSchema.parse(answer.body);
      [me.access, me.refresh] = [view.access_token, view.refresh_token];
    }
    return answer;
  }

  const me: Caller = {
    thumbprint,
    access: null,
    refresh: null,
    proof: async (method, path, changes = {}) =>
      new SignJWT({
        jti: randomBytes(12).toString('hex'),
        htm: method,
        htu: `${base}${path}`,
        iat: Math.floor(now() / 1_000),
        nonce,
        ...(me.access === null ? {} : { ath: createHash('sha256').update(me.access).digest('base64url') }),
        ...changes,
      })
        .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk })
        .sign(privateKey),
    call,
    exchange: async (idToken, actorToken) =>
      open({
        grant_type: TOKEN_EXCHANGE,
        subject_token: idToken,
        subject_token_type: ID_TOKEN,
        ...(actorToken === undefined ? {} : { actor_token: actorToken, actor_token_type: JWT }),
      }),
    renew: async (refresh = me.refresh) => open({ grant_type: 'refresh_token', refresh_token: refresh }),
  };
  return me;
}
