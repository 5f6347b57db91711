/**
 * Bodies and replies as they are on a real socket: lengths that are announced, and lengths that are not.
 * @module
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { text } from 'node:stream/consumers';
import * as z from 'zod';
import { makeApp } from '../../../src/broker/http/app.ts';
import { BODY_BYTES } from '../../../src/broker/http/body.ts';
import { type Listener, listen } from '../../../src/broker/http/listen.ts';
import { openRoute } from '../../../src/broker/http/routes.ts';

let listener: Listener;
const log = { info: () => undefined, warn: () => undefined, error: () => undefined };

before(async () => {
  const echo = openRoute({
    method: 'POST',
    path: '/v1/echo',
    summary: 'what was sent, and its hash',
    access: () => 'open',
    body: z.strictObject({ word: z.string() }),
    reply: z.object({ word: z.string(), hash: z.string() }),
    status: 201,
    run: async ({ body, bodyHash }) => ({ word: body.word, hash: bodyHash }),
  });
  const app = makeApp({
    routes: [echo],
    version: '1.2.3',
    identify: async () => ({ kind: 'nobody' }),
    nonce: () => 'a-nonce',
    hosts: null,
    health: () => ({ status: 'ok', version: '1.2.3', sandbox: false }),
    ready: async () => true,
    metrics: async () => '',
    discovery: () => ({}),
    jwks: () => ({}),
    pages: () => new Response('a page', { headers: { 'cache-control': 'max-age=60' } }),
    log,
    observe: () => undefined,
    touch: () => undefined,
  });
  listener = await listen(app, { kind: 'tcp', host: '127.0.0.1', port: 0, tls: null }, { now: Date.now, log });
});
after(async () => listener.close(0));

/** Sends exactly these bytes. @returns everything that came back until the other side closed. */
async function raw(...parts: readonly string[]): Promise<string> {
  const socket = connect(listener.port, '127.0.0.1');
  for (const part of parts) socket.write(part);
  return text(socket);
}

const HEAD = 'POST /v1/echo HTTP/1.1\r\nhost: broker.test\r\nconnection: close\r\ncontent-type: application/json\r\n';
const BODY = '{"word":"café"}';
const LENGTH = `content-length: ${Buffer.byteLength(BODY)}\r\n`;
const CHUNKED = 'transfer-encoding: chunked\r\n';
const chunk = (part: string): string => `${Buffer.byteLength(part).toString(16)}\r\n${part}\r\n`;
const status = (answer: string): number => Number(answer.split(' ', 2)[1]);

test('a body is the same whether its length is announced or not, in one piece or several', async () => {
  const hash = createHash('sha256').update(BODY).digest('hex');
  for (const sent of [
    [`${HEAD}${LENGTH}\r\n${BODY}`],
    [`${HEAD}${LENGTH}\r\n`, BODY.slice(0, 4), BODY.slice(4)],
    [`${HEAD}${CHUNKED}\r\n${chunk(BODY)}${chunk('')}`],
    [`${HEAD}${CHUNKED}\r\n`, chunk(BODY.slice(0, 4)), chunk(BODY.slice(4)), chunk('')],
  ]) {
    const answer = await raw(...sent);
    assert.equal(status(answer), 201, answer);
    assert.deepEqual(JSON.parse(answer.split('\r\n\r\n')[1] ?? ''), { word: 'café', hash });
  }
});

test('a body that is too large is refused, announced or not', async () => {
  const long = `{"word":"${'x'.repeat(BODY_BYTES)}"}`;
  assert.equal(status(await raw(`${HEAD}content-length: ${long.length}\r\n\r\n`)), 413);
  assert.equal(status(await raw(`${HEAD}${CHUNKED}\r\n`, chunk(long), chunk(''))), 413);
});

test('what follows an announced length is no part of the body', async () => {
  const first = `${HEAD}${LENGTH}\r\n${BODY}`.replace('connection: close\r\n', '');
  const answer = await raw(`${first}${HEAD}content-length: 15\r\n\r\n{"word":"next"}`);
  assert.deepEqual(answer.match(/"word":"[^"]*"/g), ['"word":"café"', '"word":"next"'], answer);
  const hash = createHash('sha256').update(BODY).digest('hex');
  assert.ok(answer.includes(hash), answer);
});

test('an announced length beside chunks, a second one, or one that is no number is refused', async () => {
  for (const lengths of [`${LENGTH}${CHUNKED}`, `${LENGTH}content-length: 3\r\n`, 'content-length: 1e3\r\n']) {
    assert.equal(status(await raw(`${HEAD}${lengths}\r\n${chunk(BODY)}${chunk('')}`)), 400, lengths);
  }
});

test('each reply says how long it is and carries its headers once; a page keeps its own word on caching', async () => {
  const get = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: broker.test\r\nconnection: close\r\n\r\n`;
  for (const [sent, cached] of [
    [`${HEAD}${LENGTH}\r\n${BODY}`, 'no-store'],
    [`${HEAD}content-length: 1\r\n\r\n{`, 'no-store'],
    [get('/healthz'), 'no-store'],
    [get('/nowhere'), 'no-store'],
    [get('/web/'), 'max-age=60'],
  ] as const) {
    const answer = await raw(sent);
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    const values = (name: string): string[] =>
      head
        .split('\r\n')
        .flatMap((line) => (line.toLowerCase().startsWith(`${name}: `) ? [line.slice(name.length + 2)] : []));
    assert.deepEqual(values('content-length'), [String(Buffer.byteLength(body))], answer);
    assert.deepEqual(values('cache-control'), [cached]);
    assert.deepEqual(values('x-content-type-options'), ['nosniff']);
    assert.deepEqual(values('dpop-nonce'), ['a-nonce']);
  }
});
