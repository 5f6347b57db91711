/**
 * Rotation with real key files, a clock that the test turns, and jose as the relying party.
 * @module
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmodSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import * as fc from 'fast-check';
import { calculateJwkThumbprint, createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { openIssuer } from '../../../src/broker/issuer/issuer.ts';
import { isRing, publishedKeys, PUBLISHED_AFTER_SECONDS, signingKey } from '../../../src/broker/issuer/key-ring.ts';
import { openKeyFile, rotateKeys } from '../../../src/broker/issuer/rotate.ts';
import { JitError } from '../../../src/core/errors.ts';
import { tempFolder } from '../../support/home.ts';

const START = Date.UTC(2026, 10, 21, 12);
const DAY = 86_400_000;
const HOUR = 3_600_000;
const OVERLAP = { kind: 'overlap', seconds: 86_400 } as const;

async function scene(t: TestContext) {
  const file = join(tempFolder(t), 'issuer.json');
  const clock = { at: START };
  const now = (): number => clock.at;
  const errors: string[] = [];
  const log = {
    info: () => undefined,
    warn: () => undefined,
    error: (text: string, fields = {}) => void errors.push(`${text} ${JSON.stringify(fields)}`),
  };
  const random = (bytes: number): Uint8Array => randomBytes(bytes);
  const issuer = await openIssuer({ issuer: 'https://jit.example.com', file, now, random, log });
  const signs = async () => decodeProtectedHeader((await issuer.signer.sign({ aud: 'x' }, 60)).expose()).kid ?? '';
  const published = (): string[] => issuer.jwks().keys.map(({ kid }) => kid);
  return { file, clock, now, errors, issuer, signs, published };
}

const refusedWith = (code: string) => (thrown: unknown) => thrown instanceof JitError && thrown.code === code;

test('a rotated key is published at once, signs after the overlap, and the old one goes when its last token is dead', async (t) => {
  const { file, clock, now, signs, published } = await scene(t);
  const old = await signs();
  await rotateKeys(file, OVERLAP, now);
  clock.at += 1_000;
  const [first, fresh = ''] = published();
  assert.equal(first, old);
  assert.equal(published().length, 2);
  assert.equal(await signs(), old);
  clock.at = START + DAY - 1;
  assert.equal(await signs(), old);
  clock.at = START + DAY;
  assert.equal(await signs(), fresh);
  assert.deepEqual(published(), [old, fresh]);
  clock.at = START + DAY + PUBLISHED_AFTER_SECONDS * 1_000 - 1;
  assert.deepEqual(published(), [old, fresh]);
  clock.at += 1;
  assert.deepEqual(published(), [fresh]);
});

test('the longest token that the old key signed in its last moment verifies until its end', async (t) => {
  const { file, clock, now, issuer } = await scene(t);
  await rotateKeys(file, OVERLAP, now);
  clock.at = START + DAY - 1;
  const token = await issuer.signer.sign({ aud: 'x' }, 3_600);
  for (clock.at = START + DAY; clock.at < START + DAY + HOUR - 1_000; clock.at += HOUR / 6) {
    const keys = createLocalJWKSet(issuer.jwks());
    await jwtVerify(token.expose(), keys, { audience: 'x', currentDate: new Date(clock.at) });
  }
});

test('a verifier that fetched the keys any time within the overlap verifies what is signed right after it', async (t) => {
  const { file, clock, now, issuer } = await scene(t);
  await rotateKeys(file, OVERLAP, now);
  clock.at += 1_000;
  const fetched = createLocalJWKSet(issuer.jwks());
  clock.at = START + DAY + 1_000;
  const token = await issuer.signer.sign({ aud: 'x' }, 60);
  await jwtVerify(token.expose(), fetched, { audience: 'x', currentDate: new Date(clock.at) });
});

test('a rotation can change to RSA and back, and one that does not say keeps what there is', async (t) => {
  const { file, clock, now, issuer, published } = await scene(t);
  const algorithm = async (): Promise<string | undefined> => {
    clock.at += 1_000;
    const token = await issuer.signer.sign({ aud: 'x' }, 60);
    const keys = createLocalJWKSet(issuer.jwks());
    const { protectedHeader } = await jwtVerify(token.expose(), keys, {
      audience: 'x',
      currentDate: new Date(clock.at),
    });
    return protectedHeader.alg;
  };
  const offered = (): unknown => issuer.discovery()['id_token_signing_alg_values_supported'];
  assert.deepEqual([await algorithm(), offered()], ['ES256', ['ES256']]);
  await rotateKeys(file, { ...OVERLAP, algorithm: 'RS256' }, now);
  assert.deepEqual([await algorithm(), offered()], ['ES256', ['ES256', 'RS256']]);
  clock.at += DAY;
  assert.deepEqual([await algorithm(), published().length], ['RS256', 2]);
  await rotateKeys(file, { kind: 'at-once' }, now);
  assert.deepEqual([await algorithm(), offered()], ['RS256', ['RS256']]);
  const [key] = issuer.jwks().keys;
  assert.ok(key !== undefined && key.kty === 'RSA');
  assert.equal(key.kid, await calculateJwkThumbprint(key));
  assert.deepEqual(Object.keys(key).toSorted(), ['alg', 'e', 'kid', 'kty', 'n', 'use']);
  await rotateKeys(file, { kind: 'at-once', algorithm: 'ES256' }, now);
  assert.equal(await algorithm(), 'ES256');
});

test('an RSA key whose halves do not belong together is refused', async (t) => {
  const { file, now } = await scene(t);
  const style = { kind: 'at-once', algorithm: 'RS256' } as const;
  const modulus = async (): Promise<string> => {
    await rotateKeys(file, style, now);
    return /"n":"([^"]+)"/.exec(readFileSync(file, 'utf8'))?.[1] ?? assert.fail('no RSA key');
  };
  const [other, own] = [await modulus(), await modulus()];
  const [publicKey] = (await openKeyFile(file, now)).stored.map(({ jwk }) => jwk);
  assert.ok(publicKey?.kty === 'RSA');
  const forged = { kty: 'RSA', n: other, e: 'AQAB' };
  const text = readFileSync(file, 'utf8')
    .replace(own, other)
    .replace(/"kid":"[^"]+"/, `"kid":"${await calculateJwkThumbprint(forged)}"`);
  writeFileSync(file, text, { mode: 0o600 });
  await assert.rejects(openKeyFile(file, now), refusedWith('ERR_LOCAL_FILE'));
});

test('at once: only the new key is published and signs, and the old private keys are gone from the file', async (t) => {
  const { file, clock, now, signs, published } = await scene(t);
  await rotateKeys(file, OVERLAP, now);
  const before = published();
  const privates = [...readFileSync(file, 'utf8').matchAll(/"d":"([\w-]+)"/g)].map(([, d]) => d ?? '');
  assert.equal(privates.length, 2);
  await rotateKeys(file, { kind: 'at-once' }, now);
  clock.at += 1_000;
  assert.equal(published().length, 1);
  assert.ok(!before.includes(await signs()));
  assert.deepEqual(published(), [await signs()]);
  assert.ok(privates.every((d) => !readFileSync(file, 'utf8').includes(d)));
});

test('a second rotation waits for the first, and eight keys are the most', async (t) => {
  const { file, clock, now } = await scene(t);
  await rotateKeys(file, OVERLAP, now);
  const written = readFileSync(file, 'utf8');
  await assert.rejects(rotateKeys(file, OVERLAP, now), refusedWith('ERR_CONFLICT'));
  assert.equal(readFileSync(file, 'utf8'), written);
  clock.at += DAY;
  for (let count = 3; count <= 8; count += 1) {
    await rotateKeys(file, { kind: 'overlap', seconds: 1 }, now);
    clock.at += 1_000;
  }
  await assert.rejects(rotateKeys(file, { kind: 'overlap', seconds: 1 }, now), refusedWith('ERR_CONFLICT'));
  clock.at += DAY;
  const { stored } = await rotateKeys(file, OVERLAP, now);
  assert.equal(stored.length, 2);
});

test('a retired key is destroyed when the broker starts again, and the rest stays as it was', async (t) => {
  const { file, clock, now } = await scene(t);
  await rotateKeys(file, OVERLAP, now);
  clock.at += 2 * DAY;
  const { stored } = await openKeyFile(file, now);
  assert.equal(stored.length, 1);
  assert.equal(JSON.parse(readFileSync(file, 'utf8')).keys.length, 1);
  assert.equal(statSync(file).mode & 0o777, 0o600);
});

test('what happens to the file of a running broker is logged once, and it goes on with the keys that it knows', async (t) => {
  const { file, clock, errors, signs, published } = await scene(t);
  const kid = await signs();
  const good = readFileSync(file);
  const harms: readonly (() => void)[] = [
    () => writeFileSync(file, '{"v":2,"keys":[{"jwk":"CANARY"}]}'),
    () => writeFileSync(file, good.subarray(0, good.length - 9)),
    () => chmodSync(file, 0o644),
    () => renameSync(file, `${file}.away`),
  ];
  for (const [index, harm] of harms.entries()) {
    harm();
    for (let look = 0; look < 3; look += 1) {
      clock.at += 1_000;
      assert.equal(await signs(), kid);
      assert.deepEqual(published(), [kid]);
    }
    assert.equal(errors.length, index + 1, errors.join('\n'));
    rmSync(file, { force: true });
    writeFileSync(file, good, { mode: 0o600 });
    clock.at += 1_000;
    assert.equal(await signs(), kid);
  }
  assert.ok(!errors.join('').includes('CANARY'));
});

test('a repaired file is used again', async (t) => {
  const { file, clock, now, published } = await scene(t);
  const good = readFileSync(file);
  writeFileSync(file, 'x');
  clock.at += 1_000;
  assert.equal(published().length, 1);
  writeFileSync(file, good);
  await rotateKeys(file, OVERLAP, now);
  clock.at += 1_000;
  assert.equal(published().length, 2);
});

test('the file is looked at no more than once a second', async (t) => {
  const { file, clock, now, published } = await scene(t);
  await rotateKeys(file, OVERLAP, now);
  clock.at += 999;
  assert.equal(published().length, 1);
  clock.at += 1;
  assert.equal(published().length, 2);
});

test('a clock turned back behind every key still has one key that signs, and it is published', async (t) => {
  const { file, clock, now, signs, published } = await scene(t);
  await rotateKeys(file, OVERLAP, now);
  clock.at = START - 30 * DAY;
  assert.ok(published().includes(await signs()));
});

test('any row of rotations hands over without a gap: at each moment one key signs, and who signed lately is published', () => {
  const gap = fc.integer({ min: 1, max: 3 * DAY });
  fc.assert(
    fc.property(fc.array(gap, { minLength: 1, maxLength: 7 }), fc.integer({ min: 0, max: 10 * DAY }), (gaps, look) => {
      let from = START;
      const starts = [from, ...gaps.map((each) => (from += each))];
      const keys = starts.map((signsFrom, index) => {
        const next = starts[index + 1];
        const retiresAt = next === undefined ? null : next + PUBLISHED_AFTER_SECONDS * 1_000;
        return { createdAt: START, signsFrom, retiresAt };
      });
      assert.ok(isRing(keys));
      const now = START + look;
      const published = publishedKeys(keys, now);
      assert.ok(published.includes(signingKey(keys, now)));
      for (let ago = 0; ago <= HOUR; ago += HOUR / 12) assert.ok(published.includes(signingKey(keys, now - ago)));
    }),
  );
});
