/**
 * The client against brokers that answer badly, slowly, elsewhere, or not at all, over real sockets.
 * @module
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, createServer as createNetServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { type BrokerClient, openClient } from '../../src/client/client.ts';
import { parseBrokerUrl } from '../../src/client/ref.ts';
import { JitError, worded } from '../../src/core/errors.ts';
import { freePort } from '../support/port.ts';
import { tempFolder } from '../support/home.ts';
import { skipUnless } from '../support/tools.ts';

const GRANT = `gr_${'0'.repeat(26)}` as const;
const HEALTH = JSON.stringify({ status: 'ok', version: '1', sandbox: false });

async function serve(t: TestContext, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => open.add(socket));
  t.after(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  const address: AddressInfo | string | null = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function against(t: TestContext, listener: RequestListener, signal?: AbortSignal): Promise<BrokerClient> {
  return clientOf(t, await serve(t, createServer(listener)), signal);
}

function clientOf(t: TestContext, port: number, signal?: AbortSignal): BrokerClient {
  const client = openClient(parseBrokerUrl(`http://127.0.0.1:${port}`, 'work'), { userAgent: 'test', signal });
  t.after(() => client.close());
  return client;
}

const answering =
  (status: number, headers: Record<string, string>, body: string): RequestListener =>
  (_, response) => {
    response.writeHead(status, headers).end(body);
  };
const JSON_TYPE = { 'content-type': 'application/json' };

test('answers that are not from a broker of this kind are ERR_BROKER_REPLY and name the broker', async (t) => {
  const bad: readonly [what: string, RequestListener][] = [
    ['html', answering(200, { 'content-type': 'text/html' }, HEALTH)],
    ['no type', answering(200, {}, HEALTH)],
    ['not json', answering(200, JSON_TYPE, '{"status":')],
    ['not utf-8', (_, response) => void response.writeHead(200, JSON_TYPE).end(Buffer.from([0x22, 0xff, 0x22]))],
    ['another shape', answering(200, JSON_TYPE, '{"status":"ok"}')],
    ['unknown members', answering(200, JSON_TYPE, HEALTH.replace('}', ',"profile":"x"}'))],
    ['compressed', answering(200, { ...JSON_TYPE, 'content-encoding': 'gzip' }, HEALTH)],
    ['empty', answering(200, JSON_TYPE, '')],
    ['too much', answering(200, JSON_TYPE, `"${'x'.repeat(1_048_577)}"`)],
    ['a page of a proxy', answering(404, { 'content-type': 'text/html' }, '<h1>no</h1>')],
  ];
  for (const [what, listener] of bad) {
    const client = await against(t, listener);
    await assert.rejects(client.health(), (error: unknown) => {
      assert.ok(error instanceof JitError, what);
      assert.equal(error.code, 'ERR_BROKER_REPLY', what);
      assert.match(worded(error), /^work: the broker gave an answer/, what);
      return true;
    });
  }
});

test('an endless body is cut off at 1 MiB', async (t) => {
  let sent = 0;
  const client = await against(t, (_, response) => {
    response.writeHead(200, JSON_TYPE);
    const chunk = Buffer.alloc(65_536, 0x20);
    const more = (): void => {
      while (!response.destroyed && response.write(chunk)) sent += chunk.length;
    };
    response.on('drain', more);
    more();
  });
  await assert.rejects(client.health(), { code: 'ERR_BROKER_REPLY' });
  assert.ok(sent < 16 * 1_048_576);
});

test('a redirect is not followed, and nothing is sent to where it points', async (t) => {
  let reached = 0;
  const elsewhere = await serve(
    t,
    createServer((_, response) => {
      reached += 1;
      response.writeHead(200, JSON_TYPE).end(HEALTH);
    }),
  );
  for (const status of [301, 302, 303, 307, 308]) {
    const client = await against(t, answering(status, { location: `http://127.0.0.1:${elsewhere}/healthz` }, ''));
    await assert.rejects(client.health(), { code: 'ERR_BROKER_REPLY', message: /redirects are not followed/ });
  }
  assert.equal(reached, 0);
});

test('problems come back as the same JitError; foreign codes do not pass', async (t) => {
  const problem = {
    type: 'urn:jit:error:ERR_DENIED',
    title: 'no',
    status: 403,
    code: 'ERR_DENIED',
    hint: 'h',
    subject: 'req_1',
  };
  const type = { 'content-type': 'application/problem+json' };
  const client = await against(t, answering(403, type, JSON.stringify(problem)));
  await assert.rejects(client.catalog(), {
    code: 'ERR_DENIED',
    message: 'no',
    hint: 'h',
    subject: 'req_1',
    broker: 'work',
  });
  const foreign = await against(t, answering(418, type, JSON.stringify({ ...problem, code: '__proto__' })));
  await assert.rejects(foreign.catalog(), { code: 'ERR_BROKER_REPLY', broker: 'work' });
});

test('nobody there, a name that is not known, and something that is not HTTP', async (t) => {
  await assert.rejects(clientOf(t, await freePort()).health(), {
    code: 'ERR_BROKER_UNREACHABLE',
    message: 'cannot reach the broker: it refuses connections',
    broker: 'work',
  });
  const shouting = createNetServer((socket) => {
    socket.on('error', () => undefined).end('220 mail.example ESMTP\r\n');
  });
  await assert.rejects(clientOf(t, await serve(t, shouting)).health(), { code: 'ERR_BROKER_REPLY' });
  const gone = openClient({ kind: 'embedded', socket: join(tempFolder(t), 'none.sock') }, { userAgent: 'test' });
  await assert.rejects(gone.health(), {
    code: 'ERR_BROKER_UNREACHABLE',
    message: 'cannot reach the embedded broker: it is not running',
    broker: undefined,
  });
});

test('a connection that breaks is tried again for harmless calls, never more than three times, and not for others', async (t) => {
  let seen: string[] = [];
  const client = await against(t, (request) => {
    seen.push(`${request.method} ${String(request.headers['idempotency-key'] ?? '-')}`);
    request.socket.destroy();
  });
  const body = { authorization_details: [], seconds: 1, reason: 'x' };
  const calls: readonly [() => Promise<unknown>, readonly string[]][] = [
    [() => client.health(), ['GET -', 'GET -', 'GET -']],
    [() => client.request(body, 'k1'), ['POST k1', 'POST k1', 'POST k1']],
    [() => client.revoke(GRANT, 'revoked'), ['POST -', 'POST -', 'POST -']],
    [() => client.credentials(GRANT), ['POST -']],
    [() => client.use(GRANT, { uses: [] }), ['POST -']],
  ];
  for (const [call, expected] of calls) {
    seen = [];
    await assert.rejects(call(), { code: 'ERR_BROKER_UNREACHABLE' });
    assert.deepEqual(seen, expected);
  }
});

test('one that comes back between two attempts is reached', async (t) => {
  let calls = 0;
  const client = await against(t, (request, response) => {
    calls += 1;
    if (calls < 3) request.socket.destroy();
    else response.writeHead(200, JSON_TYPE).end(HEALTH);
  });
  assert.equal((await client.health()).status, 'ok');
});

test('aborting ends a waiting call at once with the reason given', async (t) => {
  const abort = new AbortController();
  const client = await against(t, () => setTimeout(() => abort.abort(reason), 20), abort.signal);
  const reason = new JitError({ code: 'ERR_TERMINATED', message: 'terminated' });
  await assert.rejects(client.getGrant(GRANT, { waitSeconds: 30, after: 1 }), { code: 'ERR_TERMINATED' });
  await assert.rejects(client.health(), { code: 'ERR_TERMINATED' });
});

test('what goes out: host, agent, key, query; nothing of a proxy or of compression', async (t) => {
  const seen: string[] = [];
  const client = await against(t, (request, response) => {
    const { host, 'user-agent': agent, 'accept-encoding': encoding } = request.headers;
    seen.push(`${request.method} ${request.url} ${host?.replace(/\d+$/, 'PORT')} ${agent} ${encoding}`);
    response.writeHead(200, JSON_TYPE).end('{"items":[]}');
  });
  await client.grants({ live: true, limit: 5 });
  await client.revokeMine();
  assert.deepEqual(seen, [
    'GET /v1/grants?live=true&limit=5 127.0.0.1:PORT test identity',
    'POST /v1/revocations 127.0.0.1:PORT test identity',
  ]);
});

test('credentials are wrapped, and an answer about another grant is refused', async (t) => {
  const aws = {
    accessKeyId: 'ASIA0123456789ABCDEF',
    secretAccessKey: 'CANARY0123456789',
    sessionToken: 'CANARY0123456789',
  };
  const tool = { kind: 'aws', identity: 'issued', account: '000000000000', region: 'us-east-1', endpoint: null };
  const time = '2030-01-01T00:00:00.000Z';
  const view = (grant: string): string =>
    JSON.stringify({
      grant,
      expiresAt: time,
      credentials: [{ target: 't', kind: 'aws', tool, expiration: time, secret: aws }],
    });
  const client = await against(t, answering(200, JSON_TYPE, view(GRANT)));
  const issued = await client.credentials(GRANT);
  const credential = issued.credentials[0]?.credential;
  assert.equal(credential?.kind === 'aws' && credential.secret.expose().secretAccessKey, 'CANARY0123456789');
  assert.doesNotMatch(JSON.stringify(issued), /CANARY/);
  const other = await against(t, answering(200, JSON_TYPE, view(`gr_${'1'.repeat(26)}`)));
  await assert.rejects(other.credentials(GRANT), { code: 'ERR_BROKER_REPLY' });
});

test('a certificate that nobody vouches for is refused', { skip: skipUnless('openssl') }, async (t) => {
  const folder = tempFolder(t);
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const about = ['-subj', '/CN=localhost', '-days', '1', '-keyout', key, '-out', cert];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', ...about],
    {
      stdio: 'ignore',
    },
  );
  let reached = 0;
  const server = createSecureServer({ key: readFileSync(key), cert: readFileSync(cert) }, () => (reached += 1));
  const port = await serve(t, server);
  const client = openClient(parseBrokerUrl(`https://localhost:${port}`), { userAgent: 'test' });
  await assert.rejects(client.health(), {
    code: 'ERR_BROKER_UNREACHABLE',
    message: /tls: /,
    hint: /NODE_EXTRA_CA_CERTS/,
  });
  assert.equal(reached, 0);
});
