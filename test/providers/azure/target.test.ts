/**
 * What a configuration of an Azure target may say, and who a requester is in Entra ID.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JitError } from '../../../src/core/errors.ts';
import type { Principal } from '../../../src/core/principal.ts';
import { Secret } from '../../../src/core/secret.ts';
import { objectIdOf } from '../../../src/providers/azure/people.ts';
import { parseAzureTarget } from '../../../src/providers/azure/target.ts';

const GUID = '0a11c0de-0000-4000-8000-000000000001';
const SIGNER = { issuer: 'https://jit.example.com', sign: async () => await Promise.resolve(new Secret('x')) };
const BASE = {
  provider: 'azure',
  tenant: GUID,
  subscription: GUID.toUpperCase(),
  environment: 'prod',
  roles: ['Reader', 'Reader'],
  assignment: 'pim',
  principal: 'requester',
  people: { 'https://idp.example ann': GUID },
  credentials: 'federation',
  client_id: GUID,
};
const IDENTITY = {
  principal: 'identity',
  people: undefined,
  identities: { resource_group: 'RG-Jit', location: 'westeurope' },
};

test('a target is read; ids are in lower case and roles are there once', () => {
  const { access, roles, tool, recipient } = parseAzureTarget('t', BASE, SIGNER);
  assert.equal(access.subscription, GUID);
  assert.deepEqual(roles, ['Reader']);
  assert.deepEqual(tool, {
    kind: 'azure',
    identity: 'own',
    tenant: GUID,
    subscription: GUID,
    authority: null,
    endpoint: null,
  });
  assert.equal(recipient.kind, 'requester');
  const identity = parseAzureTarget('t', { ...BASE, ...IDENTITY }, SIGNER);
  assert.deepEqual(identity.recipient, { kind: 'identity', place: { group: 'rg-jit', location: 'westeurope' } });
  assert.equal(identity.tool.kind === 'azure' && identity.tool.identity, 'issued');
});

const wrong: readonly (readonly [what: string, changes: object, message: RegExp])[] = [
  ['an unknown field', { scope: '/' }, /scope: unknown/],
  ['a tenant by name', { tenant: 'contoso.onmicrosoft.com' }, /tenant: a GUID/],
  ['no role', { roles: [] }, /roles: at least one/],
  ['a quote in a role', { roles: ["x' or 'a' eq 'a"] }, /roles/],
  ['another way of assigning', { assignment: 'eligible' }, /assignment: pim or direct/],
  ['people without an issuer', { people: { ann: GUID } }, /people/],
  ['a person by name', { people: { 'https://idp.example ann': 'ann@example.com' } }, /GUID/],
  ['nobody known', { people: undefined }, /people: needed with requester/],
  ['people with identities', { ...IDENTITY, people: BASE.people }, /people, subject_is_object_id: only with/],
  ['identities nowhere', { principal: 'identity', people: undefined }, /identities: needed/],
  ['identities for requesters', { identities: IDENTITY.identities }, /identities: only with/],
  [
    'a path as resource group',
    { ...IDENTITY, identities: { resource_group: 'a/../b', location: 'westeurope' } },
    /resource_group/,
  ],
  ['federation without a client', { client_id: undefined }, /client_id: needed/],
  ['ambient with a client', { credentials: 'ambient' }, /client_id: only with federation/],
  ['a plain endpoint', { endpoint: 'http://127.0.0.1:1', authority: 'https://127.0.0.1:1' }, /endpoint: an https URL/],
  [
    'an endpoint with a path',
    { endpoint: 'https://x.example/a', authority: 'https://x.example' },
    /endpoint: an https URL/,
  ],
  ['an endpoint alone', { endpoint: 'https://management.example' }, /endpoint, authority: both or none/],
];

for (const [what, changes, message] of wrong) {
  test(`refused, naming the field: ${what}`, () => {
    assert.throws(
      () => parseAzureTarget('shop', { ...BASE, ...changes }, SIGNER),
      (error) =>
        error instanceof JitError &&
        error.code === 'ERR_CONFIG' &&
        error.message.startsWith('target shop: ') &&
        message.test(error.message),
    );
  });
}

test('federation and identities need an issuer, which Entra ID can reach', () => {
  const refused = (changes: object, signer: typeof SIGNER | null, message: RegExp): void =>
    assert.throws(() => parseAzureTarget('t', { ...BASE, ...changes }, signer), message);
  refused({}, null, /federation needs the issuer/);
  refused({ ...IDENTITY, credentials: 'ambient', client_id: undefined }, null, /identity needs the issuer/);
  const local = { ...SIGNER, issuer: 'http://127.0.0.1:9' };
  refused({}, local, /by https/);
  refused({ ...IDENTITY, credentials: 'ambient', client_id: undefined }, local, /by https/);
});

const PEOPLE = { known: new Map([['https://idp.example ann', GUID]]), issuer: 'https://sts.example/' };
const who = (parts: Partial<Principal>): Principal => ({
  kind: 'user',
  issuer: 'https://idp.example',
  subject: 'ann',
  name: 'ann',
  groups: [],
  ...parts,
});

test('a requester is known by exact issuer and subject; a name decides nothing', () => {
  assert.equal(objectIdOf(PEOPLE, who({}), 't'), GUID);
  assert.equal(objectIdOf(PEOPLE, who({ name: 'somebody else' }), 't'), GUID);
  const other = '0a11c0de-0000-4000-8000-000000000002';
  assert.equal(objectIdOf(PEOPLE, who({ issuer: 'https://sts.example/', subject: other.toUpperCase() }), 't'), other);
  for (const one of [
    who({ subject: 'Ann' }),
    who({ subject: 'ben', name: 'ann' }),
    who({ issuer: 'https://idp.example/' }),
    who({ issuer: 'https://idp.example ann', subject: '' }),
    who({ issuer: 'https://sts.example', subject: other }),
    who({ issuer: 'https://idp.example', subject: other }),
    who({ issuer: 'https://sts.example/', subject: 'ann' }),
    who({ issuer: '__proto__', subject: 'x' }),
  ]) {
    assert.throws(
      () => objectIdOf(PEOPLE, one, 't'),
      (error) => error instanceof JitError && error.code === 'ERR_TARGET',
      JSON.stringify(one),
    );
  }
});

test('an agent is itself and never the person for whom it acts', () => {
  const actsFor = { kind: 'user', issuer: 'https://idp.example', subject: 'ann', name: 'ann', groups: [] } as const;
  assert.throws(() => objectIdOf(PEOPLE, who({ kind: 'agent', subject: 'bot', actsFor }), 't'), /does not know who/);
});
