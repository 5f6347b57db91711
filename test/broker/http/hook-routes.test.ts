/**
 * Calls by other services reach their hook byte for byte: a real application behind a real socket.
 * @module
 */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { serve } from '@hono/node-server';
import { makeApp } from '../../../src/broker/http/app.ts';
import { RAW_BYTES } from '../../../src/broker/http/body.ts';
import { hookRoutes } from '../../../src/broker/http/hook-routes.ts';
import { JitError } from '../../../src/core/errors.ts';
import type { Hook, HookCall } from '../../../src/core/hook.ts';

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

async function withApp(
  hooks: ReadonlyMap<string, Hook>,
  body: (
    post: (
      path: string,
      bytes: Uint8Array,
      headers?: Record<string, string>,
    ) => Promise<{ status: number; text: string }>,
  ) => Promise<void>,
): Promise<void> {
  const app = makeApp({
    routes: hookRoutes(hooks),
    version: '0',
    identify: async () => ({ kind: 'nobody' }),
    nonce: null,
    hosts: null,
    health: () => ({ status: 'ok', version: '0', sandbox: false }),
    ready: async () => true,
    metrics: async () => '',
    discovery: () => ({}),
    jwks: () => ({}),
    log: quiet,
    observe: () => undefined,
    touch: () => undefined,
  });
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' });
  await new Promise<void>((resolve) => (server.listening ? resolve() : server.once('listening', resolve)));
  // Safe: a listening TCP server has an address of this form.
  const { port } = server.address() as AddressInfo;
  try {
    await body(
      async (path, bytes, headers = {}) =>
        new Promise((resolve, reject) => {
          const call = request({ port, host: '127.0.0.1', path, method: 'POST', headers }, (response) => {
            let text = '';
            response.setEncoding('utf8').on('data', (part: string) => (text += part));
            response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
          });
          call.on('error', reject);
          call.end(bytes);
        }),
    );
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

test('a hook gets the bytes and headers as they were sent, of any type, and answers 200 with nothing', async () => {
  const seen: HookCall[] = [];
  const hooks = new Map<string, Hook>([['slack', async (call) => void seen.push(call)]]);
  await withApp(hooks, async (post) => {
    const bytes = Uint8Array.from({ length: 256 }, (_, at) => at);
    const answer = await post('/v1/hooks/slack', bytes, { 'X-Signature': 'v0=1', 'content-type': 'text/weird' });
    assert.deepEqual(answer, { status: 200, text: '' });
    assert.deepEqual(new Uint8Array(seen[0]?.body ?? []), bytes);
    assert.equal(seen[0]?.header('x-signature'), 'v0=1');
    assert.equal(seen[0]?.header('x-other'), null);
  });
});

test('a name that is not configured is not found, and what a hook refuses is told with its status', async () => {
  const hooks = new Map<string, Hook>([
    ['slack', async () => Promise.reject(new JitError({ code: 'ERR_NOT_SIGNED_IN', message: 'not signed' }))],
  ]);
  await withApp(hooks, async (post) => {
    assert.equal((await post('/v1/hooks/other', Buffer.from('x'))).status, 404);
    assert.equal((await post('/v1/hooks/__proto__', Buffer.from('x'))).status, 404);
    assert.equal((await post('/v1/hooks/slack', Buffer.from('x'))).status, 401);
  });
});

test('a body that is compressed or too large never reaches a hook', async () => {
  let calls = 0;
  const hooks = new Map<string, Hook>([['slack', async () => void (calls += 1)]]);
  await withApp(hooks, async (post) => {
    assert.equal((await post('/v1/hooks/slack', Buffer.from('x'), { 'content-encoding': 'gzip' })).status, 400);
    assert.equal((await post('/v1/hooks/slack', Buffer.alloc(RAW_BYTES + 1))).status, 413);
    assert.equal((await post('/v1/hooks/slack', Buffer.alloc(RAW_BYTES))).status, 200);
    assert.equal(calls, 1);
  });
});
