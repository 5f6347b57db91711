/** Who may enter a role, with trust policies other than those of the shipped roles. @module */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { Secret } from '../../src/core/secret.ts';
import { createCloud } from '../../src/sandbox/cloud.ts';
import { parsePolicy } from '../../src/sandbox/evaluate/document.ts';
import { TRUST } from '../../src/sandbox/evaluate/trust.ts';
import { createKeyring } from '../../src/sandbox/keys.ts';
import { OPERATOR, sessionArn } from '../../src/sandbox/principal.ts';
import type { SessionPrincipal } from '../../src/sandbox/principal.ts';
import { bearerRefusal, callerRefusal } from '../../src/sandbox/sts/entry.ts';
import type { Entry } from '../../src/sandbox/sts/entry.ts';
import { tokenVerifier } from '../../src/sandbox/sts/identity-token.ts';
import { OPERATOR_USER_ARN, SANDBOX_ROLE_ARN, createWorld } from '../../src/sandbox/world.ts';
import type { Role } from '../../src/sandbox/world.ts';

const ISSUER = 'http://127.0.0.1:8080/Oidc';
const PROVIDER = 'arn:aws:iam::000000000000:oidc-provider/127.0.0.1:8080/Oidc';
const ACCOUNT = 'arn:aws:iam::000000000000:root';

const world = createWorld({ issuers: [], revision: 0, inline: new Map(), now: 0 });
const cloud = createCloud({
  world,
  keys: createKeyring(new Secret(randomBytes(32))),
  now: () => 0,
  verifyIdentityToken: tokenVerifier([]),
  persist: () => undefined,
});
const shipped = world.roles.get('jit-sandbox');
assert.ok(shipped);

function trusting(...statements: readonly object[]): Role {
  const trust = parsePolicy(JSON.stringify({ Version: '2012-10-17', Statement: statements }), TRUST);
  assert.ok('statements' in trust, JSON.stringify(trust));
  assert.ok(shipped);
  return { ...shipped, trust };
}

function entry(role: Role, more: Partial<Entry> = {}): Entry {
  return { role, sessionName: 'gr_1', tags: [], sourceIdentity: null, externalId: null, ...more };
}

const token = { issuer: ISSUER, audience: 'aud', subject: 'alice', tags: [], sourceIdentity: undefined };
const tagged = { tags: [{ key: 'Jit-Grant', value: 'gr_1', transitive: false }] };
const named = { sourceIdentity: 'alice' };
const session: SessionPrincipal = {
  kind: 'session',
  arn: sessionArn(shipped, 'gr_1'),
  userId: 'AROA:gr_1',
  role: shipped,
  session: {
    role: 'jit-sandbox',
    name: 'gr_1',
    issuedAt: 0,
    expiresAt: 1,
    policy: null,
    tags: [],
    sourceIdentity: null,
  },
  policy: null,
};

test('a bearer needs sts:TagSession for tags and sts:SetSourceIdentity for a source identity', () => {
  const allow = { Effect: 'Allow', Principal: { Federated: PROVIDER } };
  const bare = trusting({ ...allow, Action: 'sts:AssumeRoleWithWebIdentity' });
  assert.equal(bearerRefusal(entry(bare), token), null);
  assert.match(bearerRefusal(entry(bare, tagged), token)?.message ?? '', /^Not authorized to perform sts:TagSession/);
  assert.match(
    bearerRefusal(entry(bare, named), token)?.message ?? '',
    /^Not authorized to perform sts:SetSourceIdentity/,
  );
  const full = trusting({
    ...allow,
    Action: ['sts:AssumeRoleWithWebIdentity', 'sts:TagSession', 'sts:SetSourceIdentity'],
  });
  assert.equal(bearerRefusal(entry(full, { ...tagged, ...named }), token), null);
});

test('a bearer is judged by provider, audience, subject, session name and tags', () => {
  const action = ['sts:AssumeRoleWithWebIdentity', 'sts:TagSession'];
  const allow = { Effect: 'Allow', Principal: { Federated: PROVIDER }, Action: action };
  const cases = [
    [{ '127.0.0.1:8080/Oidc:aud': 'aud', '127.0.0.1:8080/Oidc:sub': 'alice' }, true],
    [{ '127.0.0.1:8080/Oidc:aud': 'other' }, false],
    [{ '127.0.0.1:8080/Oidc:sub': 'bob' }, false],
    [{ 'other.example:aud': 'aud' }, false],
    [{ 'sts:RoleSessionName': 'gr_1', 'aws:RequestTag/jit-grant': 'gr_1' }, true],
    [{ 'aws:RequestTag/jit-grant': 'gr_2' }, false],
  ] as const;
  for (const [StringEquals, allowed] of cases) {
    const role = trusting({ ...allow, Condition: { StringEquals } });
    assert.equal(bearerRefusal(entry(role, tagged), token) === null, allowed, JSON.stringify(StringEquals));
  }
  const denied = trusting(allow, { ...allow, Effect: 'Deny' });
  assert.equal(bearerRefusal(entry(denied), token)?.fault, 'AccessDenied');
  assert.equal(
    bearerRefusal(entry(trusting(allow)), { ...token, issuer: 'https://other.example' })?.fault,
    'AccessDenied',
  );
});

test('a caller needs the same two in the trust policy', () => {
  const role = trusting({ Effect: 'Allow', Principal: { AWS: OPERATOR_USER_ARN }, Action: 'sts:AssumeRole' });
  assert.equal(callerRefusal(cloud, OPERATOR, entry(role)), null);
  for (const [more, action] of [
    [tagged, 'sts:TagSession'],
    [named, 'sts:SetSourceIdentity'],
  ] as const) {
    const message = callerRefusal(cloud, OPERATOR, entry(role, more))?.message ?? '';
    assert.match(
      message,
      new RegExp(`perform: ${action} on resource: ${SANDBOX_ROLE_ARN} because no resource-based policy allows`),
    );
  }
});

test('trust in the account is not enough without a permission; trust in person is, but not past a session policy', () => {
  const Action = ['sts:AssumeRole'];
  const elsewhere = { arn: 'arn:aws:iam::000000000000:role/other' };
  const byAccount = { ...trusting({ Effect: 'Allow', Principal: { AWS: ACCOUNT }, Action }), ...elsewhere };
  const inPerson = {
    ...trusting({ Effect: 'Allow', Principal: { AWS: [OPERATOR_USER_ARN, SANDBOX_ROLE_ARN] }, Action }),
    ...elsewhere,
  };
  assert.match(callerRefusal(cloud, OPERATOR, entry(byAccount))?.message ?? '', /no identity-based policy allows/);
  assert.equal(callerRefusal(cloud, OPERATOR, entry(inPerson)), null);
  const silent = parsePolicy(
    '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}',
    TRUST,
  );
  assert.ok('fault' in silent, 'a permission policy is no trust policy');
  const policy = cloud.readPolicy(
    '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}',
  );
  assert.ok('statements' in policy);
  assert.equal(callerRefusal(cloud, session, entry(inPerson)), null);
  assert.match(
    callerRefusal(cloud, { ...session, policy }, entry(inPerson))?.message ?? '',
    /no session policy allows/,
  );
  const denied = trusting(
    { Effect: 'Allow', Principal: { AWS: SANDBOX_ROLE_ARN }, Action },
    { Effect: 'Deny', Principal: { AWS: ACCOUNT }, Action },
  );
  assert.match(
    callerRefusal(cloud, session, entry(denied))?.message ?? '',
    /with an explicit deny in a resource-based policy/,
  );
});
