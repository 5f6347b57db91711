/**
 * The issuer with real files, real keys and jose as the relying party.
 * @module
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, link, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { inspect, promisify } from 'node:util';
import {
  calculateJwkThumbprint,
  createLocalJWKSet,
  decodeProtectedHeader,
  exportJWK,
  generateKeyPair,
  jwtVerify,
} from 'jose';
import { z } from 'zod';
import { openIssuer } from '../../../src/broker/issuer/issuer.ts';
import { JitError } from '../../../src/core/errors.ts';

const ISSUER = 'https://jit.example.com/team';
const NOW = Date.UTC(2026, 10, 21, 12);
const random = (bytes: number): Uint8Array => randomBytes(bytes);
const KEYS = z.object({ keys: z.array(z.object({ jwk: z.object({ d: z.string() }) })) });
const run = promisify(execFile);
let root = '';

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'jit-issuer-'));
});
after(async () => {
  await rm(root, { recursive: true, force: true });
});

async function folder(): Promise<string> {
  return await mkdtemp(join(root, 'd-'));
}

const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
const open = (file: string, issuer = ISSUER) => openIssuer({ issuer, file, now: () => NOW, random, log });

async function entry(use: 'current' | 'previous') {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  const { kty, crv, x, y, d } = await exportJWK(privateKey);
  return { use, createdAt: NOW, jwk: { kty, crv, x, y, d } };
}

async function refused(promise: Promise<unknown>, code: string): Promise<JitError> {
  return await promise.then(
    () => assert.fail('it was accepted'),
    (thrown: unknown) => {
      assert(thrown instanceof JitError);
      assert.equal(thrown.code, code);
      return thrown;
    },
  );
}

test('a relying party that knows only the discovery document and the key set verifies a token', async () => {
  const { signer, jwks, discovery } = await open(join(await folder(), 'keys.json'));
  const token = await signer.sign({ sub: 'x', aud: 'sts.amazonaws.com', nested: { a: ['b'] } }, 300);
  const { payload } = await jwtVerify(token.expose(), createLocalJWKSet(jwks()), {
    issuer: String(discovery()['issuer']),
    audience: 'sts.amazonaws.com',
    algorithms: ['ES256'],
    currentDate: new Date(NOW),
  });
  assert.equal(payload.iat, NOW / 1_000);
  assert.equal(payload.nbf, NOW / 1_000 - 60);
  assert.equal(payload.exp, NOW / 1_000 + 300);
  assert.match(String(payload.jti), /^[0-9a-f]{32}$/);
  assert.deepEqual(payload['nested'], { a: ['b'] });
  assert.equal(discovery()['jwks_uri'], `${ISSUER}/.well-known/jwks.json`);
});

test('claims of the caller cannot replace those of the issuer', async () => {
  const { signer } = await open(join(await folder(), 'keys.json'));
  const token = await signer.sign({ iss: 'https://evil.example', exp: 9_999_999_999, jti: 'same' }, 60);
  const claims = z
    .object({ iss: z.string(), exp: z.number(), jti: z.string() })
    .parse(JSON.parse(Buffer.from(token.expose().split('.')[1] ?? '', 'base64url').toString()));
  assert.equal(claims.iss, ISSUER);
  assert.equal(claims.exp, NOW / 1_000 + 60);
  assert.notEqual(claims.jti, 'same');
});

test('the key id is the RFC 7638 thumbprint, and only the public half is published', async () => {
  const file = join(await folder(), 'keys.json');
  const issuer = await open(file);
  const [key] = issuer.jwks().keys;
  assert(key !== undefined);
  assert.equal(key.kid, await calculateJwkThumbprint(key));
  const { d } = KEYS.parse(JSON.parse(await readFile(file, 'utf8'))).keys[0]?.jwk ?? assert.fail('no key');
  const shown = JSON.stringify([issuer.jwks(), issuer.discovery()]) + inspect(issuer, { depth: 9, showHidden: true });
  assert(!shown.includes(d));
});

test('the key survives a restart, its file is 0600 and only its empty lock stays beside it', async () => {
  const dir = await folder();
  const file = join(dir, 'keys.json');
  const first = await open(file);
  const again = await open(file);
  assert.deepEqual(again.jwks(), first.jwks());
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(dir), ['issuer.lock', 'keys.json']);
});

test('processes that start at once end up with one key', async () => {
  const file = join(await folder(), 'keys.json');
  const script = `
    const { openIssuer } = await import(${JSON.stringify(import.meta.resolve('../../../src/broker/issuer/issuer.ts'))});
    const { randomBytes } = await import('node:crypto');
    const { jwks } = await openIssuer({
      issuer: ${JSON.stringify(ISSUER)}, file: ${JSON.stringify(file)}, now: Date.now, random: randomBytes, log: console,
    });
    console.log(jwks().keys[0].kid);`;
  const kids = await Promise.all(
    Array.from({ length: 6 }, async () => {
      const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script]);
      return stdout;
    }),
  );
  assert.equal(new Set(kids).size, 1);
  assert.match(kids[0] ?? '', /^[\w-]{43}\n$/);
});

test('a file from before keys could be rotated keeps its keys: the current one signs, the previous one is published', async () => {
  const file = join(await folder(), 'keys.json');
  const keys = [await entry('previous'), await entry('current')];
  await writeFile(file, JSON.stringify({ v: 1, keys }), { mode: 0o600 });
  const { signer, jwks } = await open(file);
  assert.equal(jwks().keys.length, 2);
  const { kid } = decodeProtectedHeader((await signer.sign({}, 60)).expose());
  assert.equal(kid, jwks().keys[1]?.kid);
  assert.deepEqual(JSON.parse(await readFile(file, 'utf8')).v, 1);
});

test('a file that others can read is refused, with the command that closes it', async () => {
  const file = join(await folder(), 'keys.json');
  await open(file);
  for (const mode of [0o640, 0o604, 0o620]) {
    await chmod(file, mode);
    const error = await refused(open(file), 'ERR_LOCAL_FILE');
    assert.match(error.hint ?? '', /chmod 600/);
  }
});

test('a folder that others can enter, or that is not there, is refused and nothing is written', async () => {
  const dir = await folder();
  await chmod(dir, 0o755);
  await refused(open(join(dir, 'keys.json')), 'ERR_LOCAL_FILE');
  assert.deepEqual(await readdir(dir), []);
  await refused(open(join(dir, 'missing', 'keys.json')), 'ERR_LOCAL_FILE');
});

test('a file of another user is refused', { skip: process.geteuid?.() !== 0 && 'needs root' }, async () => {
  const { chown } = await import('node:fs/promises');
  const file = join(await folder(), 'keys.json');
  await open(file);
  await chown(file, 12_345, 12_345);
  await refused(open(file), 'ERR_LOCAL_FILE');
});

test('a link in place of the file is refused', async () => {
  const dir = await folder();
  await open(join(dir, 'real.json'));
  await symlink(join(dir, 'real.json'), join(dir, 'keys.json'));
  await refused(open(join(dir, 'keys.json')), 'ERR_LOCAL_FILE');
});

test('a file with a second name is refused', async () => {
  const dir = await folder();
  await open(join(dir, 'keys.json'));
  await link(join(dir, 'keys.json'), join(dir, 'other.json'));
  await refused(open(join(dir, 'keys.json')), 'ERR_LOCAL_FILE');
});

test('a key whose halves do not belong together is refused, and so is one under a wrong name', async () => {
  const file = join(await folder(), 'keys.json');
  const [one, other] = [await entry('current'), await entry('current')];
  const halves = { ...one, jwk: { ...one.jwk, d: other.jwk.d } };
  await writeFile(file, JSON.stringify({ v: 1, keys: [halves] }), { mode: 0o600 });
  await refused(open(file), 'ERR_LOCAL_FILE');
  const named = { kid: 'A'.repeat(43), jwk: one.jwk, createdAt: NOW, signsFrom: NOW, retiresAt: null };
  await writeFile(file, JSON.stringify({ v: 2, keys: [named] }), { mode: 0o600 });
  await refused(open(file), 'ERR_LOCAL_FILE');
});

test('a damaged file is refused, never replaced, and its content is in no message', async () => {
  const file = join(await folder(), 'keys.json');
  for (const text of ['', '{', '[]', '{"v":1,"keys":[]}', '{"v":1,"keys":[{"use":"current","jwk":"CANARY"}]}']) {
    await writeFile(file, text, { mode: 0o600 });
    const error = await refused(open(file), 'ERR_LOCAL_FILE');
    assert(!`${error.message}${error.hint ?? ''}`.includes('CANARY'));
    assert.equal(await readFile(file, 'utf8'), text);
  }
});

test('an issuer that no cloud can trust is refused', async () => {
  const file = join(await folder(), 'keys.json');
  for (const issuer of [
    'http://jit.example.com',
    'https://jit.example.com/',
    'https://user:pw@jit.example.com',
    'https://jit.example.com?x=1',
    'https://jit.example.com#x',
    'https://JIT.example.com',
    'jit.example.com',
    'https://jit.example.com:443',
    '',
  ]) {
    await refused(open(file, issuer), 'ERR_CONFIG');
  }
  await open(file, 'http://127.0.0.1:8080');
});

test('a token of no life, or of more than an hour, is not signed', async () => {
  const { signer } = await open(join(await folder(), 'keys.json'));
  for (const seconds of [0, -1, 1.5, 3_601, Number.NaN]) await assert.rejects(signer.sign({}, seconds), JitError);
});
