/**
 * The place to which the browser comes back, against everybody else who can reach it, over real sockets.
 * @module
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { inspect } from 'node:util';
import { type Arrival, type Loopback, listenForCallback } from '../../../src/identity/sign-in/loopback.ts';
import { assertClosed, send } from './ground.ts';

const STATE = 'the-state-of-this-sign-in';
const LONG = 600_000;

async function listen(
  t: TestContext,
  { timeoutMs = LONG, signal = new AbortController().signal }: { timeoutMs?: number; signal?: AbortSignal } = {},
): Promise<Loopback> {
  const loopback = await listenForCallback({ state: STATE, timeoutMs, signal });
  t.after(() => loopback.close());
  return loopback;
}

/** The sign-in still waits, and the right callback still ends it. */
async function assertUnharmed({ redirectUri, arrival }: Loopback): Promise<void> {
  const answer = send(`${redirectUri}?code=right&state=${STATE}`);
  const got = await arrived(arrival);
  assert.equal(got.url.expose().searchParams.get('code'), 'right');
  await got.answer('done');
  assert.equal((await answer).status, 200);
}

async function arrived(arrival: Promise<Arrival>): Promise<Extract<Arrival, { kind: 'arrived' }>> {
  const got = await arrival;
  assert.equal(got.kind, 'arrived');
  return got;
}

test('it listens on 127.0.0.1, on a port that differs from sign-in to sign-in', async (t) => {
  const [one, two] = [await listen(t), await listen(t)];
  assert.match(one.redirectUri, /^http:\/\/127\.0\.0\.1:\d+\/callback$/);
  assert.notEqual(one.redirectUri, two.redirectUri);
  await assertClosed(one.redirectUri.replace('127.0.0.1', '[::1]'));
});

interface Abuse {
  readonly name: string;
  readonly query?: string;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly status: number;
}

const ABUSE: readonly Abuse[] = [
  { name: 'a wrong state', query: 'code=evil&state=guess', status: 400 },
  { name: 'no state', query: 'code=evil', status: 400 },
  { name: 'the right state beside another', query: `code=evil&state=${STATE}&state=x`, status: 400 },
  { name: 'an error without the state, as any page can cause it', query: 'error=access_denied', status: 400 },
  { name: 'an error with a wrong state', query: 'error=access_denied&state=guess', status: 400 },
  { name: 'no query at all', status: 400 },
  { name: 'a name that was rebound to this address', headers: { host: 'evil.example:%PORT%' }, status: 421 },
  { name: 'localhost, which is another origin', headers: { host: 'localhost:%PORT%' }, status: 421 },
  { name: 'a Host with another port', headers: { host: '127.0.0.1:1' }, status: 421 },
  { name: 'a Host without the port', headers: { host: '127.0.0.1' }, status: 421 },
  { name: 'POST', method: 'POST', status: 405 },
  { name: 'HEAD', method: 'HEAD', status: 405 },
  { name: 'OPTIONS, as before a request from a page', method: 'OPTIONS', status: 405 },
  { name: 'another path', path: '/', status: 404 },
  { name: 'a path below', path: '/callback/x', status: 404 },
  { name: 'a path of another spelling', path: '/%63allback', status: 404 },
  { name: 'a request by a script of another page', headers: { origin: 'https://evil.example' }, status: 403 },
  { name: 'a request by a page without an origin', headers: { origin: 'null' }, status: 403 },
  { name: 'a frame in another page', headers: { 'sec-fetch-dest': 'iframe' }, status: 403 },
  { name: 'a picture in another page', headers: { 'sec-fetch-dest': 'image' }, status: 403 },
  { name: 'an address of 40 kB', query: `state=${STATE}&code=${'x'.repeat(40_000)}`, status: 431 },
];

for (const { name, query, path = '/callback', method = 'GET', headers = {}, status } of ABUSE) {
  test(`refused, and the sign-in goes on: ${name}`, async (t) => {
    const loopback = await listen(t);
    const { port, origin } = new URL(loopback.redirectUri);
    // Where something else is wrong, the state is right: it must not help.
    const search = query ?? (status === 400 ? '' : `code=evil&state=${STATE}`);
    const answer = await send(`${origin}${path}${search === '' ? '' : '?'}${search}`, {
      method,
      headers: Object.fromEntries(Object.entries(headers).map(([key, value]) => [key, value.replace('%PORT%', port)])),
    });
    assert.equal(answer.status, status);
    assert.doesNotMatch(answer.body, /evil|guess/);
    await assertUnharmed(loopback);
  });
}

test('what is not HTTP is refused, and the sign-in goes on', async (t) => {
  const loopback = await listen(t);
  const socket = createConnection(Number(new URL(loopback.redirectUri).port), '127.0.0.1');
  socket.write('\u0016\u0003\u0001 hello\r\n\r\n');
  assert.match(await text(socket), /^HTTP\/1\.1 400 /);
  await assertUnharmed(loopback);
});

test('one callback is taken: a second is refused, whether it comes before or after the answer to the first', async (t) => {
  const loopback = await listen(t);
  const callback = (code: string): string => `${loopback.redirectUri}?state=${STATE}&code=${code}`;
  const first = send(callback('one'));
  const got = await arrived(loopback.arrival);
  assert.equal((await send(callback('two'))).status, 409);
  await got.answer('done');
  assert.match((await first).body, /Signed in/);
  assert.equal((await send(callback('three'))).status, 409);
  assert.equal(got.url.expose().searchParams.get('code'), 'one');
  await loopback.close();
  await assertClosed(callback('four'));
});

test('the page is a dead end: no script, nothing kept, nothing passed on, nothing of the request in it', async (t) => {
  const loopback = await listen(t);
  const answer = send(`${loopback.redirectUri}?state=${STATE}&code=<script>&error_description=<b>`);
  await (await arrived(loopback.arrival)).answer('failed');
  const { headers, body } = await answer;
  assert.match(String(headers['content-security-policy']), /default-src 'none'.*frame-ancestors 'none'/);
  assert.equal(headers['cache-control'], 'no-store');
  assert.equal(headers['referrer-policy'], 'no-referrer');
  assert.equal(headers['x-content-type-options'], 'nosniff');
  assert.doesNotMatch(body, /<script|<b>/);
  assert.ok(!body.includes(STATE));
});

test('the address with the code is not shown by accident', async (t) => {
  const loopback = await listen(t);
  const answer = send(`${loopback.redirectUri}?state=${STATE}&code=secret-code`);
  const got = await arrived(loopback.arrival);
  assert.doesNotMatch(inspect(got, { depth: Infinity, showHidden: true }), /secret-code/);
  await got.answer('done');
  await answer;
});

test('after the twentieth wrong state it gives up', async (t) => {
  const loopback = await listen(t);
  for (let tries = 0; tries < 20; tries++) await send(`${loopback.redirectUri}?state=${tries}`);
  assert.equal((await loopback.arrival).kind, 'disturbed');
});

test('what no navigation can be does not count: a page that asks a hundred times ends nothing', async (t) => {
  const loopback = await listen(t);
  for (let tries = 0; tries < 100; tries++) {
    await send(`${loopback.redirectUri}?state=x`, { headers: { 'sec-fetch-dest': 'image' } });
  }
  await assertUnharmed(loopback);
});

test('nobody comes: it ends in time, and the port is closed', async (t) => {
  const loopback = await listen(t, { timeoutMs: 10 });
  assert.equal((await loopback.arrival).kind, 'timed out');
  await loopback.close();
  await assertClosed(loopback.redirectUri);
});

test('an abort ends it, also one that came before', async (t) => {
  const controller = new AbortController();
  const loopback = await listen(t, { signal: controller.signal });
  controller.abort();
  assert.equal((await loopback.arrival).kind, 'aborted');
  assert.equal((await (await listen(t, { signal: controller.signal })).arrival).kind, 'aborted');
});

test('closing does not wait for connections that are held open', async (t) => {
  const loopback = await listen(t);
  const socket = createConnection(Number(new URL(loopback.redirectUri).port), '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write('GET /callback?');
  await loopback.close();
  await assertClosed(loopback.redirectUri);
});
