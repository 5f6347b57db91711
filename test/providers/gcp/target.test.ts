/** @module */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { JitError } from '../../../src/core/errors.ts';
import type { TokenSigner } from '../../../src/core/ports.ts';
import { memberOf, readMember, readTemplate } from '../../../src/providers/gcp/members.ts';
import type { MemberRule } from '../../../src/providers/gcp/members.ts';
import { parseGcpTarget } from '../../../src/providers/gcp/target.ts';
import { ANN, IDP, PROJECT, SIGNER, config, storageConfig } from './support.ts';

const AUDIENCE =
  '//iam.googleapis.com/projects/415104041262/locations/global/workloadIdentityPools/jit-pool/providers/jit-broker';
const POOL = 'principal://iam.googleapis.com/locations/global/workforcePools/acme-people/subject/';
const parse = (changes: object, signer: TokenSigner | null = SIGNER, base: (changes: object) => object = config) =>
  parseGcpTarget('web', base(changes), signer);

function refused(
  changes: object,
  field: RegExp,
  signer: TokenSigner | null = SIGNER,
  base?: (changes: object) => object,
): void {
  assert.throws(
    () => parse(changes, signer, base),
    (thrown) => thrown instanceof JitError && thrown.code === 'ERR_CONFIG' && field.test(thrown.message),
    JSON.stringify(changes),
  );
}

function ruleOf(made: MemberRule | string): MemberRule {
  assert(typeof made !== 'string', JSON.stringify(made));
  return made;
}

test('a small configuration is a target, with the defaults that the README states', () => {
  const target = parse({});
  assert.deepEqual(target.tool, { kind: 'gcp', identity: 'own', project: PROJECT, endpoint: null });
  assert.equal(target.access.kind, 'binding');
  assert.deepEqual(target.reach, { project: PROJECT, endpoint: null, login: { kind: 'ambient' } });
  const storage = parse({}, null, storageConfig);
  assert.equal(storage.tool.kind === 'gcp' && storage.tool.identity, 'issued');
  assert.equal(storage.access.kind === 'storage' && storage.access.tokenSeconds, 600);
});

test('a wrong, an unknown or a misplaced field is named', () => {
  refused({ projekt: 'x' }, /target web: projekt: unknown/);
  for (const project of ['Acme', 'a', '1acme-web', 'acme-web-', 'acme/web', '../acme-web', undefined, 7])
    refused({ project }, /project/);
  refused({ roles: [] }, /roles/);
  refused({ roles: ['storage.objectViewer'] }, /roles/);
  refused({ roles: ['roles/x:getIamPolicy'] }, /roles/);
  refused({ roles: ['roles/../projects/x'] }, /roles/);
  refused({ roles: ['roles/logging.viewer', 'roles/logging.viewer'] }, /roles\.1: listed twice/);
  refused({ roles: ['projects/acme-payments/roles/r123'] }, /another project/);
  refused({ people: {} }, /people/);
  refused({ people: undefined }, /people/);
  refused({ service_account: 'a@b.iam.gserviceaccount.com' }, /belongs to access: storage/);
  refused({ token_seconds: 600 }, /belongs to access: storage/);
  refused({ access: 'pam' }, /access/);
  refused({ service_account: undefined }, /service_account/, null, storageConfig);
  refused({ service_account: 'ann@example.com' }, /service_account/, null, storageConfig);
  refused({ token_seconds: 3_601 }, /token_seconds: at most 3600/, null, storageConfig);
  refused({ token_seconds: 299 }, /token_seconds: at least 300/, null, storageConfig);
  refused({ people: { [`${IDP} u1`]: ANN } }, /belongs to access: binding/, null, storageConfig);
});

test('basic roles are refused, since they take no condition and would never end', () => {
  for (const role of ['roles/owner', 'roles/editor', 'roles/viewer'])
    refused({ roles: ['roles/logging.viewer', role] }, /roles\.1.*condition/);
});

test('an address that credentials would cross is https, or does not leave the machine', () => {
  for (const endpoint of ['http://127.0.0.1:9', 'http://localhost:9', 'https://gcp.example']) {
    assert.equal(parse({ endpoint }).reach.endpoint, endpoint);
  }
  for (const endpoint of [
    'http://gcp.example',
    'https://a:b@gcp.example',
    'https://gcp.example/x',
    'https://x?y',
    'ftp://x',
    'x',
  ]) {
    refused({ endpoint }, /endpoint/);
  }
});

test('federation needs an issuer that Google can reach, and names its provider in full', () => {
  const login = parse({ credentials: 'federation', audience: AUDIENCE }).reach.login;
  assert.deepEqual(login, { kind: 'federation', audience: AUDIENCE, impersonate: null });
  refused({ credentials: 'federation' }, /audience/);
  refused({ credentials: 'federation', audience: AUDIENCE }, /issuer/, null);
  refused({ credentials: 'federation', audience: AUDIENCE }, /https/, { ...SIGNER, issuer: 'http://127.0.0.1:9' });
  refused({ credentials: 'federation', audience: 'https://evil.example' }, /audience/);
  refused({ audience: AUDIENCE }, /audience: belongs/);
  refused({ impersonate: 'a@b.iam.gserviceaccount.com' }, /impersonate: belongs/);
});

test('a member is one person or one account, and nothing that stands for several', () => {
  for (const member of [ANN, 'serviceAccount:bot@acme.iam.gserviceaccount.com', `${POOL}ann`]) {
    assert.equal(ruleOf(readMember(`${IDP} u1`, member)).member, member);
  }
  for (const member of [
    'allUsers',
    'allAuthenticatedUsers',
    'group:ops@example.com',
    'domain:example.com',
    'user:*@example.com',
    'user:ann@example.com,user:bob@example.com',
    'user:bot@acme.iam.gserviceaccount.com',
    'serviceAccount:ann@example.com',
    'principalSet://iam.googleapis.com/locations/global/workforcePools/acme-people/*',
    `${POOL}*`,
    `${POOL}a/b`,
    'user:ann@example.com\n',
    'deleted:user:ann@example.com?uid=1',
    '',
  ]) {
    assert.equal(typeof readMember(`${IDP} u1`, member), 'string', member);
  }
  for (const key of ['', IDP, ` ${IDP}`, `${IDP} `, `${IDP}  u1`])
    assert.equal(typeof readMember(key, ANN), 'string', key);
});

test('a template takes a subject at its end only, of people in pools or of addresses', () => {
  assert.equal(ruleOf(readTemplate(IDP, `${POOL}{subject}`)).subject, null);
  for (const member of [
    'user:{subject}@example.com',
    '{subject}',
    'group:{subject}',
    `${POOL}x{subject}`,
    `${POOL}{subject}x`,
    'user:{email}',
    `${POOL}{name}`,
  ]) {
    assert.equal(typeof readTemplate(IDP, member), 'string', member);
  }
});

test('who somebody is follows from issuer and subject alone, and an unknown one is nobody', () => {
  const rules = [
    ruleOf(readMember(`${IDP} u1`, 'user:Ann@Example.com')),
    ruleOf(readTemplate('https://workforce.example', `${POOL}{subject}`)),
    ruleOf(readTemplate('https://mail.example', 'user:{subject}')),
  ];
  const of = (issuer: string, subject: string): string | null => memberOf(rules, { issuer, subject });
  assert.equal(of(IDP, 'u1'), ANN);
  assert.equal(of(IDP, 'U1'), null);
  assert.equal(of(IDP, 'u2'), null);
  assert.equal(of(`${IDP}/`, 'u1'), null);
  assert.equal(of('https://workforce.example', 'ann@example.com'), `${POOL}ann@example.com`);
  assert.equal(of('https://mail.example', 'Bob@Example.com'), 'user:bob@example.com');
  for (const subject of ['*', 'a/b', '../x', 'ann ', 'ann\n', 'a"b', '', 'x'.repeat(128), 'änn', 'a%2fb']) {
    assert.equal(of('https://workforce.example', subject), null, subject);
  }
  for (const subject of ['ann', '*@example.com', 'a@b', 'a@b.c,user:d@e.f', 'x@acme.iam.gserviceaccount.com']) {
    assert.equal(of('https://mail.example', subject), null, subject);
  }
});

test('whatever the subject, a template makes at most that one principal of it', () => {
  const rules = [ruleOf(readTemplate(IDP, `${POOL}{subject}`))];
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 140 }), fc.emailAddress()), (subject) => {
      const member = memberOf(rules, { issuer: IDP, subject });
      assert(member === null || member === POOL + subject);
      if (member !== null) assert.match(member.slice(POOL.length), /^[A-Za-z0-9._@+=-]{1,127}$/);
    }),
  );
});
