/**
 * The address at which Google's libraries refresh their token, of a running keeper: asked by the real library in a process of its own,
 * and as an attacker on the same machine would.
 * @module
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { secretFile } from '../../src/local/secret-files.ts';
import { gcloudProfiles } from '../../src/profiles/gcp/tool.ts';
import { CANARY, type GrantOptions, TOKEN } from '../fakes/broker.ts';
import { eventually } from '../support/eventually.ts';
import { type Adopted, JIT, type World, world } from './world.ts';

const PROJECT: GrantOptions = { seconds: 300, targets: ['reports'], projects: ['reports'] };

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: NodeJS.Dict<string | string[]>;
}

interface Post {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

function ask(url: string, { method = 'POST', headers = {}, body = '' }: Post): Promise<Answer> {
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  return new Promise((resolve, reject) => {
    request(url, { method, headers: { ...form, ...headers }, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text, headers: response.headers }));
    })
      .on('error', reject)
      .end(body);
  });
}

const refresh = (token: string): string => `grant_type=refresh_token&refresh_token=${token}`;

/** What a command under the grant finds, and the token of the keeper in it. */
async function underGrant(w: World, { grant, outcome, endpoint }: Adopted, target = 'reports') {
  const leg = outcome.grant?.legs.find((one) => one.target === target);
  assert.ok(endpoint !== null && leg !== undefined && leg.tool !== null);
  const several = outcome.grant?.legs.length === 1 ? '' : `/${target}`;
  const { set } = await gcloudProfiles.environment(w.home.env, 'linux', {
    grant,
    target,
    tool: leg.tool,
    external: leg.name,
    endpoint: { ...endpoint, url: `${endpoint.url}${several}` },
    secretFile: secretFile(w.paths.run, grant, target),
    command: { runtime: process.execPath, script: JIT },
    expiresAt: Date.parse(outcome.grant?.expiresAt ?? ''),
  });
  const file = set.get('GOOGLE_APPLICATION_CREDENTIALS') ?? '';
  const { token_url, refresh_token } = JSON.parse(readFileSync(file, 'utf8'));
  return {
    env: { ...w.home.env, ...Object.fromEntries(set) },
    file,
    url: String(token_url),
    token: String(refresh_token),
  };
}

/** A process with Google's library: for each line on stdin the token that it has, or what it says instead. */
const LIBRARY = `
  import { createInterface } from 'node:readline';
  import { GoogleAuth } from 'google-auth-library';
  const auth = new GoogleAuth({ scopes: ['https://www.googleapis.com/auth/cloud-platform'] });
  for await (const _ of createInterface({ input: process.stdin }))
    console.log(await auth.getAccessToken().catch((thrown) => thrown.message));
`;

function library(t: TestContext, env: Readonly<Record<string, string>>): () => Promise<string> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', LIBRARY], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return async () => {
    child.stdin.write('\n');
    const { value, done } = await lines.next();
    assert.ok(done !== true, 'the library’s process has ended');
    return value;
  };
}

test('Google’s library has the token of the grant, another once that has run out, and none after the end', async (t) => {
  const w = await world(t);
  const adopted = await w.adopt({ ...PROJECT, credentialSeconds: 3 }, 'endpoint');
  const { env, file } = await underGrant(w, adopted);
  const token = library(t, env);
  const first = await token();
  const runsOut = Date.now() + 3_000;
  assert.ok(first.startsWith(TOKEN), first);
  await eventually(() => Date.now() > runsOut);
  const second = await token();
  assert.ok(second.startsWith(TOKEN) && second !== first, second);
  await (await w.keeper()).release(adopted.grant);
  assert.match(await token(), /^Error code invalid_grant: the access has ended/);
  assert.equal(existsSync(file), false);
});

test('a token is told to those who have the token of the grant, and is kept by nobody on the way', async (t) => {
  const w = await world(t);
  const { url, token } = await underGrant(w, await w.adopt(PROJECT, 'endpoint'));
  const { status, body, headers } = await ask(url, { body: refresh(token) });
  assert.equal(status, 200, body);
  const { access_token, token_type, expires_in, ...more } = JSON.parse(body);
  assert.ok(String(access_token).startsWith(TOKEN));
  assert.ok(expires_in > 280 && expires_in <= 300, String(expires_in));
  assert.deepEqual([token_type, more], ['Bearer', {}]);
  assert.equal(headers['cache-control'], 'no-store');
  assert.equal(headers['access-control-allow-origin'], undefined);
});

test('everybody else is turned away in the words that a library knows, and is not told whether the grant exists', async (t) => {
  const w = await world(t);
  const mine = await underGrant(w, await w.adopt(PROJECT, 'endpoint'));
  const other = await underGrant(w, await w.adopt(PROJECT, 'endpoint'));
  const { url, token } = mine;
  const body = refresh(token);
  const { port, origin } = new URL(url);
  const attempts: readonly [what: string, to: string, Post, status: number, error?: string][] = [
    ['a wrong token', url, { body: `${body}x` }, 400, 'invalid_grant'],
    ['an empty token', url, { body: refresh('') }, 400, 'invalid_grant'],
    ['another grant’s token', url, { body: refresh(other.token) }, 400, 'invalid_grant'],
    [
      'another grant’s token, for a target',
      url.replace('/token', '/reports/token'),
      { body: refresh(other.token) },
      400,
      'invalid_grant',
    ],
    ['an unknown grant', `${origin}/v1/credentials/gr_${'0'.repeat(26)}/token`, { body }, 400, 'invalid_grant'],
    ['another host', url, { body, headers: { host: `evil.example:${port}` } }, 400, 'invalid_grant'],
    ['a host without its port', url, { body, headers: { host: '127.0.0.1' } }, 400, 'invalid_grant'],
    ['a page in a browser', url, { body, headers: { origin: 'https://evil.example' } }, 400, 'invalid_grant'],
    ['a page in a file', url, { body, headers: { origin: 'null' } }, 400, 'invalid_grant'],
    ['no body', url, {}, 400, 'invalid_request'],
    ['the token of the other form', url, { headers: { authorization: token } }, 400, 'invalid_request'],
    ['the token twice', url, { body: `${body}&refresh_token=${token}` }, 400, 'invalid_request'],
    ['another kind of grant', url, { body: `grant_type=password&refresh_token=${token}` }, 400, 'invalid_request'],
    ['another form of body', url, { body, headers: { 'content-type': 'text/plain' } }, 400, 'invalid_request'],
    ['a large body', url, { body: `${body}&x=${'x'.repeat(5_000)}` }, 413, 'invalid_request'],
    [
      'a large body of unknown length',
      url,
      { body: 'x'.repeat(200_000), headers: { 'transfer-encoding': 'chunked' } },
      413,
      'invalid_request',
    ],
    ['a target that the grant has not', url.replace('/token', '/x/token'), { body }, 400, 'invalid_request'],
    ['GET', url, { method: 'GET' }, 403],
    ['GET with the token', url, { method: 'GET', headers: { authorization: token } }, 400],
    ['GET of the form for AWS', url.replace('/token', ''), { method: 'GET', headers: { authorization: token } }, 400],
    ['PUT', url, { method: 'PUT', body }, 405],
    ['OPTIONS', url, { method: 'OPTIONS' }, 405],
    ['a path without its end', url.replace('/token', ''), { body }, 405],
    ['a longer path', url.replace('/token', '/a/b/token'), { body }, 405],
    ['a query', `${url}?${body}`, { body }, 405],
    ['a path with __proto__', `${origin}/v1/credentials/__proto__/token`, { body }, 405],
  ];
  const bodies = new Set<string>();
  for (const [what, to, post, expected, error] of attempts) {
    const answer = await ask(to, post);
    assert.equal(answer.status, expected, `${what}: ${answer.body}`);
    assert.equal(JSON.parse(answer.body).error, error, what);
    assert.doesNotMatch(answer.body, /CANARY|ya29/, what);
    assert.equal(answer.headers['access-control-allow-origin'], undefined, what);
    if (error === 'invalid_grant') bodies.add(answer.body);
  }
  assert.equal(bodies.size, 1);
  // One for each of the two grants, when they were adopted.
  assert.equal(w.broker.calls.filter((call) => call.endsWith('/credentials')).length, 2);
});

test('somebody who leaves in the middle of a request, or sends it without Host, gets nothing and stops nobody else', async (t) => {
  const w = await world(t);
  const { url, token } = await underGrant(w, await w.adopt(PROJECT, 'endpoint'));
  const { port, pathname } = new URL(url);
  const body = refresh(token);
  const head = `POST ${pathname} HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}`;
  const raw = (text: string, then: 'leave' | 'stay'): Promise<string> =>
    new Promise((resolve) => {
      let answer = '';
      const socket = connect(Number(port), '127.0.0.1', () =>
        socket.write(text, () => void (then === 'leave' && socket.destroy())),
      );
      socket.setEncoding('utf8').on('data', (part: string) => (answer += part));
      socket.on('error', () => undefined).on('close', () => resolve(answer));
    });
  const host = `Host: 127.0.0.1:${port}`;
  assert.equal(await raw(`${head}\r\n${host}\r\n\r\n${body.slice(0, -1)}`, 'leave'), '');
  const hostless = await raw(`${head}\r\nConnection: close\r\n\r\n${body}`, 'stay');
  assert.match(hostless, /^HTTP\/1\.1 400 /);
  assert.doesNotMatch(hostless, /ya29/);
  assert.equal((await ask(url, { body })).status, 200);
});

test('of a grant for both clouds each form is told its own, and neither the other’s', async (t) => {
  const w = await world(t);
  const adopted = await w.adopt({ seconds: 300, targets: ['token', 'sandbox'], projects: ['token'] }, 'endpoint');
  const { url, token } = await underGrant(w, adopted, 'token');
  const base = adopted.endpoint?.url ?? '';
  assert.equal(url, `${base}/token/token`);
  const body = refresh(token);
  const authorization = { method: 'GET', headers: { authorization: token } };
  assert.ok(String(JSON.parse((await ask(url, { body })).body).access_token).startsWith(TOKEN));
  assert.equal(JSON.parse((await ask(`${base}/sandbox`, authorization)).body).SecretAccessKey, CANARY);
  for (const refused of [
    await ask(`${base}/sandbox/token`, { body }),
    await ask(`${base}/token`, { body }),
    await ask(`${base}/token`, authorization),
  ]) {
    assert.equal(refused.status, 400, refused.body);
    assert.doesNotMatch(refused.body, /CANARY|ya29/);
  }
});

test('when the grant ends elsewhere, its refresh token is worth nothing, and a library that has it is told so', async (t) => {
  const w = await world(t);
  const adopted = await w.adopt(PROJECT, 'endpoint');
  const { url, token, file } = await underGrant(w, adopted);
  w.broker.end(adopted.grant, 'revoked');
  await eventually(() => !existsSync(file));
  const { status, body } = await ask(url, { body: refresh(token) });
  assert.deepEqual([status, JSON.parse(body).error], [400, 'invalid_grant']);
});

test('while the broker is away and the token has run out, a library is told to try again', async (t) => {
  const w = await world(t);
  const { url, token } = await underGrant(w, await w.adopt({ ...PROJECT, credentialSeconds: 1 }, 'endpoint'));
  await w.broker.stop();
  const runsOut = Date.now() + 1_000;
  await eventually(() => Date.now() > runsOut);
  const { status, body } = await ask(url, { body: refresh(token) });
  assert.deepEqual([status, JSON.parse(body).error], [503, 'temporarily_unavailable']);
});
