/**
 * The stand-in for Privileged Access Manager does what Google's documentation says of the real one.
 * @module
 */
import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import { startGcp } from './gcp.ts';

const START = Date.parse('2026-11-22T12:00:00Z');
let at = START;
const gcp = await startGcp(() => at);
const { world, pam } = gcp;
const ADMIN = 'user:admin@example.com';
const ACCOUNT = 'serviceAccount:a@p1.iam.gserviceaccount.com';
after(gcp.close);

let count = 0;
let name = '';
beforeEach(() => {
  at = START;
  name = `projects/p1/locations/global/entitlements/on-call-${count++}`;
  pam.opensMs = 0;
  pam.closesMs = 0;
  world.roles.set('roles/reader.x', ['storage.objects.get']);
  world.roles.set(
    'roles/pam.x',
    ['entitlements.get', 'grants.list', 'grants.get', 'grants.revoke'].map((verb) => `privilegedaccessmanager.${verb}`),
  );
  world.makeProject('p1', { bindings: [{ role: 'roles/pam.x', members: [ADMIN] }] });
  world.buckets.set('b', { project: 'p1', objects: new Set(['o']) });
  pam.entitlements.set(name, {
    project: 'p1',
    requesters: new Set([ACCOUNT]),
    roles: [{ role: 'roles/reader.x' }],
    longestSeconds: 7_200,
    approval: 'not needed',
  });
});

interface Answer {
  readonly http: number;
  readonly body: Record<string, unknown>;
}

async function ask(path: string, who: string, body?: unknown): Promise<Answer> {
  const response = await fetch(`${gcp.url}/v1/${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${world.tokenFor(who, 3_600)}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  // Google's APIs answer with objects.
  return { http: response.status, body: (await response.json()) as Record<string, unknown> };
}

const BODY = { requestedDuration: '3600s', justification: { unstructuredJustification: 'why' } };
const create = async (body: object = BODY, query = '', who = ACCOUNT): Promise<Answer> =>
  await ask(`${name}/grants${query}`, who, body);
const reads = async (): Promise<boolean> =>
  (
    await fetch(`${gcp.url}/storage/v1/b/b/o/o`, {
      headers: { authorization: `Bearer ${world.tokenFor(ACCOUNT, 60)}` },
    })
  ).status === 200;
const stateOf = async (grant: unknown): Promise<unknown> => (await ask(String(grant), ADMIN)).body['state'];

test('whoever asks gets the roles, from when the grant is active until its duration is over', async () => {
  pam.opensMs = 5_000;
  const { body } = await create();
  assert.deepEqual([body['state'], body['requester'], await reads()], ['SCHEDULED', ACCOUNT.slice(15), false]);
  at += 5_000;
  assert.deepEqual([await stateOf(body['name']), await reads()], ['ACTIVE', true]);
  at += 3_600_000;
  assert.equal(await reads(), false);
  assert.equal(await stateOf(body['name']), 'ENDED');
});

test('a second open grant of one requester is refused, a repeated request is answered with the first', async () => {
  const id = '?requestId=7b0f6a1e-5d0b-5c3a-9f0e-0123456789ab';
  const first = await create(BODY, id);
  assert.equal((await create(BODY, id)).body['name'], first.body['name']);
  assert.equal((await create()).http, 409);
  at += 3_600_000;
  assert.equal((await create()).http, 200);
});

test('only requesters may ask, for a time that is allowed, with a justification and a true UUID', async () => {
  assert.equal((await create(BODY, '', ADMIN)).http, 403);
  for (const requestedDuration of ['1799s', '7201s', '1800.5s', '1h'])
    assert.equal((await create({ ...BODY, requestedDuration })).http, 400, requestedDuration);
  assert.equal((await create({ requestedDuration: '1800s' })).http, 400);
  assert.equal((await create({ ...BODY, color: 'red' })).http, 400);
  assert.equal((await create(BODY, '?requestId=00000000-0000-0000-0000-000000000000')).http, 400);
});

test('a revocation is an operation that takes its time, is for administrators, and cannot end what is over', async () => {
  pam.closesMs = 2_000;
  const { body } = await create();
  const path = `${String(body['name'])}:revoke`;
  assert.equal((await ask(path, ACCOUNT, {})).http, 403);
  assert.equal(await stateOf(body['name']), 'ACTIVE');
  assert.equal(await reads(), true);
  assert.equal((await ask(path, ADMIN, { reason: 'x' })).body['done'], false);
  assert.equal(await stateOf(body['name']), 'REVOKING');
  at += 2_000;
  assert.deepEqual([await stateOf(body['name']), await reads()], ['REVOKED', false]);
  assert.equal((await ask(path, ADMIN, {})).http, 400);
});

test('a grant of an entitlement with approvers gives nothing until then', async () => {
  const before = pam.entitlements.get(name);
  assert(before !== undefined);
  pam.entitlements.set(name, { ...before, approval: 'needed' });
  const { body } = await create();
  assert.deepEqual([await stateOf(body['name']), await reads()], ['APPROVAL_AWAITED', false]);
  assert(JSON.stringify((await ask(name, ADMIN)).body).includes('manualApprovals'));
});

test('what somebody else takes out of the policy is said of the grant', async () => {
  const { body } = await create();
  assert.equal((await ask(String(body['name']), ADMIN)).body['externallyModified'], undefined);
  world.edit('p1', (policy) => ({ ...policy, bindings: policy.bindings.slice(0, 1) }));
  assert.equal((await ask(String(body['name']), ADMIN)).body['externallyModified'], true);
});
