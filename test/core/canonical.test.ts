/**
 * Canonical JSON: one text for each value, the one of RFC 8785.
 * @module
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { type Canonical, canonicalHash, canonicalJson } from '../../src/core/canonical.ts';

const text = fc.string({ unit: 'grapheme' });
const { value } = fc.letrec<{
  value: Canonical;
  list: readonly Canonical[];
  object: { readonly [key: string]: Canonical };
}>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    text,
    tie('list'),
    tie('object'),
  ),
  list: fc.array(tie('value'), { maxLength: 5 }),
  object: fc.dictionary(text, tie('value'), { maxKeys: 5, noNullPrototype: true }),
}));

const isList = (given: Canonical): given is readonly Canonical[] => Array.isArray(given);

/** The same value with its keys put in by another order. */
function reordered(given: Canonical): Canonical {
  if (given === null || typeof given !== 'object') return given;
  if (isList(given)) return given.map(reordered);
  return Object.fromEntries(
    Object.entries(given)
      .toReversed()
      .map(([key, one]) => [key, reordered(one)]),
  );
}

test('it is JSON of the same value', () => {
  fc.assert(
    fc.property(value, (given) => {
      assert.deepEqual(JSON.parse(canonicalJson(given)), JSON.parse(JSON.stringify(given)));
    }),
  );
});

test('the order in which an object was made does not show', () => {
  fc.assert(
    fc.property(value, (given) => {
      assert.equal(canonicalJson(reordered(given)), canonicalJson(given));
      assert.equal(canonicalHash(reordered(given)), canonicalHash(given));
    }),
  );
});

test('different values have different texts and hashes', () => {
  fc.assert(
    fc.property(value, value, (a, b) => {
      const same = canonicalJson(a) === canonicalJson(b);
      assert.equal(same, canonicalHash(a) === canonicalHash(b));
      if (same) assert.deepEqual(JSON.parse(JSON.stringify(a)), JSON.parse(JSON.stringify(b)));
      else assert.notDeepEqual(reordered(a), reordered(b));
    }),
  );
});

test('the text is one line without spaces of its own, stable under reading and writing again', () => {
  fc.assert(
    fc.property(value, (given) => {
      const once = canonicalJson(given);
      // Read from JSON, so it is a canonical value again.
      assert.equal(canonicalJson(JSON.parse(once) as Canonical), once);
      assert.ok(!/[\u0000-\u001f]/.test(once));
    }),
  );
});

test('the keys of RFC 8785 section 3.2.3 come in the order of that section', () => {
  const keys = {
    '\u20ac': 'Euro Sign',
    '\r': 'Carriage Return',
    '\ufb33': 'Hebrew',
    '1': 'One',
    '\u{1f600}': 'Emoji',
    '\u0080': 'Control',
    ö: 'Latin',
  };
  assert.deepEqual(
    [...canonicalJson(keys).matchAll(/:"([^"]+)"/g)].map((match) => match[1]),
    ['Carriage Return', 'One', 'Control', 'Latin', 'Euro Sign', 'Emoji', 'Hebrew'],
  );
});

test('strings are escaped as RFC 8785 section 3.2.2.2 says, and the hash is of the UTF-8 bytes', () => {
  assert.equal(canonicalJson('\u20ac$\u000f\nA\'B"\\\\"/\u2028'), '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/\u2028"');
  assert.equal(canonicalJson(-0), '0');
  assert.equal(
    canonicalHash('é'),
    createHash('sha256')
      .update(Buffer.from([0x22, 0xc3, 0xa9, 0x22]))
      .digest('hex'),
  );
});

test('a key named __proto__ is a key like any other', () => {
  const given = JSON.parse('{"__proto__":{"admin":true},"a":1}') as Canonical; // A JSON object, so canonical.
  assert.equal(canonicalJson(given), '{"__proto__":{"admin":true},"a":1}');
});

test('numbers that writers could differ on, and lone surrogates, are refused wherever they are', () => {
  for (const number of [0.1, Number.NaN, Infinity, -Infinity, 2 ** 53, 1e21]) {
    assert.throws(() => canonicalJson({ deep: [number] }), RangeError);
  }
  for (const lone of ['\ud800', 'a\udc00b', '\udc00\ud800']) {
    assert.throws(() => canonicalJson([lone]), RangeError);
    assert.throws(() => canonicalJson({ [lone]: 1 }), RangeError);
  }
});
