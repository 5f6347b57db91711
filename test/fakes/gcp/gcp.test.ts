/**
 * The stand-in for Google Cloud does what Google's documentation says of the real one.
 * @module
 */
import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import { parseCondition } from './cel.ts';
import { startGcp } from './gcp.ts';
import { misfit } from './schema.ts';

let at = Date.parse('2026-11-22T12:00:00Z');
const gcp = await startGcp(() => at);
const { world } = gcp;
const ADMIN = 'serviceAccount:admin@p1.iam.gserviceaccount.com';
const token = (member = ADMIN): string => world.tokenFor(member, 3_600);
after(gcp.close);

const CONDITION = { title: 't', expression: 'request.time < timestamp("2026-11-22T13:00:00Z")' };

beforeEach(() => {
  world.roles.set('roles/admin.x', ['resourcemanager.projects.getIamPolicy', 'resourcemanager.projects.setIamPolicy']);
  world.roles.set('roles/reader.x', ['storage.objects.get', 'storage.objects.list']);
  world.makeProject('p1', { bindings: [{ role: 'roles/admin.x', members: [ADMIN] }] });
  world.buckets.set('b', { project: 'p1', objects: new Set(['o']) });
});

interface Answer {
  readonly http: number;
  readonly body: Record<string, unknown>;
}

async function post(path: string, body: unknown, bearer = token()): Promise<Answer> {
  const response = await fetch(`${gcp.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  // Google's APIs answer with objects.
  return { http: response.status, body: (await response.json()) as Record<string, unknown> };
}

const get = async (version = 3): Promise<Answer> =>
  await post('/v3/projects/p1:getIamPolicy', { options: { requestedPolicyVersion: version } });
const set = async (policy: unknown): Promise<Answer> => await post('/v3/projects/p1:setIamPolicy', { policy });
const read = async (bearer: string): Promise<number> =>
  (await fetch(`${gcp.url}/storage/v1/b/b/o/o`, { headers: { authorization: `Bearer ${bearer}` } })).status;

test('a policy is written only over the one that was read, and gets another etag', async () => {
  const { body } = await get();
  const first = await set({ ...body, version: 3 });
  assert.equal(first.http, 200);
  assert.notEqual(first.body['etag'], body['etag']);
  const late = await set({ ...body, version: 3 });
  assert.deepEqual([late.http, JSON.stringify(late.body).includes('ABORTED')], [409, true]);
});

test('conditions need version 3 in both directions, and are hidden from whoever asks for less', async () => {
  const { body } = await get();
  const bindings = [
    ...world.policyOf('p1').bindings,
    { role: 'roles/reader.x', members: ['user:a@b.c'], condition: CONDITION },
  ];
  assert.equal((await set({ ...body, version: 1, bindings })).http, 400);
  assert.equal((await set({ ...body, version: 3, bindings })).http, 200);
  assert.match(JSON.stringify((await get(1)).body), /roles\/reader\.x_withcond_[0-9a-f]{20}/);
  assert.deepEqual((await get(3)).body['bindings'], bindings);
});

test('without an update mask only bindings are taken', async () => {
  const { body } = await get();
  await set({ ...body, version: 3, auditConfigs: [{ service: 'x' }] });
  assert.equal((await get()).body['auditConfigs'], undefined);
});

test('what IAM refuses is refused', async () => {
  const { body } = await get();
  const refused = async (...bindings: unknown[]): Promise<void> => {
    assert.equal((await set({ ...body, version: 3, bindings })).http, 400, JSON.stringify(bindings).slice(0, 200));
  };
  const good = { role: 'roles/reader.x', members: ['user:a@b.c'], condition: CONDITION };
  await refused({ ...good, role: 'roles/owner' });
  await refused({ ...good, role: 'roles/unknown' });
  await refused({ ...good, members: [] });
  await refused({ ...good, members: ['a@b.c'] });
  await refused({ ...good, member: 'user:a@b.c' });
  await refused({ ...good, condition: { ...CONDITION, title: '' } });
  await refused({ ...good, condition: { ...CONDITION, expression: 'true' } });
  await refused({
    ...good,
    condition: { ...CONDITION, expression: Array(14).fill(CONDITION.expression).join(' && ') },
  });
  await refused(...Array.from({ length: 21 }, () => good));
  await refused({ ...good, members: Array.from({ length: 1_501 }, (_, index) => `user:p${index}@b.c`) });
});

test('a condition lets in until its end, and a change counts only after it has spread', async () => {
  const { body } = await get();
  const bindings = [
    ...world.policyOf('p1').bindings,
    { role: 'roles/reader.x', members: ['user:A@b.c'], condition: CONDITION },
  ];
  world.spreadMs = 120_000;
  await set({ ...body, version: 3, bindings });
  const who = world.tokenFor('user:a@b.c', 36_000);
  assert.equal(await read(who), 403);
  at += 120_000;
  assert.equal(await read(who), 200);
  at = Date.parse('2026-11-22T13:00:00Z');
  assert.equal(await read(who), 403);
  world.spreadMs = 0;
});

test('an access token ends, and a boundary only ever takes away', async () => {
  world.edit('p1', (policy) => ({
    ...policy,
    bindings: [...policy.bindings, { role: 'roles/reader.x', members: [ADMIN] }],
  }));
  const wide = world.tokenFor(ADMIN, 60);
  const rule = {
    availableResource: '//storage.googleapis.com/projects/_/buckets/b',
    availablePermissions: ['inRole:roles/reader.x'],
  };
  const narrowed = async (rules: readonly unknown[]): Promise<Response> =>
    await fetch(`${gcp.url}/v1/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        subject_token: wide,
        options: JSON.stringify({ accessBoundary: { accessBoundaryRules: rules } }),
      }),
    });
  const tokenFrom = async (rules: readonly unknown[]): Promise<string> => {
    const { access_token: made } = (await (await narrowed(rules)).json()) as { access_token: string };
    return made;
  };
  const open = await tokenFrom([rule]);
  const elsewhere = await tokenFrom([{ ...rule, availableResource: '//storage.googleapis.com/projects/_/buckets/c' }]);
  const other = await tokenFrom([{ ...rule, availablePermissions: ['inRole:roles/admin.x'] }]);
  const never = await tokenFrom([{ ...rule, availabilityCondition: { expression: 'resource.name == "x"' } }]);
  assert.deepEqual(await Promise.all([wide, open, elsewhere, other, never].map(read)), [200, 200, 403, 403, 403]);
  assert.equal((await narrowed(Array.from({ length: 11 }, () => rule))).status, 400);
  assert.equal((await narrowed([])).status, 400);
  assert.equal((await narrowed([{ ...rule, availablePermissions: ['storage.objects.get'] }])).status, 400);
  at += 60_000;
  assert.deepEqual(await Promise.all([wide, open].map(read)), [401, 401]);
});

test('conditions mean what CEL says, and anything else than these few forms is an error', () => {
  const about = { time: 1, service: 's', name: 'a/b', listPrefix: '' };
  const says = (text: string, changes: object = {}): boolean => parseCondition(text)({ ...about, ...changes });
  assert.equal(says('resource.name == "a/b"'), true);
  assert.equal(says("resource.name == 'a'"), false);
  assert.equal(says('resource.name.startsWith("a/") && resource.service == "s"'), true);
  // && binds more tightly than ||.
  assert.equal(says('resource.name == "a/b" || resource.name == "x" && resource.name == "y"'), true);
  assert.equal(says('(resource.name == "a/b" || resource.name == "x") && resource.name == "y"'), false);
  const list = 'api.getAttribute("storage.googleapis.com/objectListPrefix", "").startsWith("p")';
  assert.deepEqual(
    [says(list), says(list, { listPrefix: 'p/q' }), says(list, { listPrefix: 'q' })],
    [false, true, false],
  );
  // What is not there is the empty text, and everything begins with that.
  assert.equal(says(list.replace('"p"', '""')), true);
  for (const text of [
    '',
    'true',
    'resource.name',
    'resource.name = "x"',
    'resource.type == "x"',
    '(resource.name == "x"',
    'resource.name == "x" ||',
    'request.time < "x"',
    'request.time < timestamp("x")',
  ]) {
    assert.throws(() => parseCondition(text), SyntaxError, text);
  }
});

test('schemas refuse what has no field or another type', () => {
  assert.equal(misfit('cloudresourcemanager-v3', 'Policy', { bindings: [], etag: 'AA==', version: 3 }), null);
  for (const value of [
    { bindingz: [] },
    { bindings: {} },
    { etag: 'ä' },
    { version: '3' },
    { version: 1.5 },
    null,
    [],
    JSON.parse('{"__proto__":{}}'),
  ]) {
    assert.notEqual(misfit('cloudresourcemanager-v3', 'Policy', value), null, JSON.stringify(value));
  }
  assert.notEqual(misfit('iamcredentials-v1', 'GenerateAccessTokenRequest', { lifetime: '10' }), null);
});
