/**
 * The client's proof: what is in it, what is not, and what it cannot be made of.
 * @module
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { readCredentials } from '../../../src/identity/aws/credentials.ts';
import { placeOf } from '../../../src/identity/aws/place.ts';
import { signCallerIdentity } from '../../../src/identity/aws/sign.ts';
import { sessionBodySchema } from '../../../src/wire/sessions.ts';
import { tempFolder } from '../../providers/aws/support.ts';
import { AUDIENCE, BINDING, KEYS, REGION, failed, open, prove, withVariables } from './support.ts';

test('a proof holds the signed headers and nothing that was not signed', async () => {
  const now = (): number => Date.UTC(2026, 0, 2, 3, 4, 5, 678);
  const { v, region, headers } = open(await prove({ now }));
  assert.deepEqual([v, region], [1, REGION]);
  const names = ['authorization', 'x-amz-date', 'x-amz-security-token', 'x-jit-challenge'];
  assert.deepEqual(Object.keys(headers).toSorted(), names);
  assert.equal(headers['x-amz-date'], '20260102T030405Z');
  const { nonce, keyThumbprint, body } = BINDING;
  assert.match(headers['x-jit-challenge'] ?? '', /^[^;]+;[^;]+;[^;]+;[^;]+;[\w-]{22}$/);
  assert.ok(headers['x-jit-challenge']?.startsWith(`${AUDIENCE};${nonce};${keyThumbprint};${body};`));
  const signed = 'SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-jit-challenge,';
  assert.ok(headers['authorization']?.includes(signed));
});

test('with a long-term key there is no session token, signed or sent', async () => {
  const { accessKeyId, secretAccessKey } = KEYS;
  const { headers } = open(await prove({ keys: { accessKeyId, secretAccessKey } }));
  assert.equal('x-amz-security-token' in headers, false);
  assert.ok(headers['authorization']?.includes('SignedHeaders=content-type;host;x-amz-date;x-jit-challenge,'));
});

test('the secret access key is nowhere in a proof, and a proof prints as a secret', async () => {
  const proof = await prove();
  assert.equal(JSON.stringify(open(proof)).includes(KEYS.secretAccessKey), false);
  assert.deepEqual([String(proof), inspect(proof), JSON.stringify(proof)], ['[secret]', '[secret]', '"[secret]"']);
});

test('a proof with a session token of 4 KiB of binary fits into the body of a sign-in', async () => {
  const proof = await prove({ keys: { ...KEYS, sessionToken: randomBytes(4_096).toString('base64') } });
  assert.ok(proof.expose().length <= 8_192, String(proof.expose().length));
  const body = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: proof.expose(),
    subject_token_type: 'urn:jit:token-type:aws-caller-identity',
  };
  assert.ok(sessionBodySchema.safeParse(body).success);
});

test('a session token that is too long to send is said to be so', async () => {
  const { code, message } = await failed(prove({ keys: { ...KEYS, sessionToken: 'A'.repeat(7_000) } }));
  assert.equal(code, 'ERR_NOT_SIGNED_IN');
  assert.match(message, /too long/);
});

test('a region without an STS of its own, and a challenge that has no place in a header', async () => {
  for (const region of ['', 'aws-global', 'eu-west-1.evil.example', 'us-iso-east-1', 'EU-WEST-1']) {
    assert.match((await failed(prove({ region }))).message, /not an AWS region/);
  }
  for (const nonce of ['', 'a;b', 'a b', 'a\r\nx: y', 'ä', 'x'.repeat(1_025)]) {
    assert.equal((await failed(prove({ binding: { ...BINDING, nonce } }))).code, 'ERR_BROKER_REPLY');
  }
  assert.equal((await failed(prove({ audience: 'https://a;b' }))).code, 'ERR_BROKER_REPLY');
  assert.equal((await failed(prove({ binding: { ...BINDING, body: 'no hash' } }))).code, 'ERR_BROKER_REPLY');
});

test('regions have the hosts that AWS gives them', () => {
  const hosts = ['eu-west-1', 'ap-southeast-5', 'us-gov-west-1', 'cn-north-1'].map((region) => placeOf(region)?.host);
  assert.deepEqual(hosts, [
    'sts.eu-west-1.amazonaws.com',
    'sts.ap-southeast-5.amazonaws.com',
    'sts.us-gov-west-1.amazonaws.com',
    'sts.cn-north-1.amazonaws.com.cn',
  ]);
});

test('without credentials the real default chain ends in the next thing to do', async (t) => {
  const folder = await tempFolder();
  t.after(() => folder.remove());
  const empty = join(folder.path, 'empty');
  await writeFile(empty, '');
  withVariables(t, { AWS_CONFIG_FILE: empty, AWS_SHARED_CREDENTIALS_FILE: empty });
  const parts = { ...BINDING, audience: AUDIENCE, region: REGION, random: randomBytes, now: Date.now };
  const { code, message } = await failed(signCallerIdentity({ ...parts, credentials: null }));
  assert.equal(code, 'ERR_NOT_SIGNED_IN');
  assert.equal(message, 'there are no AWS credentials to prove an identity with');
  withVariables(t, { AWS_ACCESS_KEY_ID: KEYS.accessKeyId, AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey });
  assert.equal((await readCredentials(null, REGION)).accessKeyId, KEYS.accessKeyId);
});
