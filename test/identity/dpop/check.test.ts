/**
 * Proofs of possession, held to RFC 9449 section 4.3. They are made with jose itself, not with our own client.
 * @module
 */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { type Checked, makeProofChecker, type ProofChecker } from '../../../src/identity/dpop/check.ts';
import { makeNonces, NONCE_MS } from '../../../src/identity/dpop/nonces.ts';
import { makeReplays } from '../../../src/identity/dpop/replays.ts';

const URL_ = 'https://jit.example.com/v1/requests';
const START = Date.UTC(2026, 0, 1);

interface Bench {
  readonly checker: ProofChecker;
  readonly nonce: () => string;
  advance(ms: number): void;
  now(): number;
}

function bench(): Bench {
  let time = START;
  const now = (): number => time;
  const nonces = makeNonces(now, (bytes) => randomBytes(bytes));
  const checker = makeProofChecker({ now, nonces, replays: makeReplays(now, NONCE_MS) });
  return { checker, nonce: nonces.current, advance: (ms) => (time += ms), now };
}

interface Changes {
  readonly header?: Record<string, unknown>;
  readonly claims?: Record<string, unknown>;
  readonly without?: string;
}

const keys = await generateKeyPair('ES256', { extractable: true });
const jwk = await exportJWK(keys.publicKey);
const ath = (token: string): string => createHash('sha256').update(token).digest('base64url');

async function proof(b: Bench, { header = {}, claims = {}, without }: Changes = {}): Promise<string> {
  const all: Record<string, unknown> = {
    jti: randomBytes(12).toString('hex'),
    htm: 'POST',
    htu: URL_,
    iat: Math.floor(b.now() / 1_000),
    nonce: b.nonce(),
    ath: ath('token'),
    ...claims,
  };
  const kept = Object.fromEntries(Object.entries(all).filter(([name]) => name !== without));
  return new SignJWT(kept).setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk, ...header }).sign(keys.privateKey);
}

const call = { method: 'POST', url: URL_, accessToken: 'token' };
const faultOf = (checked: Checked): string => (checked.kind === 'good' ? 'none' : checked.fault);

test('a proof of this call with this token and a nonce of ours holds, once', async () => {
  const b = bench();
  const made = await proof(b);
  const first = await b.checker.check({ ...call, proof: made });
  assert.ok(first.kind === 'good');
  assert.equal(first.proof.keyThumbprint.length, 43);
  assert.equal(faultOf(await b.checker.check({ ...call, proof: made })), 'replayed');
});

test('each thing that a proof says must be so', async () => {
  const other = await generateKeyPair('ES256', { extractable: true });
  const table: readonly (readonly [string, Changes, string])[] = [
    ['another method', { claims: { htm: 'GET' } }, 'another call'],
    ['another address', { claims: { htu: `${URL_}/x` } }, 'another call'],
    ['an address with a query', { claims: { htu: `${URL_}?plan=true` } }, 'another call'],
    ['another host', { claims: { htu: 'https://evil.example/v1/requests' } }, 'another call'],
    ['http for https', { claims: { htu: URL_.replace('https', 'http') } }, 'another call'],
    ['another token', { claims: { ath: ath('other') } }, 'another token'],
    ['no token', { without: 'ath' }, 'another token'],
    ['no nonce', { without: 'nonce' }, 'nonce'],
    ['an invented nonce', { claims: { nonce: `${'0'.repeat(4)}.${'A'.repeat(43)}` } }, 'nonce'],
    ['a nonce that is no text', { claims: { nonce: 1 } }, 'nonce'],
    ['no id', { without: 'jti' }, 'malformed'],
    ['an empty id', { claims: { jti: '' } }, 'malformed'],
    ['a giant id', { claims: { jti: 'x'.repeat(129) } }, 'malformed'],
    ['no time', { without: 'iat' }, 'malformed'],
    ['an hour ago', { claims: { iat: START / 1_000 - 3_600 } }, 'old'],
    ['in an hour', { claims: { iat: START / 1_000 + 3_600 } }, 'old'],
    ['another type', { header: { typ: 'JWT' } }, 'malformed'],
    ['no type', { header: { typ: undefined } }, 'malformed'],
    ['the key of another', { header: { jwk: await exportJWK(other.publicKey) } }, 'malformed'],
    ['a private key', { header: { jwk: await exportJWK(keys.privateKey) } }, 'malformed'],
    ['a key elsewhere', { header: { jku: 'https://evil.example/keys' } }, 'malformed'],
    ['a certificate', { header: { x5u: 'https://evil.example/cert' } }, 'malformed'],
    ['a name for a key', { header: { kid: '../../etc/passwd' } }, 'malformed'],
    ['no key', { header: { jwk: undefined } }, 'malformed'],
  ];
  for (const [name, changes, fault] of table) {
    const b = bench();
    assert.equal(faultOf(await b.checker.check({ ...call, proof: await proof(b, changes) })), fault, name);
  }
});

test('no algorithm but ES256, and none at all, is taken', async () => {
  const b = bench();
  const rsa = await generateKeyPair('RS256', { extractable: true });
  const claims = { jti: 'x', htm: 'POST', htu: URL_, iat: b.now() / 1_000, nonce: b.nonce(), ath: ath('token') };
  const publicJwk: JWK = await exportJWK(rsa.publicKey);
  const signed = await new SignJWT(claims)
    .setProtectedHeader({ typ: 'dpop+jwt', alg: 'RS256', jwk: publicJwk })
    .sign(rsa.privateKey);
  assert.equal(faultOf(await b.checker.check({ ...call, proof: signed })), 'malformed');
  const hmac = await new SignJWT(claims)
    .setProtectedHeader({ typ: 'dpop+jwt', alg: 'HS256', jwk })
    .sign(Buffer.from(JSON.stringify(jwk)));
  assert.equal(faultOf(await b.checker.check({ ...call, proof: hmac })), 'malformed');
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  for (const signature of ['', 'A'.repeat(86)]) {
    const none = `${encode({ typ: 'dpop+jwt', alg: 'none', jwk })}.${encode(claims)}.${signature}`;
    assert.equal(faultOf(await b.checker.check({ ...call, proof: none })), 'malformed');
  }
});

test('a missing header, two headers in one and what is no proof are refused', async () => {
  const b = bench();
  assert.equal(faultOf(await b.checker.check({ ...call, proof: null })), 'missing');
  const [one, two] = [await proof(b), await proof(b)];
  for (const text of [`${one}, ${two}`, `${one},${two}`, '', 'x', 'a.b.c', `${one}=`, ` ${one}`, 'x'.repeat(100_000)]) {
    assert.equal(faultOf(await b.checker.check({ ...call, proof: text })), 'malformed');
  }
});

test('a proof cannot be kept for later: first it is known, then its nonce is over, then its time', async () => {
  const b = bench();
  const kept = await proof(b);
  assert.equal(faultOf(await b.checker.check({ ...call, proof: kept })), 'none');
  for (let waited = 0; waited < NONCE_MS * 3; waited += 20_000) {
    b.advance(20_000);
    assert.notEqual(faultOf(await b.checker.check({ ...call, proof: kept })), 'none', `after ${waited} ms`);
  }
  // One that was never used is good until its nonce is over.
  const unused = await proof(b, { claims: { iat: Math.floor(b.now() / 1_000) + 290 } });
  b.advance(NONCE_MS);
  assert.equal(faultOf(await b.checker.check({ ...call, proof: unused })), 'nonce');
});

test('a first call from a machine with a wrong clock is no replay: it gets a nonce', async () => {
  const b = bench();
  const made = await proof(b, { claims: { iat: START / 1_000 - 7_200 }, without: 'nonce' });
  assert.equal(faultOf(await b.checker.check({ ...call, proof: made })), 'nonce');
});

test('a caller whose clock is some minutes off is still served', async () => {
  for (const off of [-240, 240]) {
    const b = bench();
    const made = await proof(b, { claims: { iat: START / 1_000 + off } });
    assert.equal(faultOf(await b.checker.check({ ...call, proof: made })), 'none');
  }
});

test('no change of a single character of a proof leaves a proof of the same key', async () => {
  const b = bench();
  const made = await proof(b);
  const chars = fc.constantFrom(...Array.from('ABCXYZabcxyz0189-_.'));
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: made.length - 1 }), chars, async (at, char) => {
      if (made[at] === char) return;
      const changed = made.slice(0, at) + char + made.slice(at + 1);
      const checked = await b.checker.check({ ...call, proof: changed });
      // The last character of a signature has bits that mean nothing: then it is the same proof, and taken once.
      if (checked.kind === 'good') assert.equal(at, made.length - 1);
    }),
    { numRuns: 300 },
  );
});

test('nonces of another process are not ours', () => {
  const now = (): number => START;
  const [one, two] = [makeNonces(now, (n) => randomBytes(n)), makeNonces(now, (n) => randomBytes(n))];
  assert.ok(one.good(one.current()));
  assert.ok(!one.good(two.current()));
  for (const text of ['', '.', `${one.current()}x`, `x${one.current()}`, one.current().toUpperCase()]) {
    assert.ok(!one.good(text), text);
  }
});

test('the memory of proofs has an end, at which it refuses instead of forgetting', () => {
  let time = 0;
  const replays = makeReplays(() => time, 1_000, 3);
  for (const each of ['a', 'b', 'c']) assert.ok(!replays.seen(each));
  assert.throws(() => replays.seen('d'), /too many/);
  assert.ok(replays.seen('a'));
  time = 1_000;
  assert.ok(!replays.seen('d'));
  assert.ok(replays.seen('a'), 'a generation is remembered for at least as long as it counts');
  time = 2_000;
  assert.ok(!replays.seen('a'));
});
