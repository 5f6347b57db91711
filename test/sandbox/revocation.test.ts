/** Inline policies through the real SDK client: taking a grant away, and giving it back. @module */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import {
  DeleteRolePolicyCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  PutRolePolicyCommand,
} from '@aws-sdk/client-iam';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { DecodeAuthorizationMessageCommand } from '@aws-sdk/client-sts';
import { identityToken, refusalOf, start } from './fixture.ts';
import type { Fixture } from './fixture.ts';

const RoleName = 'jit-sandbox';
const PolicyName = 'JitRevoked';
const hello = new GetObjectCommand({ Bucket: 'sandbox-reports', Key: 'hello.txt' });

function denyDocument(...grants: readonly string[]): string {
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'JitRevoked',
        Effect: 'Deny',
        Action: '*',
        Resource: '*',
        Condition: { StringEquals: { 'aws:PrincipalTag/jit-grant': grants } },
      },
    ],
  });
}

async function put(fixture: Fixture, document: string, name = PolicyName): Promise<void> {
  const client = fixture.iam(await fixture.revoker());
  await client.send(new PutRolePolicyCommand({ RoleName, PolicyName: name, PolicyDocument: document }));
}

async function tempState(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'jit-sandbox-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return join(folder, 'state.json');
}

test('a deny entry ends one grant at once and leaves the other alone, until it is removed', async (t) => {
  const fixture = await start(t);
  const one = await fixture.enter(await identityToken({ tags: { 'jit-grant': ['gr_1'] } }));
  const two = await fixture.assume({ Tags: [{ Key: 'jit-grant', Value: 'gr_2' }] });
  await fixture.s3(one).send(hello);
  await put(fixture, denyDocument('gr_1'));
  const refusal = await refusalOf(fixture.s3(one).send(hello));
  assert.equal(refusal.code, 'AccessDenied');
  assert.match(
    refusal.message,
    /^User: arn:aws:sts::000000000000:assumed-role\/jit-sandbox\/gr_test is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::sandbox-reports\/hello\.txt" with an explicit deny in an identity-based policy/,
  );
  const probe = await refusalOf(fixture.sts(one).send(new DecodeAuthorizationMessageCommand({ EncodedMessage: 'x' })));
  assert.match(probe.message, /with an explicit deny in an identity-based policy/);
  await fixture.s3(two).send(hello);
  await fixture.iam(await fixture.revoker()).send(new DeleteRolePolicyCommand({ RoleName, PolicyName }));
  await fixture.s3(one).send(hello);
});

test('sessions, denials and the operator outlive a restart with the same state file of mode 0600', async (t) => {
  const path = await tempState(t);
  const before = await start(t, path);
  const one = await before.enter(await identityToken({ tags: { 'jit-grant': ['gr_1'] } }));
  const two = await before.enter(await identityToken({ tags: { 'jit-grant': ['gr_2'] } }));
  await put(before, denyDocument('gr_1'), '__proto__');
  await before.sandbox.close();
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  const after = await start(t, path);
  assert.deepEqual(after.operator, before.operator);
  await after.s3(two).send(hello);
  assert.equal((await refusalOf(after.s3(one).send(hello))).code, 'AccessDenied');
  assert.match(await readFile(path, 'utf8'), /"revision": 1,/);
});

test('the revoker reads back what was put, and the facts of the role', async (t) => {
  const fixture = await start(t);
  const client = fixture.iam(await fixture.revoker());
  const document = denyDocument('gr_1', "a'b(c)*!");
  await put(fixture, document);
  const policy = await client.send(new GetRolePolicyCommand({ RoleName, PolicyName }));
  assert.equal(decodeURIComponent(policy.PolicyDocument ?? ''), document);
  assert.ok(!/[^A-Za-z0-9%._~-]/.test(policy.PolicyDocument ?? ''), 'percent-encoded as AWS does');
  const { Role } = await client.send(new GetRoleCommand({ RoleName }));
  assert.equal(Role?.MaxSessionDuration, 43_200);
  assert.match(decodeURIComponent(Role?.AssumeRolePolicyDocument ?? ''), /issuer\.example\/jit:aud/);
});

test('what cannot be read, does not fit or is not there is refused', async (t) => {
  const fixture = await start(t);
  const client = fixture.iam(await fixture.revoker());
  const command = (PolicyDocument: string, name = PolicyName) =>
    client.send(new PutRolePolicyCommand({ RoleName, PolicyName: name, PolicyDocument }));
  const malformed = await refusalOf(command('{"Version":"2012-10-17","Statement":[{"Effect":"Deny"}]}'));
  assert.equal(malformed.code, 'MalformedPolicyDocument');
  assert.equal(malformed.status, 400);
  const half = denyDocument(...Array.from({ length: 230 }, (_, n) => `gr_${String(n).padStart(20, '0')}`));
  await command(half, 'One');
  const spaced = half.replaceAll(',', ',\n        ');
  await command(spaced, 'One');
  const tooMuch = await refusalOf(command(half, 'Two'));
  assert.equal(tooMuch.code, 'LimitExceeded');
  assert.equal(tooMuch.status, 409);
  const missing = await refusalOf(client.send(new GetRolePolicyCommand({ RoleName, PolicyName: 'Two' })));
  assert.equal(missing.code, 'NoSuchEntity');
  assert.equal(missing.status, 404);
  assert.equal(
    (await refusalOf(client.send(new DeleteRolePolicyCommand({ RoleName, PolicyName: 'Two' })))).code,
    'NoSuchEntity',
  );
});

test('nobody else edits policies, and the revoker edits no other role and reads no object', async (t) => {
  const fixture = await start(t);
  const command = new PutRolePolicyCommand({ RoleName, PolicyName, PolicyDocument: denyDocument('gr_1') });
  for (const keys of [fixture.operator, await fixture.assume()]) {
    const refusal = await refusalOf(fixture.iam(keys).send(command));
    assert.match(
      refusal.message,
      /iam:PutRolePolicy on resource: role jit-sandbox because no identity-based policy allows/,
    );
  }
  const revoker = await fixture.revoker();
  const itself = new PutRolePolicyCommand({ RoleName: 'jit-revoker', PolicyName, PolicyDocument: denyDocument('x') });
  assert.equal((await refusalOf(fixture.iam(revoker).send(itself))).code, 'AccessDenied');
  assert.equal((await refusalOf(fixture.s3(revoker).send(hello))).code, 'AccessDenied');
});
