import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JitError } from '../../../src/core/errors.ts';
import { AUDIENCE, asking, refused, serve, signed, source, urlOf } from './support.ts';

const BEARER = 'runtime-token-of-the-job-0123456789abcdefghijklmnop';

function job(address: string): Record<string, string> {
  return {
    GITHUB_ACTIONS: 'true',
    ACTIONS_ID_TOKEN_REQUEST_URL: `${address}/run/1?api-version=2.0`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: BEARER,
  };
}

test('a job asks for a token with the audience of the broker, over real HTTP', async (t) => {
  const token = signed();
  const asked: unknown[] = [];
  const address = await serve(t, (request, response) => {
    const url = urlOf(request);
    asked.push([request.method, url.pathname, [...url.searchParams], request.headers.authorization]);
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ count: 1, value: token }));
  });
  const proof = await source('github').fetch(asking(job(address)));
  assert.equal(proof.token.expose(), token);
  assert.equal(proof.type, 'urn:ietf:params:oauth:token-type:jwt');
  assert.equal(proof.renewal, 'on demand');
  const query = [
    ['api-version', '2.0'],
    ['audience', AUDIENCE],
  ];
  assert.deepEqual(asked, [['GET', '/run/1', query, `bearer ${BEARER}`]]);
});

test('an audience with signs of its own is one value of the query', async (t) => {
  const audience = 'https://jit.example.com/a?b=c&audience=other#d';
  const address = await serve(t, (request, response) => {
    response.end(JSON.stringify({ value: signed({ aud: urlOf(request).searchParams.get('audience') }) }));
  });
  await source('github').fetch(asking(job(address), { audience }));
});

test('without the permission the message names it, and detection passes the job over', async () => {
  const env = { GITHUB_ACTIONS: 'true' };
  assert.equal(await source('github').detect(env), false);
  assert.equal(source('github').incomplete?.(env), true);
  await refused(
    source('github').fetch(asking(env)),
    'ERR_NOT_SIGNED_IN',
    /no ACTIONS_ID_TOKEN_REQUEST_URL.*\n.*id-token: write/,
  );
  const half = { ...env, ACTIONS_ID_TOKEN_REQUEST_URL: 'https://pipelines.example' };
  await refused(source('github').fetch(asking(half)), 'ERR_NOT_SIGNED_IN', /no ACTIONS_ID_TOKEN_REQUEST_TOKEN/);
});

test('the bearer of the job never goes over http to another machine', async () => {
  for (const address of ['http://pipelines.example', 'http://10.0.0.7', 'http://[2001:db8::1]', 'ftp://127.0.0.1']) {
    await refused(source('github').fetch(asking(job(address))), 'ERR_NOT_SIGNED_IN', /is refused\n.*https/, [BEARER]);
  }
});

test('a refusal is final and says what to add; a redirect is not followed', async (t) => {
  let calls = 0;
  const address = await serve(t, (request, response) => {
    calls += 1;
    if (urlOf(request).searchParams.get('audience') === AUDIENCE) response.writeHead(403).end(BEARER);
    else response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end();
  });
  const github = source('github');
  await refused(github.fetch(asking(job(address))), 'ERR_NOT_SIGNED_IN', /status 403.*\n.*id-token: write/, [BEARER]);
  const redirected = github.fetch(asking(job(address), { audience: 'https://other.example' }));
  await refused(redirected, 'ERR_IDENTITY_PROVIDER', /status 302/, [BEARER]);
  // Once for the refusal, and as often as a fault that may pass is asked again.
  assert.equal(calls, 1 + 3);
});

test('a server that stumbles is asked again, and given up on', async (t) => {
  let calls = 0;
  const address = await serve(t, (_request, response) => {
    calls += 1;
    if (calls === 3) response.end(JSON.stringify({ value: signed() }));
    else response.writeHead(503).end();
  });
  await source('github').fetch(asking(job(address)));
  assert.equal(calls, 3);
  calls = 3;
  await refused(source('github').fetch(asking(job(address))), 'ERR_IDENTITY_PROVIDER', /status 503/);
  assert.equal(calls, 6);
});

test('answers that hold no token for this broker are refused', async (t) => {
  const answers: readonly [body: string, code: JitError['code'], words: RegExp][] = [
    ['', 'ERR_IDENTITY_PROVIDER', /holds no token/],
    ['[]', 'ERR_IDENTITY_PROVIDER', /holds no token/],
    ['{"value":7}', 'ERR_IDENTITY_PROVIDER', /holds no token/],
    ['{"value":"opaque"}', 'ERR_NOT_SIGNED_IN', /not a signed JSON Web Token/],
    [
      JSON.stringify({ value: signed({ aud: 'sts.amazonaws.com' }) }),
      'ERR_NOT_SIGNED_IN',
      /is for sts\.amazonaws\.com/,
    ],
    [JSON.stringify({ value: 'x'.repeat(70_000) }), 'ERR_IDENTITY_PROVIDER', /longer than 65536 bytes/],
  ];
  for (const [body, code, words] of answers) {
    const address = await serve(t, (_request, response) => void response.end(body));
    await refused(source('github').fetch(asking(job(address))), code, words);
  }
});

test('a server that says nothing ends at the limit, and at once when the command is interrupted', async (t) => {
  const address = await serve(t, () => undefined);
  const slow = source('github', { limitMs: 200 }).fetch(asking(job(address)));
  await refused(slow, 'ERR_IDENTITY_PROVIDER', /GitHub Actions: there is no answer within 0\.2s/);

  const controller = new AbortController();
  const interrupted = source('github').fetch(asking(job(address), { signal: controller.signal }));
  controller.abort(new JitError({ code: 'ERR_TERMINATED', message: 'terminated' }));
  await refused(interrupted, 'ERR_TERMINATED', /terminated/);
  await refused(source('github').fetch(asking(job(address), { signal: AbortSignal.abort() })), 'ERR_INTERRUPTED', /./);
});

test('nobody at the address: the fault names who was asked', async () => {
  await refused(
    source('github').fetch(asking(job('http://127.0.0.1:1'))),
    'ERR_IDENTITY_PROVIDER',
    /GitHub Actions.*ECONNREFUSED/,
  );
});
