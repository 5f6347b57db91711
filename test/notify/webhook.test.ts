/**
 * Signed webhooks, checked by the library of the Standard Webhooks project on the other side of real HTTP.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { JitError } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';
import { makeCall } from '../../src/outbound/call.ts';
import { webhookNotifier } from '../../src/notify/webhook/notifier.ts';
import type { Rotating } from '../../src/outbound/rotating.ts';
import { readWebhookSecret, signed } from '../../src/outbound/standard-webhooks.ts';
import { type Received, startReceiver } from '../outbound/receiver.ts';
import { noticeOf, sampleNotice, TRICKS } from './samples.ts';

const OLD = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
const NEW = `whsec_${Buffer.alloc(24, 2).toString('base64')}`;

const rotating = (text: string, until: number | null = null): Rotating<Uint8Array> => ({
  secret: readWebhookSecret(new Secret(text), 'secret'),
  until,
});

/** What the other side gets out of it with that secret. Throws where the signature or the time is not good. */
function verified(secret: string, { body, headers }: Received): unknown {
  const plain = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
  return new Webhook(secret).verify(body, plain);
}

test('the vector of the specification is signed as the specification says', () => {
  // The example of the section "Signature scheme" of spec/standard-webhooks.md, with the secret of its libraries' tests.
  const secret = readWebhookSecret(new Secret('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'), 'secret');
  const headers = signed('msg_p5jXN8AQM9LWM0D4loKWxJek', '{"test": 2432232314}', [secret], 1_614_265_330_000);
  assert.deepEqual(headers, {
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
});

test('a receiver with the official library takes it, with the old secret and the new one while they change over', async () => {
  const receiver = await startReceiver();
  let at = Date.now();
  const settings = {
    name: 'audit',
    url: new Secret(receiver.url),
    reach: 'private',
    secrets: [rotating(NEW), rotating(OLD, at + 1_000)],
  } as const;
  const notifier = webhookNotifier(settings, { post: makeCall(), now: () => at });
  try {
    const notice = sampleNotice();
    const told = await notifier.deliver(notice, null, AbortSignal.timeout(2_000));
    assert.deepEqual(told, { kind: 'delivered', receipt: null });
    const [first] = receiver.received;
    assert.ok(first !== undefined);
    for (const secret of [OLD, NEW]) {
      const body = verified(secret, first);
      assert.deepEqual(body, JSON.parse(first.body));
    }
    // Safe: compared as a whole above.
    const { type, timestamp, data } = JSON.parse(first.body) as {
      type: string;
      timestamp: string;
      data: { id: string };
    };
    assert.deepEqual([type, timestamp, data.id], ['jit.approval-needed', new Date(notice.at).toISOString(), notice.id]);
    assert.equal(first.headers['webhook-id'], notice.id);
    assert.throws(() => verified(`whsec_${Buffer.alloc(24, 3).toString('base64')}`, first));
    assert.throws(() => verified(NEW, { ...first, body: first.body.replace('ada', 'eve') }));

    at += 1_000;
    await notifier.deliver(notice, null, AbortSignal.timeout(2_000));
    const second = receiver.received[1];
    assert.ok(second !== undefined);
    verified(NEW, second);
    assert.throws(() => verified(OLD, second), 'the old one has run out');
    assert.equal(second.headers['webhook-id'], first.headers['webhook-id'], 'the same notice has the same id');
  } finally {
    await receiver.end();
  }
});

test('with no secret left nothing is sent', async () => {
  const receiver = await startReceiver();
  const settings = {
    name: 'audit',
    url: new Secret(receiver.url),
    reach: 'private',
    secrets: [rotating(OLD, 1)],
  } as const;
  const notifier = webhookNotifier(settings, { post: makeCall(), now: () => 2 });
  try {
    const told = await notifier.deliver(sampleNotice(), null, AbortSignal.timeout(2_000));
    assert.deepEqual(told, { kind: 'refused', problem: 'every one of its secrets has run out' });
    assert.deepEqual(receiver.received, []);
  } finally {
    await receiver.end();
  }
});

test('hostile text arrives as data, unchanged', async () => {
  const receiver = await startReceiver();
  const settings = {
    name: 'audit',
    url: new Secret(receiver.url),
    reach: 'private',
    secrets: [rotating(NEW)],
  } as const;
  const notifier = webhookNotifier(settings, { post: makeCall(), now: Date.now });
  try {
    for (const trick of TRICKS.filter((text) => text.isWellFormed())) {
      await notifier.deliver(noticeOf(trick), null, AbortSignal.timeout(2_000));
      const last = receiver.received.at(-1);
      assert.ok(last !== undefined);
      verified(NEW, last);
      // Safe: the assertion fails for another shape.
      const { data } = JSON.parse(last.body) as { data: { request: { reason: string } } };
      assert.equal(data.request.reason, trick);
    }
  } finally {
    await receiver.end();
  }
});

test('a secret of another form is refused without being shown', () => {
  const canary = 'canarycanarycanary';
  for (const text of [
    '',
    canary,
    `whsec_${canary}`,
    `whsec_${Buffer.alloc(23).toString('base64')}`,
    `whsec_${Buffer.alloc(65).toString('base64')}`,
    `${NEW} `,
    NEW.toUpperCase(),
    `${OLD.slice(0, -2)}B=`,
  ]) {
    assert.throws(
      () => readWebhookSecret(new Secret(text), '/etc/jit/secret'),
      (thrown: unknown) =>
        thrown instanceof JitError &&
        thrown.code === 'ERR_CONFIG' &&
        !`${thrown.message}${thrown.stack}`.includes(canary),
      text,
    );
  }
});
