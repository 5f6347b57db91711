/**
 * Properties: of a good token nothing else can be made, and nothing that is thrown at the verifier makes it fail in another way.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { JitError } from '../../../src/core/errors.ts';
import type { Verifier } from '../../../src/identity/verify/verified.ts';
import {
  at,
  AUDIENCE,
  BINDING,
  CLIENT,
  entry,
  idToken,
  jwt,
  signed,
  startIssuer,
  testKey,
  verifierOf,
} from './issuer.ts';

const KEYS = await Promise.all(['ES256', 'RS256', 'PS256', 'Ed25519'].map(async (alg) => testKey(alg)));
const ALGORITHMS = ['ES256', 'RS256', 'PS256', 'Ed25519'];

async function refuses(verifier: Verifier, token: string): Promise<void> {
  for (const assertion of [idToken(token), jwt(token)]) {
    const thrown: unknown = await verifier.verify(assertion, BINDING).then(
      (verified) => assert.fail(`taken for ${verified.principal.subject}: ${token}`),
      (error: unknown) => error,
    );
    assert.ok(thrown instanceof JitError, String(thrown));
    assert.equal(thrown.code, 'ERR_NOT_SIGNED_IN');
  }
}

test('no change of a good token is a good token', async (t) => {
  const issuer = await startIssuer(
    t,
    KEYS.map(({ jwk }) => jwk),
  );
  const verifier = verifierOf({
    corp: entry({ type: 'oidc', issuer: issuer.url, client_id: CLIENT, algorithms: ALGORITHMS }),
    jobs: entry({ type: 'jwt', issuer: issuer.url, algorithms: ALGORITHMS, require: { sub: 'u-1' } }),
  });
  const claims = { iss: issuer.url, sub: 'u-1', iat: at(-5), exp: at(300), jti: 'one' };
  const tokens: string[] = [];
  for (const key of KEYS) {
    const person = await signed(key, { ...claims, aud: CLIENT });
    await verifier.verify(idToken(person), BINDING);
    const job = await signed(key, { ...claims, aud: AUDIENCE });
    await verifier.verify(jwt(job), BINDING);
    tokens.push(person, job);
  }
  const token = fc.constantFrom(...tokens);
  const part = fc.nat({ max: 2 });
  const changed = (text: string, index: number, change: (part: string) => string): string =>
    text
      .split('.')
      .map((each, at_) => (at_ === index ? change(each) : each))
      .join('.');

  await t.test('a bit of what is encoded', async () => {
    await fc.assert(
      fc.asyncProperty(token, part, fc.nat(), async (text, index, bit) => {
        const mutated = changed(text, index, (each) => {
          const bytes = Buffer.from(each, 'base64url');
          const place = bit % (bytes.length * 8);
          bytes[place >> 3] = (bytes[place >> 3] ?? 0) ^ (1 << (place & 7));
          return bytes.toString('base64url');
        });
        await refuses(verifier, mutated);
      }),
      { numRuns: 300 },
    );
  });
  await t.test('a character of the encoding, those included whose last bits mean nothing', async () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    for (const text of tokens) {
      for (const character of `${alphabet}=+/. `) {
        if (!text.endsWith(character)) await refuses(verifier, `${text.slice(0, -1)}${character}`);
      }
    }
    await fc.assert(
      fc.asyncProperty(token, fc.nat(), fc.constantFrom(...alphabet.split('')), async (text, at_, character) => {
        const place = at_ % text.length;
        fc.pre(text[place] !== character);
        await refuses(verifier, `${text.slice(0, place)}${character}${text.slice(place + 1)}`);
      }),
      { numRuns: 300 },
    );
  });
  await t.test('a part of another token', async () => {
    await fc.assert(
      fc.asyncProperty(token, token, part, async (text, other, index) => {
        const swapped = changed(text, index, () => other.split('.')[index] ?? '');
        fc.pre(!tokens.includes(swapped));
        await refuses(verifier, swapped);
      }),
      { numRuns: 200 },
    );
  });
  await t.test('a part cut short, or longer', async () => {
    await fc.assert(
      fc.asyncProperty(token, part, fc.nat(), fc.base64String({ maxLength: 8 }), async (text, index, cut, more) => {
        const mutated = changed(text, index, (each) => each.slice(0, cut % (each.length + 1)) + more);
        fc.pre(mutated !== text);
        await refuses(verifier, mutated);
      }),
      { numRuns: 300 },
    );
  });
  await t.test('another header', async () => {
    const header = fc.record(
      {
        alg: fc.oneof(fc.constantFrom(...ALGORITHMS, 'none', 'NONE', 'HS256', 'RS512', 'ES384', ''), fc.jsonValue()),
        kid: fc.oneof(fc.constantFrom(...KEYS.map(({ kid }) => kid)), fc.jsonValue()),
        typ: fc.oneof(fc.constantFrom('JWT', 'at+jwt'), fc.jsonValue()),
        crit: fc.jsonValue(),
        jwk: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(token, header, async (text, value) => {
        const encoded = Buffer.from(JSON.stringify(value)).toString('base64url');
        fc.pre(!text.startsWith(`${encoded}.`));
        await refuses(
          verifier,
          changed(text, 0, () => encoded),
        );
      }),
      { numRuns: 300 },
    );
  });
  await t.test('anything at all', async () => {
    const texts = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.array(fc.base64String({ maxLength: 60 }), { maxLength: 5 }).map((parts) => parts.join('.')),
    );
    await fc.assert(
      fc.asyncProperty(texts, async (text) => refuses(verifier, text)),
      { numRuns: 300 },
    );
  });
});

test('claims of any shape, well signed, are taken or refused and nothing else', async (t) => {
  const key = await testKey('ES256');
  const issuer = await startIssuer(t, [key.jwk]);
  const verifier = verifierOf({
    corp: entry({ type: 'oidc', issuer: issuer.url, client_id: CLIENT }),
    cluster: entry({ type: 'kubernetes', issuer: issuer.url, namespaces: 'a' }),
    code: entry({ type: 'github', issuer: issuer.url, repository_ids: 1, repository_owner_ids: 2 }),
  });
  const some = (good: unknown): fc.Arbitrary<unknown> => fc.oneof(fc.constant(good), fc.jsonValue());
  const claims = fc.record({
    iss: fc.constant(issuer.url),
    aud: fc.constantFrom(CLIENT, AUDIENCE),
    iat: fc.constant(at(-1)),
    exp: fc.constant(at(60)),
    sub: some('system:serviceaccount:a:b'),
    groups: some(['x']),
    name: some('n'),
    act: some({ sub: 'bot' }),
    jti: some('j'),
    nonce: some('n'),
    'kubernetes.io': some({ namespace: 'a', serviceaccount: { name: 'b' } }),
    repository_id: some('1'),
    repository_owner_id: some('2'),
    __proto__: fc.jsonValue(),
  });
  await fc.assert(
    fc.asyncProperty(claims, async (value) => {
      const token = await signed(key, value);
      for (const assertion of [idToken(token), jwt(token)]) {
        const outcome: unknown = await verifier.verify(assertion, BINDING).catch((error: unknown) => error);
        if (outcome instanceof JitError) assert.equal(outcome.code, 'ERR_NOT_SIGNED_IN');
        else assert.ok(typeof outcome === 'object' && outcome !== null && 'principal' in outcome, String(outcome));
      }
    }),
    { numRuns: 300 },
  );
});
