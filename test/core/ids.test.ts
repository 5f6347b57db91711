/**
 * Ids: one text for each 128 bits, and nothing else accepted.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { JitError } from '../../src/core/errors.ts';
import { grantId, isGrantId, isRequestId, parseId, requestId } from '../../src/core/ids.ts';
import { anyText } from './texts.ts';

const random = fc.uint8Array({ minLength: 16, maxLength: 16 });

function isRefused(text: string): void {
  assert.throws(
    () => parseId(text),
    (thrown) => thrown instanceof JitError && thrown.code === 'ERR_USAGE',
    JSON.stringify(text),
  );
  assert.ok(!isRequestId(text) && !isGrantId(text));
}

test('an id is its prefix and 26 characters, is read back, and is only what it is', () => {
  fc.assert(
    fc.property(random, (bytes) => {
      const [request, grant] = [requestId(bytes), grantId(bytes)];
      assert.match(request, /^req_[0-9a-hjkmnp-tv-z]{26}$/);
      assert.match(grant, /^gr_[0-9a-hjkmnp-tv-z]{26}$/);
      assert.equal(parseId(request), request);
      assert.equal(parseId(grant), grant);
      assert.deepEqual([isRequestId(grant), isGrantId(request)], [false, false]);
    }),
  );
});

test('different random bits give different ids, in the same order', () => {
  fc.assert(
    fc.property(random, random, (a, b) => {
      const order = Math.sign(Buffer.compare(a, b));
      const [left, right] = [grantId(a), grantId(b)];
      assert.equal(left === right ? 0 : left < right ? -1 : 1, order);
    }),
  );
});

test('the ends of the range are written in Crockford base32', () => {
  assert.equal(grantId(new Uint8Array(16)), `gr_${'0'.repeat(26)}`);
  assert.equal(grantId(new Uint8Array(16).fill(255)), `gr_7${'z'.repeat(25)}`);
});

test('an id takes 16 bytes and no other number', () => {
  for (const length of [0, 15, 17, 32]) assert.throws(() => requestId(new Uint8Array(length)), RangeError);
});

test('what is not exactly an id is refused: wrong case, length, letters, surroundings, more than 128 bits', () => {
  const body = '0123456789abcdefghjkmnpqrs';
  assert.ok(isGrantId(`gr_${body}`));
  const wrong = [
    '',
    'gr_',
    body,
    `gr_${body}x`,
    `gr_${body.slice(1)}`,
    `GR_${body}`,
    `gr_${body.toUpperCase()}`,
    `gr_8${body.slice(1)}`,
    `gr_${body}\n`,
    ` gr_${body}`,
    `gr-${body}`,
    `req_gr_${body}`,
    `gr_../${body.slice(3)}`,
    ...['i', 'l', 'o', 'u', '０', '\u200b'].map((letter) => `gr_${body.slice(0, 25)}${letter}`),
  ];
  for (const text of wrong) isRefused(text);
});

test('no random text is taken for an id', () => {
  fc.assert(fc.property(anyText, isRefused));
});
