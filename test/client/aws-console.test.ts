/**
 * Signing in to the AWS console, against a server that takes what the IAM user guide describes and nothing else.
 * @module
 */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { consoleDestination, consoleSite, signInAddress } from '../../src/client/aws-console.ts';
import { type ErrorCode, JitError } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';
import { startFederation } from '../fakes/aws-console/server.ts';

const NOW = Date.UTC(2026, 10, 22, 12);
const HOST = 'console.aws.amazon.com';
/** With everything that a query could take for its own. */
const KEYS = { accessKeyId: 'ASIAEXAMPLE', secretAccessKey: 'a/b+c=&?#%canary', sessionToken: 'IQoJ+/=="\\é&x' };

async function rig(t: TestContext, chained: 'role by role' | 'role by token' = 'role by role') {
  const federation = await startFederation(t, { keys: [{ ...KEYS, chained }], host: HOST, now: NOW });
  const site = { federation: federation.url, host: HOST };
  const signIn = (keys = KEYS, signal = new AbortController().signal) =>
    signInAddress({
      keys: new Secret(keys),
      site,
      destination: consoleDestination(site, 'eu-west-1', 's3'),
      issuer: 'https://jit.example.com',
      signal,
    });
  return { federation, signIn };
}

const visit = (url: string): Promise<Response> => fetch(url, { redirect: 'manual' });

async function fails(promise: Promise<unknown>, code: ErrorCode): Promise<JitError> {
  const thrown: unknown = await promise.then(
    () => assert.fail('it succeeded'),
    (error: unknown) => error,
  );
  assert(thrown instanceof JitError, String(thrown));
  assert.equal(thrown.code, code, thrown.message);
  const everything = `${thrown.stack ?? ''} ${thrown.hint ?? ''} ${JSON.stringify(thrown.cause ?? null)}`;
  assert.doesNotMatch(everything, /canary|IQoJ/, 'no key in an error');
  return thrown;
}

test('the address signs in, leads to where it should, and is dead after 15 minutes', async (t) => {
  for (const chained of ['role by role', 'role by token'] as const) {
    const { federation, signIn } = await rig(t, chained);
    const address = await signIn();
    assert.equal(String(address), '[secret]');
    const reply = await visit(address.expose());
    assert.equal(reply.status, 302);
    assert.equal(reply.headers.get('location'), `https://eu-west-1.${HOST}/s3/home?region=eu-west-1`);
    assert.ok(!address.expose().includes('canary'), 'the keys are not in it');
    federation.setTime(NOW + 900_000);
    assert.equal((await visit(address.expose())).status, 400);
    const [ask = ''] = federation.seen;
    assert.deepEqual(
      [...new URL(ask, federation.url).searchParams.keys()],
      ['Action', 'Session'],
      'no SessionDuration: AWS refuses it to a role that was assumed by a role',
    );
  }
});

test('the server is as strict as AWS: with a duration, or anything unknown, there is no token', async (t) => {
  const ask = async (chained: 'role by role' | 'role by token', more: Record<string, string>): Promise<number> => {
    const { federation } = await rig(t, chained);
    const { accessKeyId: sessionId, secretAccessKey: sessionKey, sessionToken } = KEYS;
    const Session = JSON.stringify({ sessionId, sessionKey, sessionToken });
    return (
      await visit(`${federation.url}?${String(new URLSearchParams({ Action: 'getSigninToken', Session, ...more }))}`)
    ).status;
  };
  assert.equal(await ask('role by token', { SessionDuration: '3600' }), 200);
  assert.equal(await ask('role by role', { SessionDuration: '3600' }), 400);
  assert.equal(await ask('role by token', { SessionDuration: '60' }), 400);
  assert.equal(await ask('role by token', { Token: 'x' }), 400);
  assert.equal(await ask('role by token', { Session: '{"sessionId":"x"}' }), 400);
});

test('keys that AWS does not know give no address', async (t) => {
  const { signIn } = await rig(t);
  const error = await fails(signIn({ ...KEYS, secretAccessKey: 'another-canary' }), 'ERR_CLOUD');
  assert.match(error.message, /does not take these credentials \(status 400\)/);
});

test('whatever else is answered is no address: outages can be tried again, the rest is refused', async (t) => {
  const { federation, signIn } = await rig(t);
  const cases: readonly (readonly [status: number, body: string, code: ErrorCode])[] = [
    [503, '', 'ERR_CLOUD_BUSY'],
    [429, '', 'ERR_CLOUD_BUSY'],
    [200, '', 'ERR_CLOUD'],
    [200, '[]', 'ERR_CLOUD'],
    [200, '{"SigninToken":7}', 'ERR_CLOUD'],
    [200, '{"SigninToken":""}', 'ERR_CLOUD'],
    [200, '{"SigninToken":"a b"}', 'ERR_CLOUD'],
    [200, JSON.stringify({ SigninToken: 'x'.repeat(20_000) }), 'ERR_CLOUD'],
    [200, JSON.stringify({ SigninToken: 'x', more: 'y'.repeat(40_000) }), 'ERR_CLOUD'],
    [403, '{"SigninToken":"x"}', 'ERR_CLOUD'],
  ];
  for (const [status, body, code] of cases) {
    federation.answerWith({ status, body });
    await fails(signIn(), code);
  }
  federation.answerWith('silence');
  await fails(signIn(), 'ERR_CLOUD_BUSY');
});

test('a redirect is not followed: the keys go to AWS and nowhere else', async (t) => {
  const elsewhere = await rig(t);
  const { createServer } = await import('node:http');
  const server = createServer((_, response) =>
    response.writeHead(302, { location: elsewhere.federation.url }).end(),
  ).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const site = { federation: `http://127.0.0.1:${address.port}/federation`, host: HOST };
  const { signal } = new AbortController();
  const destination = consoleDestination(site, 'eu-west-1', null);
  await fails(signInAddress({ keys: new Secret(KEYS), site, destination, issuer: 'jit', signal }), 'ERR_CLOUD_BUSY');
  assert.deepEqual(elsewhere.federation.seen, []);
});

test('Ctrl-C ends the waiting, and says so', async (t) => {
  const { signIn } = await rig(t);
  const stop = new AbortController();
  stop.abort(new JitError({ code: 'ERR_INTERRUPTED', message: 'interrupted' }));
  await fails(signIn(KEYS, stop.signal), 'ERR_INTERRUPTED');
});

test('each partition has its own sign-in and console, and other regions have none', () => {
  assert.equal(consoleSite('eu-west-1').federation, 'https://signin.aws.amazon.com/federation');
  assert.equal(consoleSite('ap-southeast-2').host, 'console.aws.amazon.com');
  assert.equal(consoleSite('us-gov-west-1').federation, 'https://signin.amazonaws-us-gov.com/federation');
  assert.equal(consoleSite('us-gov-east-1').host, 'console.amazonaws-us-gov.com');
  assert.equal(consoleSite('cn-north-1').federation, 'https://signin.amazonaws.cn/federation');
  assert.equal(consoleSite('cn-northwest-1').host, 'console.amazonaws.cn');
  for (const region of [
    'us-iso-east-1',
    'us-isob-east-1',
    'eusc-de-east-1',
    '',
    'eu-west-1.evil.example',
    'EU-WEST-1',
  ]) {
    assert.throws(() => consoleSite(region), { code: 'ERR_TARGET' }, region);
  }
});

test('a destination is a page of the console of that partition', () => {
  const site = consoleSite('eu-west-1');
  const at = (wanted: string | null): string => consoleDestination(site, 'eu-west-1', wanted).href;
  assert.equal(at(null), `https://eu-west-1.${HOST}/console/home?region=eu-west-1`);
  assert.equal(at('cloudwatch'), `https://eu-west-1.${HOST}/cloudwatch/home?region=eu-west-1`);
  for (const url of [`https://${HOST}/`, `https://s3.${HOST}/s3/buckets/b?region=eu-west-1#x`])
    assert.equal(at(url), url);
  const refused = [
    '',
    'S3',
    '../s3',
    's3/home',
    's3?x',
    `http://${HOST}/`,
    `https://${HOST}.evil.example/`,
    `https://evil${HOST}/`,
    `https://${HOST}@evil.example/`,
    `https://ann@${HOST}/`,
    `https://${HOST}:8443/`,
    `https://evil.example/?${HOST}`,
    `https://evil.example\\.${HOST}/`,
    'https://console.amazonaws.cn/',
    'https://console.amazonaws-us-gov.com/',
    'javascript:alert(1)',
    `https://${HOST}/\n`,
    `https://${HOST}/${'x'.repeat(2_048)}`,
  ];
  for (const text of refused) assert.throws(() => at(text), { code: 'ERR_USAGE' }, JSON.stringify(text));
});
