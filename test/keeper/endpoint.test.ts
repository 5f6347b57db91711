/**
 * The loopback endpoint of a running keeper, asked as SDKs ask it and as an attacker on the same machine would.
 * @module
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { peekKeeper } from '../../src/keeper/connect.ts';
import { CANARY } from '../fakes/broker.ts';
import { eventually } from '../support/eventually.ts';
import { run } from '../support/run.ts';
import { skipUnless } from '../support/tools.ts';
import { world } from './world.ts';

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: NodeJS.Dict<string | string[]>;
}

function ask(url: string, headers: Record<string, string>, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request(url, { method, headers, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (part: string) => (body += part));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body, headers: response.headers }));
    })
      .on('error', reject)
      .end();
  });
}

test('an SDK with the token gets the credential in the container form; the token file is 0600 and without a newline', async (t) => {
  const w = await world(t);
  const { endpoint } = await w.adopt({ seconds: 300 }, 'endpoint');
  assert.ok(endpoint);
  const token = readFileSync(endpoint.tokenFile, 'utf8');
  assert.match(token, /^[\w-]{43}$/);
  assert.equal(statSync(endpoint.tokenFile).mode & 0o777, 0o600);
  const { status, body, headers } = await ask(endpoint.url, { authorization: token });
  assert.equal(status, 200);
  const answer = JSON.parse(body) as Record<string, unknown>;
  assert.deepEqual(Object.keys(answer), ['AccessKeyId', 'SecretAccessKey', 'Token', 'Expiration', 'AccountId']);
  assert.equal(answer['SecretAccessKey'], CANARY);
  assert.equal(headers['cache-control'], 'no-store');
  assert.equal(headers['access-control-allow-origin'], undefined);
});

test('everybody else is turned away, and is not told whether the grant exists', async (t) => {
  const w = await world(t);
  const mine = (await w.adopt({ seconds: 300 }, 'endpoint')).endpoint;
  const other = (await w.adopt({ seconds: 300 }, 'endpoint')).endpoint;
  assert.ok(mine && other);
  const authorization = readFileSync(mine.tokenFile, 'utf8');
  const otherToken = readFileSync(other.tokenFile, 'utf8');
  const { port, origin } = new URL(mine.url);
  const attempts: readonly [what: string, Promise<Answer>, number][] = [
    ['no token', ask(mine.url, {}), 403],
    ['an empty token', ask(mine.url, { authorization: '' }), 403],
    ['a wrong token', ask(mine.url, { authorization: `${authorization}x` }), 403],
    ['the token with a scheme', ask(mine.url, { authorization: `Bearer ${authorization}` }), 403],
    ["another grant's token", ask(mine.url, { authorization: otherToken }), 403],
    ['an unknown grant', ask(`${origin}/v1/credentials/gr_${'0'.repeat(26)}`, { authorization }), 403],
    ['no grant', ask(`${origin}/v1/credentials/`, { authorization }), 403],
    ['a longer path', ask(`${mine.url}/sandbox/x`, { authorization }), 403],
    ["another grant's token for a target", ask(`${mine.url}/sandbox`, { authorization: otherToken }), 403],
    ['a target that the grant has not', ask(`${mine.url}/x`, { authorization }), 400],
    ['a query', ask(`${mine.url}?x`, { authorization }), 403],
    ['a path with __proto__', ask(`${origin}/v1/credentials/__proto__`, { authorization }), 403],
    ['another host', ask(mine.url, { authorization, host: `evil.example:${port}` }), 403],
    ['a host without its port', ask(mine.url, { authorization, host: '127.0.0.1' }), 403],
    ['a page in a browser', ask(mine.url, { authorization, origin: 'https://evil.example' }), 403],
    ['POST', ask(mine.url, { authorization }, 'POST'), 405],
    ['OPTIONS', ask(mine.url, { authorization }, 'OPTIONS'), 405],
    ['PUT', ask(mine.url, { authorization }, 'PUT'), 405],
  ];
  const bodies = new Set<string>();
  for (const [what, attempt, expected] of attempts) {
    const { status, body, headers } = await attempt;
    assert.equal(status, expected, what);
    assert.doesNotMatch(body, /CANARY|ASIA/, what);
    assert.equal(headers['access-control-allow-origin'], undefined, what);
    if (expected === 403) bodies.add(body);
  }
  assert.equal(bodies.size, 1);
  // One for each of the two grants, when they were adopted.
  assert.equal(w.broker.calls.filter((call) => call.endsWith('/credentials')).length, 2);
});

test('a request without Host, in HTTP/1.0, or with a whole URL is not served', async (t) => {
  const w = await world(t);
  const { endpoint } = await w.adopt({ seconds: 300 }, 'endpoint');
  assert.ok(endpoint);
  const { port, pathname } = new URL(endpoint.url);
  const token = readFileSync(endpoint.tokenFile, 'utf8');
  for (const head of [
    `GET ${pathname} HTTP/1.1\r\nAuthorization: ${token}`,
    `GET ${pathname} HTTP/1.0\r\nAuthorization: ${token}`,
    `GET http://evil.example${pathname} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: ${token}`,
    `GET ${pathname} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: ${token}\r\nX: ${'x'.repeat(20_000)}`,
  ]) {
    const answer = await new Promise<string>((resolve) => {
      let text = '';
      const socket = connect(Number(port), '127.0.0.1', () => socket.write(`${head}\r\nConnection: close\r\n\r\n`));
      socket.setEncoding('utf8').on('data', (part: string) => (text += part));
      socket.on('error', () => undefined).on('close', () => resolve(text));
    });
    assert.match(answer, /^HTTP\/1\.1 4\d\d /);
    assert.doesNotMatch(answer, /CANARY/);
  }
});

test('with the end of the grant its token file goes and its path is shut', async (t) => {
  const w = await world(t);
  const { grant, endpoint } = await w.adopt({ seconds: 300 }, 'endpoint');
  assert.ok(endpoint);
  const authorization = readFileSync(endpoint.tokenFile, 'utf8');
  await (await w.keeper()).release(grant);
  assert.equal(existsSync(endpoint.tokenFile), false);
  assert.equal((await ask(endpoint.url, { authorization })).status, 403);
});

test('token files of a killed keeper are removed by the next', async (t) => {
  const w = await world(t);
  const { endpoint } = await w.adopt({ seconds: 300 }, 'endpoint');
  process.kill(await w.pid(), 'SIGKILL');
  await eventually(async () => (await peekKeeper(w.paths)) === null);
  assert.ok(existsSync(endpoint?.tokenFile ?? ''));
  await w.keeper();
  assert.deepEqual(
    readdirSync(w.paths.run).filter((name) => name.startsWith('token-')),
    [],
  );
});

test('the real aws program uses it', { skip: skipUnless('aws') }, async (t) => {
  const w = await world(t);
  const { endpoint } = await w.adopt({ seconds: 300 }, 'endpoint');
  assert.ok(endpoint);
  const ended = await run('aws', ['configure', 'list'], {
    env: {
      ...w.home.env,
      AWS_CONTAINER_CREDENTIALS_FULL_URI: endpoint.url,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: endpoint.tokenFile,
    },
  });
  assert.match(ended.stdout, /secret_key +\*+cdef +container-role/, ended.stderr);
});
