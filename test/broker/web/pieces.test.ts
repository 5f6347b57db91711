/**
 * The small pieces that the pages rest on.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { landing, makeHref, redirectUri } from '../../../src/broker/web/address.ts';
import { doubtfulWords } from '../../../src/broker/web/alphabets.ts';
import { readCookie } from '../../../src/broker/web/cookies.ts';
import { demandSameOrigin } from '../../../src/broker/web/forms.ts';
import { makeGate } from '../../../src/broker/web/gate.ts';
import { duration, foreign, foreignBlock } from '../../../src/broker/web/pages/text.ts';
import { readSteps } from '../../../src/broker/web/timeline.ts';
import { makePassages, type Passage, TRIP_SECONDS } from '../../../src/broker/web/trip.ts';
import { JitError } from '../../../src/core/errors.ts';
import { Secret } from '../../../src/core/secret.ts';

const ID = '0'.repeat(26);

test('only pages of ours are landed on', () => {
  for (const path of ['/web/requests', '/web/grants', `/web/requests/req_${ID}`, `/web/grants/gr_${ID}`]) {
    assert.equal(landing(path), path);
  }
  for (const path of [
    '',
    '/',
    'https://evil.example',
    '//evil.example',
    '/web/requests/../x',
    `/web/grants/req_${ID}`,
    '/web/sign-out',
    `/web/requests/req_${ID}/approve`,
    `/web/requests/req_${ID}\n`,
  ]) {
    assert.equal(landing(path), '/web/', path);
  }
  fc.assert(fc.property(fc.string(), (path) => landing(path).startsWith('/web/')));
});

test('a broker below a path of its host has its pages there', () => {
  assert.equal(redirectUri('https://jit.example/team'), 'https://jit.example/team/web/callback');
  assert.equal(makeHref('https://jit.example/team')('/web/'), '/team/web/');
  assert.equal(makeHref('https://jit.example')('/web/'), '/web/');
});

test('words in several alphabets, in lookalikes and in odd forms are pointed out; ordinary words of any language are not', () => {
  for (const text of ['p\u0430ypal', 'ΑWS key', 'use \u0455\u0441\u043E\u0440\u0435 now', 'ｐrod', '𝐩𝐫𝐨𝐝 data']) {
    assert.equal(doubtfulWords(text).length, 1, text);
  }
  for (const text of [
    'fix the numbers',
    'Zahlen für März',
    'починить отчёт',
    '修正する report',
    'διόρθωση',
    'OPS-12 café naïve',
    'straße',
    'ﬁx'.normalize('NFKC'),
  ]) {
    assert.deepEqual(doubtfulWords(text), [], text);
  }
});

test('foreign text never becomes markup or moves the text around it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary' }), async (text) => {
      for (const shown of [await foreign(text), await foreignBlock(text)]) {
        const inner = String(shown).replaceAll(/<\/?(?:bdi|p|blockquote)(?: class="foreign")?>/g, '');
        assert.doesNotMatch(inner, /[<>"']/);
        assert.doesNotMatch(inner, /[\p{Cc}\p{Cf}]/u);
      }
    }),
  );
});

test('durations are exact', () => {
  assert.equal(duration(1), '1 second');
  assert.equal(duration(5_400), '1 hour 30 minutes');
  assert.equal(duration(90_061), '1 day 1 hour 1 minute 1 second');
  assert.equal(duration(0), '0 seconds');
});

test('a form is taken from this origin only; browsers that say nothing of the site have to name it', () => {
  const origin = 'https://jit.example';
  const taken = (headers: Readonly<Record<string, string>>): boolean => {
    try {
      demandSameOrigin(new Headers(headers), origin);
      return true;
    } catch (thrown) {
      assert.ok(thrown instanceof JitError && thrown.code === 'ERR_DENIED');
      return false;
    }
  };
  assert.ok(taken({ 'sec-fetch-site': 'same-origin' }));
  assert.ok(taken({ 'sec-fetch-site': 'same-origin', origin: 'null' }));
  assert.ok(taken({ origin }));
  for (const headers of [
    {},
    { origin: 'null' },
    { origin: 'https://jit.example.evil' },
    { 'sec-fetch-site': 'cross-site', origin },
    { 'sec-fetch-site': 'same-origin', origin: 'https://evil.example' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'none' },
    { referer: `${origin}/web/` },
  ]) {
    assert.ok(!taken(headers), JSON.stringify(headers));
  }
});

test('of two cookies with one name neither counts', () => {
  assert.equal(readCookie('a=1; __Host-jit=x; b=2', '__Host-jit'), 'x');
  assert.equal(readCookie('__Host-jit=x; __Host-jit=y', '__Host-jit'), null);
  assert.equal(readCookie('x__Host-jit=x', '__Host-jit'), null);
  assert.equal(readCookie(null, '__Host-jit'), null);
});

test('a trip is read by the process that sealed it, as it was, while it lasts', () => {
  const passages = makePassages((length) => randomBytes(length));
  const passage: Passage = {
    state: 's',
    nonce: 'n',
    verifier: new Secret('v'),
    provider: 'idp',
    manner: 'quiet',
    purpose: { kind: 'sign-in', to: '/web/' },
    startedAt: 1_000,
  };
  const sealed = passages.seal(passage);
  assert.ok(!Buffer.from(sealed, 'base64url').includes('idp'));
  assert.ok(sealed.length < 2_000, 'it fits into a cookie');
  const { verifier, ...rest } = passages.open(sealed, 2_000) ?? { verifier: null };
  assert.deepEqual(rest, {
    state: 's',
    nonce: 'n',
    provider: 'idp',
    manner: 'quiet',
    purpose: { kind: 'sign-in', to: '/web/' },
    startedAt: 1_000,
  });
  assert.equal(verifier?.expose(), 'v');
  assert.equal(passages.open(sealed, 1_000 + TRIP_SECONDS * 1_000), null);
  assert.equal(makePassages((length) => randomBytes(length)).open(sealed, 2_000), null);
  const bytes = Buffer.from(sealed, 'base64url');
  for (let at = 0; at < bytes.length; at += 7) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert.equal(passages.open(changed.toString('base64url'), 2_000), null);
  }
  for (const text of [null, '', 'x', sealed.slice(0, 20)]) assert.equal(passages.open(text, 2_000), null);
});

test('one address has its share of sign-ins, a proxy of this machine a larger one, and a minute later anew', () => {
  let now = 0;
  const gate = makeGate(() => now, { most: 2, mostShared: 4 });
  const tries = (from: string): readonly boolean[] => Array.from({ length: 5 }, () => gate.admits(from));
  assert.deepEqual(tries('192.0.2.1'), [true, true, false, false, false]);
  assert.deepEqual(tries('192.0.2.2'), [true, true, false, false, false]);
  assert.deepEqual(tries('::ffff:127.0.0.1'), [true, true, true, true, false]);
  now = 60_000;
  assert.ok(gate.admits('192.0.2.1'));
});

test('an entry that cannot be read is shown and not left out', () => {
  const line = JSON.stringify({
    at: '2026-01-01T00:00:00.000Z',
    type: 'grant.issued',
    actor: { kind: 'broker' },
    data: { target: 'web', deep: {} },
  });
  assert.deepEqual(
    readSteps([
      { sequence: 1, line },
      { sequence: 2, line: 'broken' },
    ]),
    [
      {
        sequence: 1,
        at: '2026-01-01T00:00:00.000Z',
        type: 'grant.issued',
        actor: 'the broker',
        details: ['target: web'],
      },
      { sequence: 2, at: '-', type: 'unreadable entry', actor: null, details: ['broken'] },
    ],
  );
});
