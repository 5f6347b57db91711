/**
 * Calls that prove who makes them, over real sockets: what goes out per attempt, and what happens on a refusal.
 * @module
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { test, type TestContext } from 'node:test';
import type { Authorizer, Refusal, Verdict } from '../../src/client/authorizer.ts';
import { type BrokerClient, openClient } from '../../src/client/client.ts';
import { parseBrokerUrl } from '../../src/client/ref.ts';
import { JitError } from '../../src/core/errors.ts';

interface Scene {
  readonly client: BrokerClient;
  /** `METHOD url proof` of each call that arrived. */
  readonly arrived: string[];
  readonly refusals: Refusal[];
  readonly seen: string[];
}

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

async function scene(t: TestContext, answer: Answer, verdict: () => Verdict = () => 'again'): Promise<Scene> {
  const arrived: string[] = [];
  const refusals: Refusal[] = [];
  const seen: string[] = [];
  const server = createServer((request, response) => {
    arrived.push(`${request.method} ${request.url} ${String(request.headers['dpop'] ?? '-')}`);
    answer(response, request);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  let proofs = 0;
  const authorizer: Authorizer = {
    headers: async (method, url) => ({ authorization: 'DPoP t', dpop: `${method}:${url.pathname}:${++proofs}` }),
    refused: async (refusal) => {
      refusals.push(refusal);
      return verdict();
    },
    seen: (nonce) => void seen.push(nonce),
  };
  const ref = parseBrokerUrl(`http://127.0.0.1:${port}/team`, 'work');
  const client = openClient(ref, { userAgent: 'test', authorizer });
  t.after(() => client.close());
  return { client, arrived, refusals, seen };
}

const JSON_TYPE = { 'content-type': 'application/json' };
const refuse =
  (code: string, nonce?: string): Answer =>
  (response) => {
    const headers = {
      'content-type': 'application/problem+json',
      ...(nonce === undefined ? {} : { 'dpop-nonce': nonce }),
    };
    const body = { type: `urn:jit:error:${code}`, title: 'no', status: 401, code };
    response.writeHead(401, headers).end(JSON.stringify(body));
  };

test('a refused call is made again with a fresh proof, and the authorizer hears the code, the nonce and what was sent', async (t) => {
  let calls = 0;
  const { client, arrived, refusals, seen } = await scene(t, (response, request) => {
    if (++calls === 1) refuse('ERR_PROOF_NONCE', 'n1')(response, request);
    else response.writeHead(200, { ...JSON_TYPE, 'dpop-nonce': 'n2' }).end('{"items":[]}');
  });
  await client.grants({ live: true });
  assert.deepEqual(arrived, [
    'GET /team/v1/grants?live=true GET:/team/v1/grants:1',
    'GET /team/v1/grants?live=true GET:/team/v1/grants:2',
  ]);
  const sent = { authorization: 'DPoP t', dpop: 'GET:/team/v1/grants:1' };
  const [refusal] = refusals;
  assert.ok(Math.abs((refusal?.date ?? 0) - Date.now()) < 60_000);
  assert.deepEqual(refusals, [
    { code: 'ERR_PROOF_NONCE', title: 'no', hint: null, nonce: 'n1', date: refusal?.date, sent },
  ]);
  assert.deepEqual(seen, ['n2']);
});

test('four refusals are mended, the fifth is the answer', async (t) => {
  const { client, arrived, refusals } = await scene(t, refuse('ERR_TOKEN_EXPIRED'));
  await assert.rejects(client.grants(), { code: 'ERR_TOKEN_EXPIRED' });
  assert.deepEqual([arrived.length, refusals.length], [5, 4]);
});

test('a call that must not be sent twice is sent again after a refusal, since nothing was done', async (t) => {
  let calls = 0;
  const { client, arrived } = await scene(t, (response, request) => {
    if (++calls === 1) refuse('ERR_IDENTITY_STALE')(response, request);
    else response.writeHead(204).end();
  });
  await client.use(`gr_${'0'.repeat(26)}`, { uses: [] });
  assert.equal(arrived.length, 2);
});

test('where there is no use, or the authorizer gives up, the call ends at once', async (t) => {
  const idle = await scene(t, refuse('ERR_NOT_SIGNED_IN'), () => 'no use');
  await assert.rejects(idle.client.grants(), { code: 'ERR_NOT_SIGNED_IN', message: 'no' });
  assert.equal(idle.arrived.length, 1);
  const giving = await scene(t, refuse('ERR_IDENTITY_STALE'), () => {
    throw new JitError({ code: 'ERR_IDENTITY_PROVIDER', message: 'it is away' });
  });
  await assert.rejects(giving.client.grants(), { code: 'ERR_IDENTITY_PROVIDER', message: 'it is away' });
  assert.equal(giving.arrived.length, 1);
});

test('other statuses, and a 401 from something else than a broker, are no matter for mending', async (t) => {
  const denied = await scene(t, (response) => void response.writeHead(403, JSON_TYPE).end('{}'));
  await assert.rejects(denied.client.grants(), { code: 'ERR_BROKER_REPLY' });
  assert.deepEqual(denied.refusals, []);
  const proxy = await scene(
    t,
    (response) => void response.writeHead(401, JSON_TYPE).end('{"error":"login"}'),
    () => 'no use',
  );
  await assert.rejects(proxy.client.grants(), { code: 'ERR_BROKER_REPLY' });
  assert.equal(proxy.refusals[0]?.code, null);
});

test('what mends one refusal goes out with the one call that repeats it, and not again once that may have arrived', async (t) => {
  const words: (string | undefined)[] = [];
  let given = 0;
  const { client } = await scene(
    t,
    (response, request) => {
      words.push(request.headersDistinct['jit-confirmation']?.join());
      if (words.length === 2) request.socket.destroy();
      else if (words.length === 4) response.writeHead(200, JSON_TYPE).end('{"items":[]}');
      else refuse('ERR_IDENTITY_STALE')(response, request);
    },
    () => ({ with: { 'jit-confirmation': `w${++given}` } }),
  );
  await client.grants();
  await client.grants().catch(() => undefined);
  assert.deepEqual(words.slice(0, 5), [undefined, 'w1', undefined, 'w2', undefined]);
});

test('an attempt whose connection broke is repeated with another proof', async (t) => {
  let calls = 0;
  const { client, arrived } = await scene(t, (response, request) => {
    if (++calls === 1) request.socket.destroy();
    else response.writeHead(200, JSON_TYPE).end('{"items":[]}');
  });
  await client.grants();
  assert.deepEqual(
    arrived.map((each) => each.split(' ')[2]),
    ['GET:/team/v1/grants:1', 'GET:/team/v1/grants:2'],
  );
});

test('an exchange whose connection broke is not repeated, and health and sign-in say nothing about the caller', async (t) => {
  const { client, arrived, seen } = await scene(t, (response, request) => {
    if (request.method === 'POST') request.socket.destroy();
    else response.writeHead(200, { ...JSON_TYPE, 'dpop-nonce': 'n' }).end('{"audience":"a","providers":[]}');
  });
  await assert.rejects(client.exchange({ grant_type: 'refresh_token', refresh_token: 'x' }), {
    code: 'ERR_BROKER_UNREACHABLE',
  });
  assert.deepEqual(await client.signIn(), { audience: 'a', providers: [] });
  assert.deepEqual(arrived, ['POST /team/v1/sessions POST:/team/v1/sessions:1', 'GET /team/v1/sign-in -']);
  assert.deepEqual(seen, ['n']);
});
