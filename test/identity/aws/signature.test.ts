/**
 * Proofs against the project's own sandbox STS, which really checks signatures: what a thief or a liar could change.
 * @module
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Secret } from '../../../src/core/secret.ts';
import { SANDBOX_ACCOUNT } from '../../../src/sandbox/world.ts';
import { newGrant } from '../../providers/aws/support.ts';
import type { SandboxSts, Signing } from './support.ts';
import {
  BINDING,
  CHALLENGE,
  REGION,
  altered,
  broker,
  entryText,
  failed,
  forged,
  open,
  presigned,
  prove,
  refusal,
  sandboxSts,
  withHeaders,
} from './support.ts';

const role = `arn:aws:iam::${SANDBOX_ACCOUNT}:role/jit-sandbox`;
const user = `arn:aws:iam::${SANDBOX_ACCOUNT}:user/operator`;
const entryAt = (sts: SandboxSts, changes: object = {}): object =>
  entryText({ accounts: [SANDBOX_ACCOUNT], roles: [role], users: [user], endpoint: sts.url, ...changes });

test('a session of a role proves the role: its unique id is the subject, and the session name is nobody', async (t) => {
  const sts = await sandboxSts(t);
  const verify = broker({ entries: [entryAt(sts)] });
  const before = Date.now();
  const one = await prove({ keys: await sts.assume('run-1') });
  const verified = await verify(one, BINDING);
  assert.match(verified.principal.subject, /^AROA[A-Z0-9]{12,}$/);
  assert.deepEqual(verified.principal, {
    kind: 'workload',
    issuer: `https://sts.amazonaws.com/${SANDBOX_ACCOUNT}`,
    subject: verified.principal.subject,
    name: `jit-sandbox@${SANDBOX_ACCOUNT}`,
    groups: ['pipelines'],
  });
  assert.deepEqual([verified.provider, verified.nonce, verified.renewal], ['aws-0', null, 'on demand']);
  assert.ok(verified.issuedAt >= before && verified.until > Date.now() && verified.until <= Date.now() + 300_000);
  const other = await verify(await prove({ keys: await sts.assume('admin@example.com') }), BINDING);
  assert.deepEqual(other.principal, verified.principal);
});

test('a user proves itself with a long-term key', async (t) => {
  const sts = await sandboxSts(t);
  const { principal } = await broker({ entries: [entryAt(sts)] })(await prove({ keys: sts.operator }), BINDING);
  assert.match(principal.subject, /^AIDA/);
  assert.equal(principal.name, `operator@${SANDBOX_ACCOUNT}`);
});

test('a proof is known by its signature, and two proofs of the same moment are two', async (t) => {
  const sts = await sandboxSts(t);
  const now = (): number => 1_800_000_000_000;
  const still = await sandboxSts(t, now);
  const verify = broker({ entries: [entryAt(still)], now });
  const proofs = [await prove({ keys: still.operator, now }), await prove({ keys: still.operator, now })];
  const names = await Promise.all(proofs.map(async (proof) => (await verify(proof, BINDING)).once));
  assert.equal(new Set(names).size, 2);
  const [first = new Secret('')] = proofs;
  assert.equal((await verify(first, BINDING)).once, names[0], 'whoever takes proofs once must know it again');
  const signature = open(first).headers['authorization']?.slice(-64) ?? '';
  assert.equal(names[0], createHash('sha256').update(`aws-caller-identity ${signature}`).digest('base64url'));
  assert.equal(sts.seen.length, 0);
});

test('what is sent to STS is the broker’s own request, whatever the proof says', async (t) => {
  const sts = await sandboxSts(t);
  await broker({ entries: [entryAt(sts)] })(await prove({ keys: sts.operator }), BINDING);
  const [seen] = sts.seen;
  assert.deepEqual([seen?.method, seen?.url], ['POST', '/']);
  assert.equal(seen?.body, 'Action=GetCallerIdentity&Version=2011-06-15');
  const names = (seen?.rawHeaders ?? []).flatMap((text, at) => (at % 2 === 0 ? [text.toLowerCase()] : []));
  const sent = [
    'authorization',
    'connection',
    'content-length',
    'content-type',
    'host',
    'x-amz-date',
    'x-jit-challenge',
  ];
  assert.deepEqual(names.toSorted(), sent);
  assert.equal(seen?.rawHeaders[seen.rawHeaders.indexOf('host') + 1], `sts.${REGION}.amazonaws.com`);
});

const thumbprint = 'z'.repeat(43);
const nonce = `t1.${'m'.repeat(43)}`;
const CHANGED: readonly (readonly [string, Signing])[] = [
  ['another action was signed', { request: { body: 'Action=GetSessionToken&Version=2011-06-15' } }],
  ['the signed body has one more parameter', { request: { body: 'Action=GetCallerIdentity&Version=2011-06-15&X=1' } }],
  ['another method was signed', { request: { method: 'GET' } }],
  ['another path was signed', { request: { path: '/other' } }],
  ['a query was signed', { request: { query: { Action: 'GetCallerIdentity' } } }],
  ['another host was signed', { request: { hostname: 'sts.us-east-1.amazonaws.com' } }],
  ['a host of somebody else was signed', { request: { hostname: 'sts.evil.example' } }],
  [
    'another content type was signed',
    { request: { headers: { 'content-type': 'application/x-www-form-urlencoded' } } },
  ],
];

for (const [what, parts] of CHANGED) {
  test(`STS with real signatures refuses it where ${what}`, async (t) => {
    const sts = await sandboxSts(t);
    const verify = broker({ entries: [entryAt(sts)] });
    const reason = await refusal(verify(await forged({ ...parts, keys: await sts.assume('run-1') }), BINDING));
    assert.match(reason, /SignatureDoesNotMatch$/);
  });
}

test('the header that SigV4 would otherwise accept, signed as it must be, is the control of that table', async (t) => {
  const sts = await sandboxSts(t);
  await broker({ entries: [entryAt(sts)] })(await forged({ keys: await sts.assume('run-1') }), BINDING);
});

test('a thief who writes the own key, nonce or body into a stolen proof breaks its signature', async (t) => {
  const sts = await sandboxSts(t);
  const verify = broker({ entries: [entryAt(sts)] });
  for (const binding of [
    { ...BINDING, keyThumbprint: thumbprint },
    { ...BINDING, nonce },
    { ...BINDING, body: 'y'.repeat(43) },
  ]) {
    const { nonce: of, keyThumbprint, body } = binding;
    const challenge = `https://jit.example.com;${of};${keyThumbprint};${body};${'s'.repeat(22)}`;
    const stolen = await altered((proof) => withHeaders(proof, { 'x-jit-challenge': challenge }), {
      keys: sts.operator,
    });
    const reason = await refusal(verify(stolen, binding));
    assert.equal(reason, 'aws sts said no: HTTP status 403 SignatureDoesNotMatch');
  }
});

test('a proof that was made for another broker does not become one for this broker', async (t) => {
  const sts = await sandboxSts(t);
  const verify = broker({ entries: [entryAt(sts)] });
  const changes = { keys: sts.operator, audience: 'https://other.example.com' };
  await refusal(verify(await prove(changes), BINDING));
  const rewritten = await altered((proof) => withHeaders(proof, { 'x-jit-challenge': CHALLENGE }), changes);
  assert.match(await refusal(verify(rewritten, BINDING)), /SignatureDoesNotMatch/);
});

test('the signature of a presigned URL is none of a proof', async (t) => {
  const sts = await sandboxSts(t);
  const keys = await sts.assume('run-1');
  assert.match(
    await refusal(broker({ entries: [entryAt(sts)] })(await presigned({ keys }), BINDING)),
    /SignatureDoesNotMatch/,
  );
});

test('the session token of another session, no token, and a key that AWS does not know', async (t) => {
  const sts = await sandboxSts(t);
  const verify = broker({ entries: [entryAt(sts)] });
  const [mine, other] = [await sts.assume('run-1'), await sts.assume('run-2')];
  const swapped = await altered((proof) => withHeaders(proof, { 'x-amz-security-token': other.sessionToken ?? '' }), {
    keys: mine,
  });
  await refusal(verify(swapped, BINDING));
  const { accessKeyId, secretAccessKey } = mine;
  await refusal(verify(await prove({ keys: { accessKeyId, secretAccessKey } }), BINDING));
  await refusal(verify(await prove(), BINDING));
  await refusal(verify(await prove({ keys: { ...mine, secretAccessKey: 'guessed' } }), BINDING));
});

test('credentials that have ended prove nothing', async (t) => {
  let offset = 0;
  const now = (): number => Date.now() + offset;
  const sts = await sandboxSts(t, now);
  const verify = broker({ entries: [entryAt(sts)], now });
  const keys = await sts.assume('run-1', 900);
  await verify(await prove({ keys, now }), BINDING);
  offset = 901_000;
  assert.match(await refusal(verify(await prove({ keys, now }), BINDING)), /ExpiredToken/);
});

test('credentials of a grant are no identity, although AWS vouches for them', async (t) => {
  const sts = await sandboxSts(t);
  const proof = await prove({ keys: await sts.assume(newGrant()) });
  assert.equal(
    await refusal(broker({ entries: [entryAt(sts)] })(proof, BINDING)),
    'the credentials are those of a grant',
  );
});

test('no proof survives the change of one character, with real signatures', async (t) => {
  const sts = await sandboxSts(t);
  const verify = broker({ entries: [entryAt(sts)] });
  const token = (await prove({ keys: await sts.assume('run-1') })).expose();
  await verify(new Secret(token), BINDING);
  const text = Buffer.from(token, 'base64url').toString('latin1');
  const change = fc.tuple(fc.nat(text.length - 1), fc.integer({ min: 0x20, max: 0x7e }));
  await fc.assert(
    fc.asyncProperty(change, async ([at, code]) => {
      fc.pre(text.charCodeAt(at) !== code);
      const changed = text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1);
      const { code: error } = await failed(
        verify(new Secret(Buffer.from(changed, 'latin1').toString('base64url')), BINDING),
      );
      assert.equal(error, 'ERR_NOT_SIGNED_IN');
    }),
    { numRuns: 300 },
  );
  await verify(new Secret(token), BINDING);
});
