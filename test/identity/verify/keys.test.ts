/**
 * Keys of an issuer over time: kept, rotated, withdrawn, out of reach; from a server and from a file.
 * @module
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Algorithm } from '../../../src/identity/verify/algorithms.ts';
import { candidates, readKeys } from '../../../src/identity/verify/jwks.ts';
import { tempFolder } from '../../support/home.ts';
import {
  at,
  AUDIENCE,
  BINDING,
  entry,
  jwt,
  OUTAGE,
  REFUSAL,
  reasonOf,
  startIssuer,
  testKey,
  verifierOf,
} from './issuer.ts';
import { KEY, MINUTE, NEXT, worldOf } from './world.ts';

const PAIR = ['/.well-known/openid-configuration', '/jwks'];

test('keys are kept for ten minutes, and a new one is looked for once a minute at most', async (t) => {
  const issuer = await startIssuer(t, [KEY.jwk]);
  const world = worldOf(issuer.url);
  const rounds = (): number => issuer.asked.length / PAIR.length;
  await Promise.all(Array.from({ length: 20 }, async () => world.verify()));
  assert.deepEqual(issuer.asked, PAIR, 'twenty at once fetch once');
  world.now += 10 * MINUTE - 1;
  await world.verify();
  assert.equal(rounds(), 1);
  world.now += 1;
  await world.verify();
  assert.equal(rounds(), 2);
  // The issuer rotates: nothing is fetched within the minute, once after it.
  issuer.keys = [KEY.jwk, NEXT.jwk];
  await assert.rejects(world.verify(NEXT), REFUSAL);
  assert.equal(rounds(), 2);
  world.now += MINUTE;
  await Promise.all(Array.from({ length: 20 }, async () => world.verify(NEXT)));
  assert.equal(rounds(), 3);
  // A flood of keys that nobody has.
  await Promise.all(
    Array.from({ length: 200 }, async (_, index) => assert.rejects(world.verify(KEY, { kid: `no-${index}` }), REFUSAL)),
  );
  assert.equal(rounds(), 3);
  world.now += MINUTE;
  await Promise.all(
    Array.from({ length: 200 }, async (_, index) => assert.rejects(world.verify(KEY, { kid: `no-${index}` }), REFUSAL)),
  );
  assert.equal(rounds(), 4);
  // A key that is withdrawn is refused as soon as the keys are fetched again.
  issuer.keys = [NEXT.jwk];
  await world.verify();
  world.now += 10 * MINUTE;
  await assert.rejects(world.verify(), REFUSAL);
  issuer.keys = [];
  world.now += 10 * MINUTE;
  await assert.rejects(world.verify(NEXT), REFUSAL);
});

test('while the issuer is down its keys serve for an hour, then nothing is accepted; the check is never left out', async (t) => {
  const issuer = await startIssuer(t, [KEY.jwk]);
  const world = worldOf(issuer.url);
  await world.verify();
  issuer.answer = (_request, response) => void response.destroy();
  world.now += 59 * MINUTE;
  await world.verify();
  assert.match(world.warnings.join(), /cannot be had/);
  await assert.rejects(world.verify(NEXT), OUTAGE, 'a key that is unknown may be a new one');
  const stranger = await testKey('ES256', KEY.kid);
  await assert.rejects(world.verify(stranger), REFUSAL, 'a wrong signature by a known key is wrong');
  const asked = issuer.asked.length;
  await world.verify();
  assert.equal(issuer.asked.length, asked, 'not asked again at once');
  world.now += MINUTE + 1;
  await assert.rejects(world.verify(), OUTAGE);
  await assert.rejects(world.verify(stranger), OUTAGE);
  issuer.answer = null;
  await assert.rejects(world.verify(), OUTAGE, 'tried again only after ten seconds');
  world.now += 10_000;
  await world.verify();
});

test('before the first answer of the issuer nothing is accepted', async (t) => {
  const issuer = await startIssuer(t, [KEY.jwk]);
  const world = worldOf(issuer.url);
  issuer.answer = (_request, response) => void response.writeHead(503).end();
  await assert.rejects(world.verify(), OUTAGE);
  assert.match(await reasonOf(world.verify()), /no keys of/);
  issuer.answer = null;
  world.now += 10_000;
  await world.verify();
});

test('keys from a file are read again when it changes', async (t) => {
  const folder = tempFolder(t);
  const file = join(folder, 'jwks.json');
  const put = (keys: readonly unknown[]): void => {
    writeFileSync(`${file}.new`, JSON.stringify({ keys }));
    renameSync(`${file}.new`, file);
  };
  put([KEY.jwk]);
  const world = worldOf('cluster', { keys: { file } });
  await world.verify();
  await assert.rejects(world.verify(NEXT), REFUSAL);
  put([NEXT.jwk]);
  await world.verify(NEXT);
  await assert.rejects(world.verify(), REFUSAL);
  world.now += 2 * 60 * MINUTE;
  await world.verify(NEXT);
  // Half-written or gone: what was there serves for an hour.
  writeFileSync(file, '{"keys":[');
  await world.verify(NEXT);
  rmSync(file);
  await world.verify(NEXT);
  world.now += 60 * MINUTE + 1;
  await assert.rejects(world.verify(NEXT), OUTAGE);
  // A link, as in a mounted volume.
  writeFileSync(`${file}.real`, JSON.stringify({ keys: [KEY.jwk] }));
  symlinkSync(`${file}.real`, file);
  await world.verify();
});

test('a file that is too large, no file, no JSON, or open to everybody is not believed', async (t) => {
  const folder = tempFolder(t);
  const file = join(folder, 'jwks.json');
  const good = JSON.stringify({ keys: [KEY.jwk] });
  const cases: readonly (readonly [RegExp, () => string])[] = [
    [/cannot be read/, () => join(folder, 'missing')],
    [/not a regular file/, () => folder],
    [/not a regular file/, fifo],
    [/larger than/, () => written(`${good}${' '.repeat(65_536)}`)],
    [/cannot be read/, () => written('not json')],
    [/cannot be read/, () => written(Buffer.from([0xff, 0xfe]))],
    [/everybody can write/, () => (chmodSync(written(good), 0o666), file)],
  ];
  function written(content: string | Buffer): string {
    writeFileSync(file, content);
    return file;
  }
  function fifo(): string {
    const path = join(folder, 'fifo');
    execFileSync('mkfifo', [path]);
    return path;
  }
  for (const [reason, make] of cases) {
    const world = worldOf('cluster', { keys: { file: make() } });
    await assert.rejects(world.verify(), OUTAGE);
    assert.match(world.warnings.join(), reason);
  }
});

test('keys that are not for checking signatures, or hold a private half, are left out', async (t) => {
  const { d: _d, ...bare } = KEY.jwk;
  const privateJwk = { ...KEY.jwk, d: 'AAAA' };
  for (const [jwk, accepted] of [
    [bare, true],
    [{ ...bare, use: undefined, key_ops: ['verify'] }, true],
    [{ ...bare, use: 'enc' }, false],
    [{ ...bare, use: 'jwt-svid' }, false],
    [{ ...bare, key_ops: ['encrypt'] }, false],
    [{ ...bare, alg: 'ES384' }, false],
    [{ ...bare, crv: 'P-384' }, false],
    [{ ...bare, x: 'AA' }, false],
    [{ ...bare, kty: 'RSA' }, false],
    [privateJwk, false],
  ] as const) {
    const issuer = await startIssuer(t, [jwk as typeof bare]);
    const attempt = worldOf(issuer.url).verify();
    if (accepted) await attempt;
    else await assert.rejects(attempt, REFUSAL, JSON.stringify(jwk));
  }
});

test('an RSA key of 1024 bits vouches for nobody', async (t) => {
  const weak = await crypto.subtle.generateKey(
    { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 1_024, publicExponent: new Uint8Array([1, 0, 1]) },
    true,
    ['sign', 'verify'],
  );
  const { n, e } = await crypto.subtle.exportKey('jwk', weak.publicKey);
  const issuer = await startIssuer(t, [{ kty: 'RSA', kid: 'weak', ...(n && { n }), ...(e && { e }) }]);
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { iss: issuer.url, sub: 'job', aud: AUDIENCE, iat: at(0), exp: at(60) };
  const input = `${part({ alg: 'RS256', kid: 'weak' })}.${part(claims)}`;
  const signature = await crypto.subtle.sign('RSASSA-PKCS1-v1_5', weak.privateKey, Buffer.from(input));
  const verifier = verifierOf({ work: entry({ type: 'jwt', issuer: issuer.url, require: { sub: 'job' } }) });
  const token = `${input}.${Buffer.from(signature).toString('base64url')}`;
  await assert.rejects(verifier.verify(jwt(token), BINDING), REFUSAL);
});

test('a key is tried with the algorithms of its own kind and name alone', () => {
  const number = 'AQAB';
  const keys = readKeys(
    {
      keys: [
        { kid: 'rsa', kty: 'RSA', n: number, e: number },
        { kid: 'rsa-ps', kty: 'RSA', n: number, e: number, alg: 'PS256' },
        { kid: 'p256', kty: 'EC', crv: 'P-256', x: number, y: number },
        { kid: 'p384', kty: 'EC', crv: 'P-384', x: number, y: number },
        { kid: 'ed', kty: 'OKP', crv: 'Ed25519', x: number },
        { kid: 'x', kty: 'OKP', crv: 'X25519', x: number },
        { kid: 'secret', kty: 'oct', k: number },
      ],
    },
    'sig',
  );
  const names = (alg: Algorithm, kid: string | null = null): readonly (string | null)[] =>
    candidates(keys, alg, kid).map((key) => key.kid);
  assert.deepEqual(names('RS256'), ['rsa']);
  assert.deepEqual(names('PS256'), ['rsa', 'rsa-ps']);
  assert.deepEqual(names('ES256'), ['p256']);
  assert.deepEqual(names('ES384'), ['p384']);
  assert.deepEqual(names('ES512'), []);
  assert.deepEqual(names('EdDSA'), ['ed']);
  assert.deepEqual(names('ES256', 'rsa'), []);
  assert.deepEqual(names('RS256', 'rsa'), ['rsa']);
});
