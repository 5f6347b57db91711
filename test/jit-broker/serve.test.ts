/**
 * The program `jit-broker` itself: a shared broker over TCP, and the embedded one's end.
 * @module
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { openClient } from '../../src/client/client.ts';
import { localPaths } from '../../src/local/paths.ts';
import { eventually } from '../support/eventually.ts';
import { type Home, tempHome } from '../support/home.ts';
import { freePort } from '../support/port.ts';
import { run } from '../support/run.ts';

const LAUNCHER = join(import.meta.dirname, '..', '..', 'bin', 'jit-broker');
const POLICY = '@id("all") @tier("auto")\npermit (principal, action == Jit::Action::"Request", resource);\n';

function start(t: TestContext, home: Home, args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [LAUNCHER, 'serve', ...args], { env: home.env, stdio: 'ignore' });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

async function get(port: number, path: string, host = `127.0.0.1:${port}`): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request({ port, path, headers: { host } }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (part: string) => (body += part));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    })
      .on('error', reject)
      .end();
  });
}

function configure(home: Home, port: number, extra = ''): readonly string[] {
  const file = join(home.path, 'broker.yaml');
  mkdirSync(join(home.path, 'policies'));
  writeFileSync(join(home.path, 'policies', 'all.cedar'), POLICY, { mode: 0o600 });
  const lines = [
    'issuer: https://broker.example',
    `listen: { host: 127.0.0.1, port: ${port} }`,
    'policies: ./policies',
    'targets:',
    '  web:',
    '    provider: aws',
    '    environment: test',
    '    role: arn:aws:iam::111122223333:role/jit-web',
    '    revoker: arn:aws:iam::111122223333:role/jit-revoker',
    '    region: eu-west-1',
    '    credentials: web-identity',
    extra,
  ];
  writeFileSync(file, lines.join('\n'), { mode: 0o600 });
  return ['--config', file, '--state', join(home.path, 'state')];
}

test('a shared broker over TCP is an OpenID issuer for clouds, and knows nobody yet', async (t) => {
  const home = tempHome(t);
  const port = await freePort();
  const child = start(t, home, configure(home, port));
  await eventually(async () => (await get(port, '/healthz')).status === 200);
  const discovery = JSON.parse((await get(port, '/.well-known/openid-configuration')).body);
  assert.equal(discovery.issuer, 'https://broker.example');
  assert.equal(discovery.jwks_uri, 'https://broker.example/.well-known/jwks.json');
  const { keys } = JSON.parse((await get(port, '/.well-known/jwks.json', 'broker.example')).body);
  assert.deepEqual(Object.keys(keys[0]).toSorted(), ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
  for (const path of ['/v1/grants', '/v1/requests', '/v1/catalog']) {
    const { status, body } = await get(port, path);
    assert.equal(status, 401);
    assert.equal(JSON.parse(body).code, 'ERR_NOT_SIGNED_IN');
  }
  assert.equal((await get(port, '/v1/grants', 'evil.example')).status, 400);
  assert.equal((await get(port, '/healthz', 'evil.example')).status, 400);
  assert.match((await get(port, '/metrics')).body, /jit_http_requests_total/);
  assert.equal(statSync(join(home.path, 'state', 'issuer.json')).mode & 0o077, 0);
  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});

test('a second broker on the state folder of one that runs says so and ends; a successor starts once that one is gone (real processes)', async (t) => {
  const home = tempHome(t);
  const [port, other] = [await freePort(), await freePort()];
  const args = configure(home, port);
  const first = start(t, home, args);
  await eventually(async () => (await get(port, '/healthz')).status === 200);
  // Of another address, so that it is the state and not the port that is in its way.
  const file = join(home.path, 'other.yaml');
  const [, own = ''] = args;
  writeFileSync(file, readFileSync(own, 'utf8').replace(`port: ${port}`, `port: ${other}`), { mode: 0o600 });
  const state = ['--state', join(home.path, 'state')];
  const second = await run(process.execPath, [LAUNCHER, 'serve', '--config', file, ...state], { env: home.env });
  assert.match(second.stderr, /another broker already uses this state folder/);
  assert.doesNotMatch(second.stderr, /"msg":"ready"/);
  assert.equal((await get(port, '/healthz')).status, 200);
  first.kill('SIGKILL');
  await once(first, 'exit');
  start(t, home, ['--config', file, ...state]);
  await eventually(async () => (await get(other, '/healthz')).status === 200);
});

test('a configuration that is not understood is refused by name, and nothing listens', async (t) => {
  const home = tempHome(t);
  const args = configure(home, await freePort(), '    rolle: x');
  const ended = await run(process.execPath, [LAUNCHER, 'serve', ...args], { env: home.env });
  assert.equal(ended.status, 2);
  assert.match(ended.stderr, /rolle/);
  const file = join(home.path, 'broker.yaml');
  const text = readFileSync(file, 'utf8').replace('    rolle: x', '').replace('provider: aws', 'provider: asw');
  writeFileSync(file, text);
  const other = await run(process.execPath, [LAUNCHER, 'serve', ...args], { env: home.env });
  assert.equal(other.status, 2);
  assert.match(other.stderr, /target web: there is no provider "asw"/);
  assert.match(other.stderr, /known providers: aws, aws-identity-center, azure, gcp, kubernetes, postgres/);
});

test('policies with a mistake in them stop the start: the mistake is named, and nothing listens', async (t) => {
  const home = tempHome(t);
  const port = await freePort();
  const args = configure(home, port);
  for (const [text, says] of [
    ['@id("x") @tier("auto") permit (principal, action', /all\.cedar:1/],
    [
      '@id("x") @tier("manual") @aprovers("2") permit (principal, action == Jit::Action::"Request", resource);',
      /@approvers\?/,
    ],
    [
      '@id("x") @tier("auto") permit (principal, action == Jit::Action::"Request", resource) when { context.secnds < 9 };',
      /secnds/,
    ],
  ] as const) {
    writeFileSync(join(home.path, 'policies', 'all.cedar'), text, { mode: 0o600 });
    const ended = await run(process.execPath, [LAUNCHER, 'serve', ...args], { env: home.env });
    assert.equal(ended.status, 2, ended.stderr);
    assert.match(ended.stderr, says);
    await assert.rejects(get(port, '/healthz'), { code: 'ECONNREFUSED' });
  }
});

test('jit-broker without enough to go on says what is missing', async (t) => {
  const { env } = tempHome(t);
  const ended = await run(process.execPath, [LAUNCHER, 'serve'], { env });
  assert.equal(ended.status, 2);
  assert.match(ended.stderr, /--embedded, or --config FILE --state FOLDER/);
});

test('the embedded broker ends by itself when nobody needs it, and not while a grant is live', async (t) => {
  const home = tempHome(t);
  const { brokerSocket: socket } = localPaths(home.env, process.platform, process.geteuid?.() ?? 0);
  const child = start(t, home, ['--embedded', '--idle', '1s']);
  const client = openClient({ kind: 'embedded', socket }, { userAgent: 'test' });
  t.after(() => client.close());
  await eventually(async () => existsSync(socket) && (await client.health()).status === 'ok');
  const resources = ['arn:aws:s3:::sandbox-reports/*'];
  const detail = { type: 'jit_access' as const, operation: 's3:GetObject', resources };
  const { grant } = await client.request({ authorization_details: [detail], seconds: 6, reason: 'idle' }, 'k');
  assert.ok(grant?.expiresAt);
  await client.credentials(grant.id);
  await once(child, 'exit');
  assert.equal(child.exitCode, 0);
  assert.ok(Date.now() >= Date.parse(grant.expiresAt), 'it ended under a live grant');
});
