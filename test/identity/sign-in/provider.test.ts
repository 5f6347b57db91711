/**
 * Identity providers that are wrong, hostile or badly set up, over real sockets.
 * @module
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { type TestContext, test } from 'node:test';
import { JitError } from '../../../src/core/errors.ts';
import { connect } from '../../../src/identity/sign-in/provider.ts';
import { tempFolder } from '../../support/home.ts';
import { type Idp, startIdp } from '../../support/idp.ts';
import { run } from '../../support/run.ts';
import { skipUnless } from '../../support/tools.ts';
import { contextOf, rejectsWith } from './ground.ts';

const start = (t: TestContext): Promise<Idp> => startIdp(t, { accounts: {} });

/** Answers discovery with this document, or with anything else. */
function discoverable(
  idp: Idp,
  body: object | string,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): void {
  idp.intercept((_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
    return 'answered';
  });
}

test('an issuer that is neither https nor on this machine is never called', async (t) => {
  const idp = await start(t);
  for (const issuer of [
    'http://id.example',
    'http://127.0.0.1.id.example',
    'http://10.0.0.1',
    'ftp://id.example',
    'https://user:password@id.example',
    'https://id.example/?a=b',
    'not a URL',
  ]) {
    const context = contextOf(idp);
    await rejectsWith(connect({ ...context, provider: { ...idp.view, issuer } }), { code: 'ERR_CONFIG' });
  }
});

test('a provider for workloads is not for people', async (t) => {
  const idp = await start(t);
  const provider = { ...idp.view, type: 'github', client: null } as const;
  await rejectsWith(connect({ ...contextOf(idp), provider }), { code: 'ERR_USAGE', message: /for workloads/ });
});

test('a provider that calls itself something else is refused', async (t) => {
  const idp = await start(t);
  discoverable(idp, { issuer: 'https://other.example', token_endpoint: 'https://other.example/token' });
  await rejectsWith(connect(contextOf(idp)), { code: 'ERR_IDENTITY_PROVIDER', message: /another issuer/ });
});

test('answers that are too large, no JSON, an error or a redirect', async (t) => {
  const idp = await start(t);
  for (const [body, status, headers, message] of [
    ['x'.repeat(300_000), 200, {}, /answers with too much/],
    ['<html>', 200, {}, /does not answer as OpenID Connect has it/],
    ['{', 200, {}, /does not answer as OpenID Connect has it/],
    ['[]', 200, {}, /does not answer as OpenID Connect has it/],
    ['', 500, {}, /something unexpected \(HTTP status 500\)/],
    ['', 302, { location: 'http://169.254.169.254/' }, /something unexpected \(HTTP status 302\)/],
  ] as const) {
    discoverable(idp, body, status, headers);
    await rejectsWith(connect(contextOf(idp)), { code: 'ERR_IDENTITY_PROVIDER', message });
  }
});

test('a body without end is cut off', async (t) => {
  const idp = await start(t);
  const { promise: cut, resolve } = Promise.withResolvers<void>();
  idp.intercept((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const more = (): void => void (response.destroyed || response.write('x'.repeat(65_536), () => setImmediate(more)));
    response.on('close', resolve);
    more();
    return 'answered';
  });
  await rejectsWith(connect(contextOf(idp)), { code: 'ERR_IDENTITY_PROVIDER', message: /answers with too much/ });
  await cut;
});

test('a provider that does not answer is left at once when the person wants to stop', async (t) => {
  const idp = await start(t);
  const controller = new AbortController();
  idp.intercept(() => {
    controller.abort(new JitError({ code: 'ERR_INTERRUPTED', message: 'interrupted' }));
    return 'answered';
  });
  await rejectsWith(connect(contextOf(idp, controller.signal)), { code: 'ERR_INTERRUPTED' });
});

test('a certificate that nobody vouches for', { skip: skipUnless('openssl') }, async (t) => {
  const folder = tempFolder(t);
  const request = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-subj',
    '/CN=localhost',
  ];
  const made = await run('openssl', [...request, '-keyout', `${folder}/key`, '-out', `${folder}/cert`]);
  assert.equal(made.status, 0, made.stderr);
  const pair = { key: readFileSync(`${folder}/key`), cert: readFileSync(`${folder}/cert`) };
  const server = createServer(pair).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const provider = { ...(await start(t)).view, issuer: `https://localhost:${address.port}` };
  await rejectsWith(connect({ provider, broker: 'prod', signal: new AbortController().signal }), {
    code: 'ERR_IDENTITY_PROVIDER',
    message: /shows a certificate that this machine does not trust/,
  });
});

test('tokens go to no plain http address elsewhere, whatever the provider names as its endpoints', async (t) => {
  const idp = await start(t);
  discoverable(idp, {
    issuer: idp.issuer,
    authorization_endpoint: 'http://evil.example/auth',
    token_endpoint: 'http://evil.example/token',
  });
  const { oidc, config } = await connect(contextOf(idp));
  const thrown: unknown = await oidc.refreshTokenGrant(config, 'secret').catch((reason: unknown) => reason);
  assert.ok(thrown instanceof Error && thrown.cause instanceof JitError);
  assert.equal(thrown.cause.code, 'ERR_CONFIG');
});
