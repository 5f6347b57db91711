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
import { makePost, type Message } from '../../src/notify/post.ts';
import { teamsNotifier } from '../../src/notify/teams/notifier.ts';
import { retryAfterMs, verdictOf } from '../../src/notify/verdict.ts';
import { makeCertificate } from '../support/certificate.ts';
import { type Receiver, startReceiver } from './receiver.ts';
import { sampleNotice, START } from './samples.ts';

const soon = (): AbortSignal => AbortSignal.timeout(3_000);
const to = (url: string, over: Partial<Message> = {}): Message => ({
  url: new Secret(url),
  reach: 'private',
  headers: {},
  body: '{}',
  ...over,
});

async function withReceiver(body: (receiver: Receiver) => Promise<void>): Promise<void> {
  const receiver = await startReceiver();
  try {
    await body(receiver);
  } finally {
    await receiver.end();
  }
}

test('a redirect is not followed', async () => {
  await withReceiver(async (receiver) => {
    await withReceiver(async (other) => {
      for (const status of [301, 302, 303, 307, 308]) {
        receiver.next.push({ status, headers: { location: other.url } });
        const answer = await makePost()(to(receiver.url), soon());
        assert.equal(answer.kind === 'answered' && answer.status, status);
        assert.equal(verdictOf(answer, START).kind, 'later');
      }
      assert.deepEqual(other.received, []);
    });
  });
});

test('private addresses are refused unless they are configured, whether written or resolved', async () => {
  await withReceiver(async (receiver) => {
    const refused = { kind: 'failed', problem: 'its address may not be reached' };
    assert.deepEqual(await makePost()(to(receiver.url, { reach: 'public' }), soon()), refused);
    for (const url of [
      'https://10.0.0.1/',
      'https://[::1]/',
      'https://169.254.169.254/',
      'http://example.com/',
      'https://u:p@example.com/',
      'file:///etc/passwd',
    ]) {
      assert.deepEqual(await makePost()(to(url, { reach: 'public' }), soon()), refused, url);
    }
    for (const url of ['https://169.254.169.254/', 'http://10.0.0.1/']) {
      assert.deepEqual(await makePost()(to(url), soon()), refused, url);
    }
    const rebound = makePost({
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
    const late = await makePost()(to(receiver.url), AbortSignal.timeout(100));
    assert.deepEqual(late, { kind: 'failed', problem: 'no complete answer in time' });
    const broken = await makePost()(to(receiver.url), soon());
    assert.deepEqual(broken, { kind: 'failed', problem: 'not reached (ECONNRESET)' });
    const long = await makePost()(to(receiver.url), soon());
    assert.deepEqual(long, { kind: 'answered', status: 200, retryAfter: null, text: null });
    const good = await makePost()(to(receiver.url), soon());
    assert.deepEqual(good, { kind: 'answered', status: 200, retryAfter: null, text: 'ok' });
  });
  const gone = await startReceiver();
  await gone.end();
  assert.deepEqual(await makePost()(to(gone.url), soon()), { kind: 'failed', problem: 'not reached (ECONNREFUSED)' });
});

test('TLS is verified: a certificate that nobody vouches for is refused, one that is configured is taken', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'jit-post-'));
  const made = await makeCertificate(folder, 'localhost');
  const [cert, key] = await Promise.all([readFile(made.cert, 'utf8'), readFile(made.key, 'utf8')]);
  const receiver = await startReceiver(0, { cert, key });
  try {
    const refused = await makePost()(to(receiver.url), soon());
    assert.deepEqual(refused, { kind: 'failed', problem: 'not reached (DEPTH_ZERO_SELF_SIGNED_CERT)' });
    assert.deepEqual(receiver.received, []);
    const taken = await makePost({ ca: cert })(to(receiver.url), soon());
    assert.equal(taken.kind === 'answered' && taken.status, 204);
  } finally {
    await receiver.end();
    await rm(folder, { recursive: true });
  }
});

test('a message that would be refused for ever is given up, everything else is tried again', () => {
  const verdicts = (statuses: readonly number[]): Set<string> =>
    new Set(statuses.map((status) => verdictOf({ kind: 'answered', status, retryAfter: null, text: '' }, START).kind));
  assert.deepEqual(verdicts([200, 201, 202, 204]), new Set(['delivered']));
  assert.deepEqual(verdicts([400, 410, 413, 414, 415, 422]), new Set(['refused']));
  assert.deepEqual(verdicts([0, 100, 304, 401, 403, 404, 408, 409, 429, 500, 502, 503, 504]), new Set(['later']));
});

test('Retry-After is seconds or a date, and nothing else', () => {
  assert.equal(retryAfterMs('30', START), 30_000);
  assert.equal(retryAfterMs(new Date(START + 90_000).toUTCString(), START), 90_000);
  assert.equal(retryAfterMs(new Date(START - 90_000).toUTCString(), START), 0);
  for (const text of [null, '', '-1', '1.5', '1e9', 'soon', '2027-01-15', '99999999999'])
    assert.equal(retryAfterMs(text, START), null);
});

test('Teams gets one card, and an answer that it does not take the card is told', async () => {
  await withReceiver(async (receiver) => {
    const settings = { name: 'teams', url: new Secret(`${receiver.url}?sig=canary`), reach: 'private' } as const;
    const notifier = teamsNotifier(settings, { post: makePost(), now: () => START });
    receiver.next.push({ status: 202 }, { status: 429, headers: { 'retry-after': '7' } }, { status: 400 });
    assert.deepEqual(await notifier.deliver(sampleNotice(), null, soon()), { kind: 'delivered', receipt: null });
    const later = await notifier.deliver(sampleNotice(), null, soon());
    assert.deepEqual(later, { kind: 'later', afterMs: 7_000, problem: 'it answered with status 429' });
    const refused = await notifier.deliver(sampleNotice(), null, soon());
    assert.deepEqual(refused, { kind: 'refused', problem: 'it answered with status 400' });
    const [first] = receiver.received;
    assert.equal(first?.path, '/in?sig=canary');
    // Safe: the assertion fails for another shape.
    const { type, attachments } = JSON.parse(first.body) as {
      type: string;
      attachments: { contentType: string; content: { actions: object[] } }[];
    };
    assert.equal(type, 'message');
    assert.equal(attachments[0]?.contentType, 'application/vnd.microsoft.card.adaptive');
    assert.deepEqual(attachments[0].content.actions, [
      { type: 'Action.OpenUrl', title: 'Open at the broker', url: sampleNotice().url },
    ]);
    assert.doesNotMatch(JSON.stringify([first.body, later, refused, notifier]), /canary/);
  });
});
