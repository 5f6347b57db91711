/**
 * The way out, against servers that behave badly: real sockets, names that resolve to the wrong places.
 * @module
 */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Secret } from '../../src/core/secret.ts';
import { makeCall, type Outgoing } from '../../src/outbound/call.ts';
import { makeCertificate } from '../support/certificate.ts';
import { startReceiver, withReceiver } from './receiver.ts';

const ANSWERED = { kind: 'answered', status: 200, retryAfter: null, rateLimitReset: null, type: null } as const;
const soon = (): AbortSignal => AbortSignal.timeout(3_000);
const to = (url: string, over: Partial<Outgoing & { method: 'POST' }> = {}): Outgoing => ({
  method: 'POST',
  url: new Secret(url),
  reach: 'private',
  headers: {},
  body: '{}',
  ...over,
});

test('a redirect is not followed', async () => {
  await withReceiver(async (receiver) => {
    await withReceiver(async (other) => {
      for (const status of [301, 302, 303, 307, 308]) {
        receiver.next.push({ status, headers: { location: other.url } });
        const answer = await makeCall()(to(receiver.url), soon());
        assert.equal(answer.kind === 'answered' && answer.status, status);
      }
      assert.deepEqual(other.received, []);
    });
  });
});

test('private addresses are refused unless they are configured, whether written or resolved', async () => {
  await withReceiver(async (receiver) => {
    const refused = { kind: 'failed', problem: 'its address may not be reached' };
    assert.deepEqual(await makeCall()(to(receiver.url, { reach: 'public' }), soon()), refused);
    for (const url of [
      'https://10.0.0.1/',
      'https://[::1]/',
      'https://169.254.169.254/',
      'http://example.com/',
      'https://u:p@example.com/',
      'file:///etc/passwd',
    ]) {
      assert.deepEqual(await makeCall()(to(url, { reach: 'public' }), soon()), refused, url);
    }
    for (const url of ['https://169.254.169.254/', 'http://10.0.0.1/']) {
      assert.deepEqual(await makeCall()(to(url), soon()), refused, url);
    }
    const rebound = makeCall({
      resolve: (_host, done) =>
        done(null, [
          { address: '93.184.216.34', family: 4 },
          { address: '127.0.0.1', family: 4 },
        ]),
    });
    const answer = await rebound(to(`https://hooks.example:${receiver.port}/`, { reach: 'public' }), soon());
    assert.deepEqual(answer, { kind: 'failed', problem: 'not reached (out of reach)' });
    assert.deepEqual(receiver.received, []);
  });
});

test('a server that hangs, breaks off or says too much costs its time and no more', async () => {
  await withReceiver(async (receiver) => {
    receiver.next.push('hang', 'reset', { status: 200, body: 'x'.repeat(70_000) }, { status: 200, body: 'ok' });
    const late = await makeCall()(to(receiver.url), AbortSignal.timeout(100));
    assert.deepEqual(late, { kind: 'failed', problem: 'no complete answer in time' });
    const broken = await makeCall()(to(receiver.url), soon());
    assert.deepEqual(broken, { kind: 'failed', problem: 'not reached (ECONNRESET)' });
    const long = await makeCall()(to(receiver.url), soon());
    assert.deepEqual(long, { ...ANSWERED, text: null });
    const good = await makeCall()(to(receiver.url), soon());
    assert.deepEqual(good, { ...ANSWERED, text: 'ok' });
  });
  const gone = await startReceiver();
  await gone.end();
  assert.deepEqual(await makeCall()(to(gone.url), soon()), { kind: 'failed', problem: 'not reached (ECONNREFUSED)' });
});

test('TLS is verified: a certificate that nobody vouches for is refused, one that is configured is taken', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'jit-post-'));
  const made = await makeCertificate(folder, 'localhost');
  const [cert, key] = await Promise.all([readFile(made.cert, 'utf8'), readFile(made.key, 'utf8')]);
  const receiver = await startReceiver(0, { cert, key });
  try {
    const refused = await makeCall()(to(receiver.url), soon());
    assert.deepEqual(refused, { kind: 'failed', problem: 'not reached (DEPTH_ZERO_SELF_SIGNED_CERT)' });
    assert.deepEqual(receiver.received, []);
    const taken = await makeCall({ ca: cert })(to(receiver.url), soon());
    assert.equal(taken.kind === 'answered' && taken.status, 204);
  } finally {
    await receiver.end();
    await rm(folder, { recursive: true });
  }
});

test('a GET carries what it wants and who asks, and no body; the answer says its type and when to come back', async () => {
  await withReceiver(async (receiver) => {
    const headers = { 'content-type': 'Application/JSON; charset=utf-8', 'ratelimit-reset': '20', 'retry-after': '7' };
    receiver.next.push({ status: 200, headers, body: '{}' });
    const authorization = { prefix: 'Token token=', secret: new Secret('canary') } as const;
    const asked = {
      method: 'GET',
      url: new Secret(receiver.url),
      reach: 'private',
      headers: {},
      accept: 'application/vnd.pagerduty+json;version=2',
      authorization,
    } as const;
    const answer = await makeCall()(asked, soon());
    const told = { ...ANSWERED, type: 'application/json', rateLimitReset: '20', retryAfter: '7', text: '{}' };
    assert.deepEqual(answer, told);
    const [first] = receiver.received;
    assert.equal(first?.body, '');
    assert.equal(first.headers['authorization'], 'Token token=canary');
    assert.equal(first.headers['accept'], asked.accept);
    assert.equal(first.headers['content-type'], undefined);
    assert.equal(first.headers['content-length'], undefined);
  });
});

test('how much of an answer is read is for the caller to say, in bytes', async () => {
  await withReceiver(async (receiver) => {
    const body = 'é'.repeat(50_000);
    receiver.next.push({ status: 200, body }, { status: 200, body }, { status: 200, body });
    const call = makeCall();
    const textOf = async (largest?: number): Promise<string | null> => {
      const answer = await call(to(receiver.url, largest === undefined ? {} : { largest }), soon());
      return answer.kind === 'answered' ? answer.text : 'failed';
    };
    assert.equal(await textOf(), null, '64 KiB if nothing is said');
    assert.equal(await textOf(99_999), null);
    assert.equal(await textOf(100_000), body);
  });
});
