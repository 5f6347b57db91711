/**
 * The stand-in for Azure itself: it refuses what Azure refuses.
 * @module
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { fakeAzure } from './cloud.ts';
import type { FakeAzure } from './cloud.ts';
import { makeRbac } from './rbac.ts';
import { problems } from './schema.ts';
import { testIssuer } from './signer.ts';
import type { TestIssuer } from './signer.ts';
import { BROKER, ROLES, SUBSCRIPTION } from './world.ts';

const AUDIENCE = 'api://AzureADTokenExchange';
const SCOPE = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-web`;
const ANN = randomUUID();
const READER = `/providers/Microsoft.Authorization/roleDefinitions/${ROLES[0]?.guid ?? ''}`;

let time = Date.now();
const now = (): number => time;
let issuer: TestIssuer;
let azure: FakeAzure;
before(async () => {
  issuer = await testIssuer(now);
  const brokerTrust = { issuer: issuer.signer.issuer, subject: 'jit:x', audiences: [AUDIENCE] };
  azure = await fakeAzure({ now, keys: () => issuer.jwks(), brokerTrust, people: [ANN] });
});
after(async () => await azure.close());

const exchange = async (assertion: string, clientId = BROKER): Promise<number> => {
  const form = {
    client_id: clientId,
    client_assertion: assertion,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    grant_type: 'client_credentials',
  };
  return (await azure.entra.exchange(new URLSearchParams(form))).status;
};
const signed = async (claims: object, seconds = 60, by = issuer): Promise<string> =>
  (await by.signer.sign({ sub: 'jit:x', aud: AUDIENCE, ...claims }, seconds)).expose();

test('a token is given for a statement that is signed, current and trusted, and for no other', async () => {
  assert.equal(await exchange(await signed({})), 200);
  assert.equal(await exchange(await signed({ sub: 'jit:y' })), 400);
  assert.equal(await exchange(await signed({ sub: 'JIT:x' })), 400);
  assert.equal(await exchange(await signed({ aud: 'sts.amazonaws.com' })), 400);
  assert.equal(await exchange(await signed({}), randomUUID()), 400);
  assert.equal(await exchange(await signed({}, 60, await testIssuer(now, { key: 'two' }))), 401);
  assert.equal(await exchange(await signed({}, 60, await testIssuer(now, { algorithm: 'ES256' }))), 400);
  assert.equal(await exchange(`${await signed({})}x`), 401);
  const old = await signed({}, 60);
  time += 3_600_000;
  assert.equal(await exchange(old), 401);
});

test('an assignment of a role to a principal at a scope is there once, and is what lets through', () => {
  const rbac = makeRbac(now, (id) => id === ANN);
  const body = { principalId: ANN, roleDefinitionId: READER };
  const name = randomUUID();
  const operation = 'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read';
  assert.equal(rbac.allows(ANN, operation, SCOPE), false);
  assert.equal(rbac.put(SCOPE, name, body).status, 201);
  assert.equal(rbac.allows(ANN, operation, `${SCOPE}/providers/Microsoft.Storage/storageAccounts/a`), true);
  assert.equal(rbac.allows(ANN, operation, `${SCOPE}2`), false);
  assert.equal(rbac.allows(ANN, operation.replace('read', 'write'), SCOPE), false);
  assert.equal(rbac.put(SCOPE, name, { ...body, description: 'x' }).status, 200);
  assert.equal(rbac.put(SCOPE, randomUUID(), body).status, 409);
  assert.equal(rbac.put(SCOPE.toUpperCase(), randomUUID(), body).status, 409);
  assert.equal(rbac.put(SCOPE, name, { ...body, principalId: randomUUID() }).status, 409);
  assert.equal(rbac.put(SCOPE, randomUUID(), { ...body, principalId: randomUUID() }).status, 400);
  assert.equal(rbac.remove(SCOPE, name).status, 200);
  assert.equal(rbac.remove(SCOPE, name).status, 204);
  assert.equal(rbac.allows(ANN, operation, SCOPE), false);
});

test('requests are taken once each, keep the five minutes, and end what they made', () => {
  const rbac = makeRbac(now, (id) => id === ANN);
  const until = (ms: number) => ({
    scheduleInfo: { expiration: { type: 'AfterDateTime', endDateTime: new Date(now() + ms).toISOString() } },
  });
  const ask = (requestType: string, more: object, name: string = randomUUID()): number =>
    rbac.ask(SCOPE, name, { principalId: ANN, roleDefinitionId: READER, requestType, ...more }, BROKER).status;
  assert.equal(ask('AdminUpdate', until(600_000)), 400);
  assert.equal(ask('AdminRemove', {}), 400);
  assert.equal(ask('AdminAssign', until(299_000)), 400);
  const name = randomUUID();
  assert.equal(ask('AdminAssign', until(600_000), name), 201);
  assert.equal(ask('AdminAssign', until(600_000), name), 409);
  assert.equal(ask('AdminAssign', until(900_000)), 400);
  assert.equal(ask('AdminRemove', {}), 400);
  time += 301_000;
  assert.equal(ask('AdminRemove', {}), 201);
  assert.deepEqual(rbac.current(), []);
  assert.equal(ask('AdminAssign', until(600_000)), 201);
  time += 601_000;
  assert.deepEqual(rbac.current(), []);
});

test('bodies are held to the specification, each side to its own part of it', () => {
  const properties = { roleDefinitionId: 'r', principalId: 'p' };
  assert.deepEqual(problems('RoleAssignmentCreateParameters', { properties }, 'client'), []);
  assert.deepEqual(problems('RoleAssignmentCreateParameters', { properties: { principalId: 'p' } }, 'client'), [
    'RoleAssignmentCreateParameters.properties.roleDefinitionId: missing',
  ]);
  assert.deepEqual(problems('RoleAssignment', { id: 'x' }, 'client'), ['RoleAssignment.id: read-only']);
  assert.deepEqual(problems('RoleAssignment', { id: 'x', properties }, 'service'), []);
  assert.deepEqual(problems('RoleAssignment', { what: 1 }, 'service'), ['RoleAssignment.what: unknown']);
  assert.deepEqual(problems('Status', 'Done', 'service'), ['Status: Done is none of its values']);
  const identity = { location: 'x', tags: { a: 1 }, properties: { principalId: 'no' } };
  assert.deepEqual(problems('Identity', identity, 'service'), [
    'Identity.tags.a: not a string',
    'Identity.properties.principalId: no is no uuid',
  ]);
});

test('nobody without a token is served, and administration is the broker’s alone', async () => {
  const client = azure.identities.put(SUBSCRIPTION, 'rg-jit', 'other', { location: 'westeurope' });
  assert.equal(client.status, 201);
  const [identity] = azure.identities.all.values();
  assert(identity !== undefined);
  identity.federations.set('x', { issuer: issuer.signer.issuer, subject: 'jit:x', audiences: [AUDIENCE] });
  const { body } = await azure.entra.exchange(
    new URLSearchParams({
      client_id: identity.clientId,
      client_assertion: await signed({}),
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      grant_type: 'client_credentials',
    }),
  );
  // The stand-in's own answer.
  const { access_token: token } = body as { access_token: string };
  assert.equal(azure.entra.bearer(`Bearer ${token}`), identity.principalId);
  assert.equal(azure.entra.bearer('Bearer token-none'), null);
  assert.equal(azure.entra.bearer(undefined), null);
});
