/**
 * Whether an identity provider is down, found by asking real servers that are up, gone, broken, slow, and elsewhere than they
 * should be.
 * @module
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { identityProviderSchema, type OidcConfig } from '../../../src/identity/verify/config.ts';
import type { FetchParts, Resolve } from '../../../src/identity/verify/fetch.ts';
import { makeAskStanding, type Standing } from '../../../src/identity/verify/standing.ts';
import { makeCertificate } from '../../support/certificate.ts';
import { tempFolder } from '../../support/home.ts';
import { startIdp } from '../../support/idp.ts';
import { freePort } from '../../support/port.ts';
import { skipUnless } from '../../support/tools.ts';
import { startIssuer, type TestIssuer } from './issuer.ts';

/** Where there is somebody who will answer, and where there is nobody. */
const PATIENT = { patienceMs: 20_000 };
const PATIENCE_MS = 400;
const IMPATIENT = { patienceMs: PATIENCE_MS };
const DISCOVERY = '/.well-known/openid-configuration';

function people(issuer: string, more: object = {}): OidcConfig {
  const config = identityProviderSchema.parse({
    type: 'oidc',
    issuer,
    client_id: 'jit',
    allow_private_addresses: true,
    ...more,
  });
  return config.type === 'oidc' ? config : assert.fail();
}

const standing = async (
  issuer: string,
  more: object = {},
  parts: FetchParts & { readonly patienceMs?: number } = {},
): Promise<Standing> => makeAskStanding({ ...PATIENT, ...parts })(people(issuer, more));

const kind = async (...args: Parameters<typeof standing>): Promise<Standing['kind']> => (await standing(...args)).kind;

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

/** An issuer of which discovery is right and the token endpoint answers so. */
async function withTokens(t: TestContext, tokens: Answer): Promise<TestIssuer> {
  const issuer = await startIssuer(t, []);
  issuer.answer = (request, response) => {
    if (request.url !== DISCOVERY) return tokens(response, request);
    json(response, { issuer: issuer.url, token_endpoint: `${issuer.url}/token` });
  };
  return issuer;
}

const json = (response: ServerResponse, value: unknown): void => {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
};

test('the real oidc-provider: it answers while it runs, with nobody signed in by that, and is down when it is stopped', async (t) => {
  const idp = await startIdp(t, { accounts: {} });
  assert.deepEqual(await standing(idp.issuer), { kind: 'answers' });
  assert.deepEqual(idp.calls, [`GET ${DISCOVERY}`, 'POST /token']);
  idp.intercept((request, response) => {
    if (request.url !== '/token') return 'pass';
    response.writeHead(503).end();
    return 'answered';
  });
  assert.deepEqual(await standing(idp.issuer), { kind: 'down', why: 'status 503' });
  idp.intercept(null);
  assert.deepEqual(await standing(idp.issuer), { kind: 'answers' });
  await idp.stop();
  assert.deepEqual(await standing(idp.issuer), { kind: 'down', why: 'ECONNREFUSED' });
});

test("what it is asked for is what a client asks for, with a token that is nobody's", async (t) => {
  let asked = '';
  const issuer = await withTokens(t, (response, request) => {
    request.on(
      'data',
      (part: Buffer) => (asked += `${request.method} ${request.headers['content-type']} ${part.toString()}`),
    );
    request.on('end', () => response.writeHead(400).end('{"error":"invalid_grant"}'));
  });
  assert.equal(await kind(issuer.url), 'answers');
  const form = 'grant_type=refresh_token&client_id=jit&refresh_token=jit-broker-asks-whether-you-are-there';
  assert.equal(asked, `POST application/x-www-form-urlencoded ${form}`);
});

/** Of the token endpoint and of discovery alike. */
const BOTH: Readonly<Record<string, readonly [Standing['kind'], Answer]>> = {
  'status 500': ['down', (response) => void response.writeHead(500).end('{}')],
  'status 503 and no end of it': ['down', (response) => void response.writeHead(503).write('x')],
  'status 599': ['down', (response) => void response.writeHead(599).end()],
  'no answer': ['down', () => undefined],
  'a connection that breaks': ['down', (response) => void response.socket?.destroy()],
  'status 400': ['answers', (response) => void response.writeHead(400).end('{}')],
  'status 403': ['answers', (response) => void response.writeHead(403).end('{}')],
  'status 404': ['answers', (response) => void response.writeHead(404).end()],
  'status 429': ['answers', (response) => void response.writeHead(429).end()],
  'a redirect': ['answers', (response) => void response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()],
  'a greeting in plain text': ['answers', (response) => void response.writeHead(200).end('hello')],
  'no HTTP': ['answers', (response) => void response.socket?.end('SSH-2.0-OpenSSH_9.9\r\n\r\n')],
};

for (const [name, [expected, answer]] of Object.entries(BOTH)) {
  test(`${name}: ${expected === 'down' ? 'it is down' : 'somebody answers'}`, async (t) => {
    const discovery = await startIssuer(t, []);
    discovery.answer = (request, response) => answer(response, request);
    const tokens = await withTokens(t, answer);
    const patience = name === 'no answer' ? IMPATIENT : PATIENT;
    const found = [await kind(discovery.url, {}, patience), await kind(tokens.url, {}, patience)];
    assert.deepEqual(found, [expected, expected]);
  });
}

test('discovery that drips or is cut off is no answer; one for another issuer, without tokens or too long is one', async (t) => {
  const issuer = await startIssuer(t, []);
  const found: Record<string, Standing['kind']> = {};
  const answers: Record<string, Answer> = {
    drips: (response) => void response.writeHead(200).write('{'),
    'is cut off': (response) => {
      response.writeHead(200, { 'content-length': '100' }).write('{');
      setTimeout(() => response.socket?.destroy(), 20);
    },
    'another issuer': (response) => json(response, { issuer: 'https://a.example', token_endpoint: `${issuer.url}/t` }),
    'no tokens': (response) => json(response, { issuer: issuer.url }),
    'too long': (response) => void response.writeHead(200).end('x'.repeat(70_000)),
  };
  for (const [name, answer] of Object.entries(answers)) {
    issuer.answer = (request, response) => answer(response, request);
    found[name] = await kind(issuer.url, {}, name === 'drips' ? IMPATIENT : PATIENT);
  }
  assert.deepEqual(found, {
    drips: 'down',
    'is cut off': 'down',
    'another issuer': 'answers',
    'no tokens': 'answers',
    'too long': 'answers',
  });
});

test('a discovery document cannot lead the question elsewhere, and a place that may not be asked is not down', async (t) => {
  for (const endpoint of ['http://169.254.169.254/token', 'http://127.0.0.1.example/token', 'x']) {
    const issuer = await startIssuer(t, []);
    issuer.answer = (_request, response) => json(response, { issuer: issuer.url, token_endpoint: endpoint });
    assert.equal(await kind(issuer.url), 'answers', endpoint);
  }
});

test('names: one that nobody can look up is down; one that leads out of reach is misled, whoever did it', async () => {
  const port = await freePort();
  const url = `https://id.example:${port}`;
  const failing =
    (code: string): Resolve =>
    (_host, callback) =>
      callback(Object.assign(new Error(code), { code }), []);
  const leading =
    (...addresses: readonly string[]): Resolve =>
    (_host, callback) =>
      callback(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
  const strict = { allow_private_addresses: false };
  assert.deepEqual(await standing(url, strict, { resolve: failing('ENOTFOUND') }), { kind: 'down', why: 'ENOTFOUND' });
  assert.deepEqual(await standing(url, strict, { resolve: failing('EAI_AGAIN') }), { kind: 'down', why: 'EAI_AGAIN' });
  for (const address of ['127.0.0.1', '10.0.0.1', '169.254.169.254', '::1', '0.0.0.0', '::ffff:127.0.0.1']) {
    assert.equal(await kind(url, strict, { resolve: leading(address) }), 'answers', address);
  }
  assert.equal(await kind(url, strict, { resolve: leading('8.8.8.8', '127.0.0.1') }), 'answers', 'one bad address');
  assert.equal(await kind(url, strict, { resolve: leading() }), 'answers', 'no address');
  assert.equal(await kind(url, {}, { resolve: leading('127.0.0.1') }), 'down', 'allowed, and nobody is there');
});

test(
  "whoever shows a certificate that is not the provider's, or none, does not make it look down",
  { skip: skipUnless('openssl') },
  async (t) => {
    const folder = tempFolder(t);
    const { cert, key } = await makeCertificate(folder, 'broker');
    const tls = { cert: readFileSync(cert), key: readFileSync(key) };
    const issuer = await startIssuer(t, [], { tls, host: 'localhost' });
    const ca = tls.cert.toString();
    assert.equal(await kind(issuer.url, {}, { ca }), 'answers');
    assert.equal(await kind(issuer.url), 'answers', 'an authority that is not trusted');
    const misnamed: Resolve = (_host, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }]);
    assert.equal(await kind(`https://id.example:${issuer.port}`, {}, { ca, resolve: misnamed }), 'answers');
    const plain = await startIssuer(t, []);
    assert.equal(await kind(`https://localhost:${plain.port}`), 'answers', 'no TLS at all');
  },
);

test('somebody who takes the connection and says nothing is waited for no longer than that', async (t) => {
  const server = createTcpServer().listen(0, '127.0.0.1');
  t.after(() => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const found = await standing(`http://127.0.0.1:${port}`, {}, IMPATIENT);
  assert.deepEqual(found, { kind: 'down', why: `no answer within ${PATIENCE_MS} ms` });
});

test('where keys do not come from discovery nothing is asked, and nothing is known', async (t) => {
  const issuer = await startIssuer(t, []);
  const file = join(tempFolder(t), 'keys.json');
  assert.deepEqual(await standing(issuer.url, { keys: { file } }), { kind: 'unknown' });
  assert.deepEqual(await standing(issuer.url, { keys: { url: `${issuer.url}/jwks` } }), { kind: 'unknown' });
  assert.deepEqual(issuer.asked, []);
});
