import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Hono } from 'hono';
import { apiRoutes } from '../../../src/broker/http/api.ts';
import { makeApp } from '../../../src/broker/http/app.ts';
import { ERRORS } from '../../../src/core/errors.ts';
import type { Principal } from '../../../src/core/principal.ts';
import { outcomeSchema, planViewSchema } from '../../../src/wire/views.ts';
import { problemSchema } from '../../../src/wire/problem.ts';
import { ALICE, ask, startBroker, type TestBroker } from '../service/world.ts';

let t: TestBroker;
let caller: Principal | null = ALICE;
let app: Hono;
const logged: string[] = [];

before(async () => {
  t = await startBroker();
  const keep = (message: string, fields = {}): void => void logged.push(JSON.stringify({ message, ...fields }));
  app = makeApp({
    routes: apiRoutes(t.broker, async () => ({ operations: [], targets: [] })),
    version: '1.2.3',
    identify: async () => (caller === null ? { kind: 'nobody' } : { kind: 'os user', principal: caller }),
    nonce: null,
    hosts: new Set(['broker.test']),
    health: () => ({ status: 'ok', version: '1.2.3', sandbox: false }),
    ready: async () => true,
    metrics: async () => 'jit_up 1\n',
    discovery: () => ({ issuer: 'https://broker.test' }),
    jwks: () => ({ keys: [] }),
    log: { info: keep, warn: keep, error: keep },
    observe: () => undefined,
    touch: () => undefined,
  });
});
after(async () => t.stop());

interface Sent {
  readonly method?: string;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly headers?: Record<string, string>;
}

async function send(path: string, { method, body, headers = {} }: Sent = {}): Promise<Response> {
  return app.request(path, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: { host: 'broker.test', 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body }),
  });
}

async function refusal(response: Response): Promise<string> {
  assert.equal(response.headers.get('content-type'), 'application/problem+json');
  const problem = problemSchema.parse(await response.json());
  const facts = Object.entries(ERRORS).find(([code]) => code === problem.code)?.[1];
  assert.equal(response.status, facts?.http);
  assert.equal(problem.status, response.status);
  return problem.code;
}

const good = JSON.stringify(ask());

void test('the replies have the form that the OpenAPI document promises', async () => {
  const made = await send('/v1/requests', { body: good });
  assert.equal(made.status, 201);
  assert.equal(made.headers.get('cache-control'), 'no-store');
  const { request, grant } = outcomeSchema.parse(await made.json());
  assert.ok(grant);
  const plan = await send('/v1/requests?plan=true', { body: good });
  assert.equal(plan.status, 200);
  planViewSchema.parse(await plan.json());
  for (const path of [`/v1/requests/${request.id}`, `/v1/grants/${grant.id}`]) {
    outcomeSchema.parse(await (await send(path)).json());
  }
  const credentials = await send(`/v1/grants/${grant.id}/credentials`, { method: 'POST' });
  assert.equal(credentials.status, 200);
  const uses = [{ channel: 'process', count: 2, first: '2026-01-01T00:00:00Z', last: '2026-01-01T00:00:01Z' }];
  assert.equal((await send(`/v1/grants/${grant.id}/use`, { body: JSON.stringify({ uses }) })).status, 204);
  const ended = await send(`/v1/grants/${grant.id}/revoke`, { body: '{"reason":"completed"}' });
  assert.equal(ended.status, 200);
  assert.equal(await refusal(await send(`/v1/grants/${grant.id}/credentials`, { method: 'POST' })), 'ERR_GRANT_ENDED');
});

void test('the OpenAPI document names exactly the routes that are served', async () => {
  const document: { openapi: string; paths: Record<string, object> } = JSON.parse(
    await (await send('/v1/openapi.json')).text(),
  );
  assert.equal(document.openapi, '3.1.0');
  const described = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
  );
  const served = app.routes
    .filter(({ method, path }) => method !== 'ALL' && path.startsWith('/v1/') && path !== '/v1/openapi.json')
    .map(({ method, path }) => `${method} ${path}`);
  assert.deepEqual(described.toSorted(), served.toSorted());
});

/** What configurations and handles of targets hold, in the words of all providers. */
const OF_TARGETS =
  'role role_arn revoker account accountId external_id session_name region endpoint url host port user tls kubeconfig server namespace tenant subscription scope project service_account audience provider tool handle'.split(
    ' ',
  );

const bodies: readonly (readonly [name: string, body: string | Uint8Array<ArrayBuffer>, code: string])[] = [
  ['no JSON', '{', 'ERR_BODY'],
  ['a list', '[]', 'ERR_BODY'],
  ['an unknown field', good.replace('"reason"', '"resaon"'), 'ERR_BODY'],
  ['__proto__', good.replace('{', '{"__proto__":{"seconds":1},'), 'ERR_BODY'],
  ['a field twice', good.replace('{', '{"seconds":5,'), 'ERR_BODY'],
  ['a field twice, once escaped', good.replace('{', '{"\\u0073econds":5,'), 'ERR_BODY'],
  ['deep nesting', `${'['.repeat(10_000)}${']'.repeat(10_000)}`, 'ERR_BODY'],
  ['very many members', `[${'1,'.repeat(20_000)}1]`, 'ERR_BODY'],
  ['64 KiB and a byte', good + ' '.repeat(65_537 - good.length), 'ERR_TOO_LARGE'],
  ['bytes that are not UTF-8', new Uint8Array([0x22, 0xff, 0xfe, 0x22]), 'ERR_BODY'],
  ['seconds 0', good.replace('600', '0'), 'ERR_BODY'],
  ['seconds -5', good.replace('600', '-5'), 'ERR_BODY'],
  ['seconds 1e308', good.replace('600', '1e308'), 'ERR_BODY'],
  ['seconds 1.5', good.replace('600', '1.5'), 'ERR_BODY'],
  ['seconds as text', good.replace('600', '"600"'), 'ERR_BODY'],
  ['seconds as null', good.replace('600', 'null'), 'ERR_BODY'],
  ['seconds as a duration', good.replace('600', '"PT10M"'), 'ERR_BODY'],
  ['seconds beyond what any number of them can mean', good.replace('600', '9007199254740993'), 'ERR_BODY'],
  ['groups of the requester', good.replace('{', '{"groups":["leads"],'), 'ERR_BODY'],
  ['another requester', good.replace('{', '{"requester":{"subject":"bob"},'), 'ERR_BODY'],
  ['a reason of spaces', good.replace('a test', '   '), 'ERR_REASON'],
  ['a reason with a lone surrogate', good.replace('a test', '\\ud800'), 'ERR_REASON'],
  ['a reason of 1,001 characters', good.replace('a test', 'x'.repeat(1_001)), 'ERR_REASON'],
  ['a resource with a line end', good.replace('bucket/key', 'bucket/\\nkey'), 'ERR_RESOURCE'],
  ['an unknown target', good.replace('"main"', '"elsewhere"'), 'ERR_TARGET'],
  ['__proto__ as target', good.replace('"main"', '"__proto__"'), 'ERR_TARGET'],
  // What a target is stands in the configuration, and nobody who asks can say any of it (abuse case 90).
  ...OF_TARGETS.flatMap((field) => [
    [`${field} beside a target`, good.replace('"target"', `"${field}":"evil.example","target"`), 'ERR_BODY'] as const,
    [`${field} of a request`, good.replace('{', `{"${field}":"evil.example",`), 'ERR_BODY'] as const,
  ]),
  ...[
    'arn:aws:iam::999999999999:role/admin',
    '999999999999',
    'https://evil.example',
    'evil.example:5432',
    'main@evil.example',
    '../main',
    'MAIN',
    'main ',
    'main\\u0000',
    'constructor',
  ].map((place) => [`${place} as target`, good.replace('"main"', `"${place}"`), 'ERR_TARGET'] as const),
  ['a target that is an object', good.replace('"main"', '{"name":"main","role":"x"}'), 'ERR_BODY'],
  ['a target that is a list', good.replace('"main"', '["main"]'), 'ERR_BODY'],
];

for (const [name, body, code] of bodies) {
  void test(`refused, and nothing stored: ${name}`, async () => {
    const before_ = (await t.broker.requests(ALICE, 1_000)).items.length;
    assert.equal(await refusal(await send('/v1/requests', { body })), code);
    assert.equal((await t.broker.requests(ALICE, 1_000)).items.length, before_);
  });
}

void test('a renewal takes whole seconds from 1 and nothing else, and no groups in headers make anybody more', async () => {
  const { grant } = await t.broker.submit(ALICE, ask(), null);
  assert.ok(grant !== null);
  const path = `/v1/grants/${grant.id}/renew`;
  for (const seconds of [
    '0',
    '-1',
    '1.5',
    '1e308',
    '"600"',
    '"1h -1s"',
    '"PT10M"',
    'null',
    '[600]',
    '9007199254740993',
  ]) {
    assert.equal(await refusal(await send(path, { body: `{"seconds":${seconds}}` })), 'ERR_BODY', seconds);
  }
  assert.equal((await t.broker.grant(ALICE, grant.id, null)).grant?.version, grant.version);
  const headers = { 'x-forwarded-user': 'bob', 'x-forwarded-groups': 'leads', 'x-remote-groups': 'leads' };
  const made = outcomeSchema.parse(await (await send('/v1/requests', { body: good, headers })).json());
  assert.deepEqual([made.request.requester.subject, made.request.requester.name], ['alice', 'alice']);
  const stored = await t.store.request(made.request.id);
  assert.deepEqual(stored?.request.requester.groups, []);
});

void test('an unknown operation, a compressed body, another content type, a bad key: refused', async () => {
  const sent = async (headers: Record<string, string>): Promise<string> =>
    refusal(await send('/v1/requests', { body: good, headers }));
  assert.equal(await sent({ 'content-encoding': 'gzip' }), 'ERR_BODY');
  assert.equal(await sent({ 'content-type': 'text/plain' }), 'ERR_BODY');
  assert.equal(await sent({ 'idempotency-key': 'a b' }), 'ERR_BODY');
  assert.equal(await sent({ host: 'evil.test' }), 'ERR_USAGE');
});

const paths = [
  ['GET', '/v1/grants/..%2frequests', 404],
  ['GET', '/v1/grants/gr_%00', 404],
  ['GET', '/v1//requests', 404],
  ['GET', '/v1/requests/', 404],
  ['GET', '/V1/requests', 404],
  ['GET', '/v1/requests;x=1', 404],
  ['GET', '/v1/nothing', 404],
  ['DELETE', '/v1/requests', 405],
  ['PUT', '/v1/grants/gr_00000000000000000000000000', 405],
  ['GET', '/v1/requests?limit=0', 400],
  ['GET', '/v1/requests?limit=1e3', 400],
  ['GET', '/v1/requests?limit=1&limit=2', 400],
  ['GET', '/v1/requests?user=alice', 400],
  ['GET', '/v1/grants/gr_00000000000000000000000000?wait=-1s', 400],
  ['POST', '/v1/requests?plan=maybe', 400],
] as const;

for (const [method, path, status] of paths) {
  void test(`${method} ${path} is answered with ${status} as a problem`, async () => {
    const sent = method === 'POST' ? { method, body: good } : { method };
    const response = await send(path, sent);
    assert.equal(response.status, status);
    await refusal(response);
  });
}

void test('a method override header changes nothing', async () => {
  const response = await send('/v1/requests', { headers: { 'x-http-method-override': 'POST' } });
  assert.equal(response.status, 200);
});

const seen = `"hash":"${'0'.repeat(64)}","policy":"p"`;
const BODIES: Readonly<Record<string, string>> = {
  review: `{"hash":"${'0'.repeat(64)}","verdict":"justified","comment":"x"}`,
  renew: '{"seconds":60}',
  revoke: '{"reason":"revoked"}',
  revocations: '{"scope":"mine"}',
  use: '{"uses":[{"channel":"file","count":1,"first":"2026-01-01T00:00:00Z","last":"2026-01-01T00:00:00Z"}]}',
  approve: `{${seen},"attended":true}`,
  confirm: `{${seen}}`,
  deny: `{${seen},"reason":"no"}`,
};

void test('where nobody is known to call, everything under /v1 but its description is 401', async () => {
  caller = null;
  try {
    for (const each of apiRoutes(t.broker, async () => ({ operations: [], targets: [] }))) {
      const path = each.path.replace('{id}', `gr_${'0'.repeat(26)}`);
      const body = BODIES[path.split('/').at(-1) ?? ''] ?? good;
      const response = await send(path, each.method === 'POST' ? { method: 'POST', body } : {});
      assert.equal(await refusal(response), 'ERR_NOT_SIGNED_IN', each.path);
    }
    assert.equal((await send('/.well-known/jwks.json')).status, 200);
    assert.equal((await send('/healthz')).status, 200);
  } finally {
    caller = ALICE;
  }
});

void test('an unexpected failure shows and logs no detail', async () => {
  const secret = 'canary-in-an-error';
  const broken = makeApp({
    routes: apiRoutes({ ...t.broker, requests: async () => Promise.reject(new Error(secret)) }, async () => ({
      operations: [],
      targets: [],
    })),
    version: '1',
    identify: async () => ({ kind: 'os user', principal: ALICE }),
    nonce: null,
    hosts: null,
    health: () => ({ status: 'ok', version: '1', sandbox: false }),
    ready: async () => true,
    metrics: async () => '',
    discovery: () => ({}),
    jwks: () => ({}),
    log: { info: () => undefined, warn: () => undefined, error: (m, f) => void logged.push(JSON.stringify({ m, f })) },
    observe: () => undefined,
    touch: () => undefined,
  });
  const response = await broken.request('/v1/requests');
  assert.equal(response.status, 500);
  assert.equal((await response.text()).includes(secret), false);
  assert.equal(
    logged.some((line) => line.includes(secret)),
    false,
  );
  assert.ok(logged.some((line) => line.includes('unexpected failure')));
});
