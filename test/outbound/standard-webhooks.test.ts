/**
 * Checking signatures of Standard Webhooks, against the vector of the specification and the official library.
 * @module
 */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { JitError } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';
import { readWebhookSecret, signed, verifySigned } from '../../src/outbound/standard-webhooks.ts';

const NOW = 1_614_265_330_000;
const ID = 'msg_p5jXN8AQM9LWM0D4loKWxJek';
const BODY = '{"test": 2432232314}';
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const OTHER = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;
const secretOf = (text: string): Secret<Uint8Array> => readWebhookSecret(new Secret(text), 'secret');
const secret = secretOf(SECRET);

/** The vector of the section "Signature scheme" of spec/standard-webhooks.md, with the secret of its libraries' tests. */
const VECTOR = {
  'webhook-id': ID,
  'webhook-timestamp': '1614265330',
  'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
} as const;

const bytes = (text: string): Uint8Array => Buffer.from(text, 'utf8');
const call = (headers: Readonly<Record<string, string>>, body: Uint8Array | string = BODY) => ({
  header: (name: string): string | null => headers[name] ?? null,
  body: typeof body === 'string' ? bytes(body) : body,
});
const isRefused = (thrown: unknown): boolean => thrown instanceof JitError && thrown.code === 'ERR_NOT_SIGNED_IN';
const refuses = (...args: Parameters<typeof verifySigned>): void =>
  assert.throws(() => verifySigned(...args), isRefused);

test('the vector of the specification is good, under its own names and under those of Svix', () => {
  const expected = { id: ID, at: NOW };
  assert.deepEqual(verifySigned(call(VECTOR), [secret], NOW), expected);
  const svix = Object.fromEntries(
    Object.entries(VECTOR).map(([name, value]) => [name.replace('webhook', 'svix'), value]),
  );
  assert.deepEqual(verifySigned(call(svix), [secret], NOW), expected);
});

test('what the official library signs is good', () => {
  const at = new Date(NOW);
  const signature = new Webhook(OTHER).sign('msg_1', at, BODY);
  const headers = { 'webhook-id': 'msg_1', 'webhook-timestamp': String(NOW / 1_000), 'webhook-signature': signature };
  assert.equal(verifySigned(call(headers), [secretOf(OTHER)], NOW).id, 'msg_1');
  refuses(call(headers), [secret], NOW);
});

test('one of several signatures and one of several secrets is enough', () => {
  const [old, young] = [secretOf(OTHER), secret];
  const both = signed(ID, BODY, [old, young], NOW);
  for (const secrets of [[old], [young], [old, young], [young, old]]) {
    assert.equal(verifySigned(call(both), secrets, NOW).id, ID);
  }
  const only = signed(ID, BODY, [old], NOW);
  assert.equal(verifySigned(call(only), [young, old], NOW).id, ID);
  refuses(call(only), [young], NOW);
  refuses(call(both), [], NOW);
  const mixed = { ...VECTOR, 'webhook-signature': `v1a,abc v2,x ${VECTOR['webhook-signature']}` };
  assert.equal(verifySigned(call(mixed), [secret], NOW).id, ID, 'versions that are not known are passed over');
});

test('five minutes to either side, and no more', () => {
  for (const off of [-300_000, 300_000]) assert.equal(verifySigned(call(VECTOR), [secret], NOW + off).id, ID);
  for (const off of [-301_000, 301_000, 86_400_000]) refuses(call(VECTOR), [secret], NOW + off);
});

test('a header that is missing, of two families, or of another form is refused', () => {
  for (const name of Object.keys(VECTOR))
    refuses(call(Object.fromEntries(Object.entries(VECTOR).filter(([each]) => each !== name))), [secret], NOW);
  const { 'webhook-signature': signature, ...rest } = VECTOR;
  refuses(call({ ...rest, 'svix-signature': signature }), [secret], NOW);
  const raw = signature.slice(3);
  const hex = Buffer.from(raw, 'base64').toString('hex');
  for (const bad of [
    '',
    raw,
    `v0,${raw}`,
    `V1,${raw}`,
    `v1=${raw}`,
    `v1,${raw.slice(0, -1)}`,
    `v1,${raw.slice(0, 20)}`,
    `v1,${hex}`,
    `v1,${raw},x`,
    `${signature}=`,
  ]) {
    refuses(call({ ...VECTOR, 'webhook-signature': bad }), [secret], NOW);
  }
  for (const bad of [
    '',
    '1614265330.0',
    ' 1614265330',
    '+1614265330',
    '0x60379F72',
    '1e9',
    'NaN',
    '-1',
    '16142653300000000',
  ]) {
    refuses(call({ ...VECTOR, 'webhook-timestamp': bad }), [secret], NOW);
  }
  refuses(
    call({ ...VECTOR, 'webhook-signature': Array.from({ length: 17 }, () => signature).join(' ') }),
    [secret],
    NOW,
  );
});

test('an id with a dot is refused: it could move the border between id, time and body', () => {
  const body = `${NOW / 1_000}.${BODY}`;
  const mac = createHmac('sha256', secret.expose())
    .update(`a.${NOW / 1_000}.${body}`)
    .digest('base64');
  const headers = { 'webhook-id': 'a', 'webhook-timestamp': String(NOW / 1_000), 'webhook-signature': `v1,${mac}` };
  assert.equal(verifySigned(call(headers, body), [secret], NOW).id, 'a');
  refuses(call({ ...headers, 'webhook-id': `a.${NOW / 1_000}` }), [secret], NOW);
});

test('the body counts byte for byte: the same document written otherwise is refused', () => {
  const text = '{"a":"\u00e9","b":1}';
  const headers = signed('msg_1', text, [secret], NOW);
  assert.equal(verifySigned(call(headers, text), [secret], NOW).id, 'msg_1');
  for (const other of [
    '{"b":1,"a":"\u00e9"}',
    '{"a": "\u00e9","b":1}',
    '{"a":"\\u00e9","b":1}',
    `${text}\n`,
    `\ufeff${text}`,
  ]) {
    refuses(call(headers, other), [secret], NOW);
  }
  refuses(call(headers, Buffer.from(text, 'latin1')), [secret], NOW);
});

test('property: whatever is signed is good, and a change of one bit anywhere is not', () => {
  const id = fc.stringMatching(/^[!-\-/-~]{1,64}$/);
  fc.assert(
    fc.property(id, fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.nat(), (message, body, where) => {
      const mac = createHmac('sha256', secret.expose())
        .update(`${message}.${NOW / 1_000}.`)
        .update(body)
        .digest();
      const headers = (value: Buffer) => ({
        'webhook-id': message,
        'webhook-timestamp': String(NOW / 1_000),
        'webhook-signature': `v1,${value.toString('base64')}`,
      });
      assert.equal(verifySigned(call(headers(mac), body), [secret], NOW).id, message);
      const flipped = Uint8Array.from(body, (byte, at) => (at === where % body.length ? byte ^ 1 : byte));
      refuses(call(headers(mac), flipped), [secret], NOW);
      const broken = Buffer.from(mac.map((byte, at) => (at === where % mac.length ? byte ^ 1 : byte)));
      refuses(call(headers(broken), body), [secret], NOW);
    }),
  );
});
