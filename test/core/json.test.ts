/**
 * The look at JSON from strangers that comes before its parser.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { jsonProblem } from '../../src/core/json.ts';
import { anyText } from './texts.ts';

const wide = { depth: 100, members: 100_000 };

/** What `JSON.parse` alone would do with a text, the names that it silently drops included. */
function parsed(text: string): { readonly names: number } | null {
  let names = 0;
  try {
    JSON.parse(text, (_key, value: unknown) => {
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) names += Object.keys(value).length;
      return value;
    });
    return { names };
  } catch {
    return null;
  }
}

test('JSON that a writer wrote is fine, however it is spaced', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.nat(3), (value, indent) => {
      assert.equal(jsonProblem(JSON.stringify(value, null, indent), wide), null);
    }),
  );
});

test('a name that comes twice in one object is found, however deep and however it is escaped', () => {
  const twice = [
    '{"a":1,"a":2}',
    '{"a":1,"\\u0061":2}',
    '[[{"x":{"a":1,"b":{},"a":[]}}]]',
    '{"":1, "" :2}',
    '{"__proto__":1,"__proto__":2}',
  ];
  for (const text of twice) assert.match(jsonProblem(text, wide) ?? '', /twice/, text);
  for (const text of ['{"a":{"a":1}}', '[{"a":1},{"a":1}]', '{"a":"a","b":"a"}'])
    assert.equal(jsonProblem(text, wide), null, text);
});

test('no random text gets a duplicate name past it and through the parser', () => {
  const texts = fc.array(
    fc.constantFrom('{', '}', '[', ']', ':', ',', '"a"', '"\\u0061"', '"b"', '1', 'null', ' ', '"'),
    { maxLength: 14 },
  );
  fc.assert(
    fc.property(texts, (pieces) => {
      const text = pieces.join('');
      const outcome = parsed(text);
      if (outcome === null || jsonProblem(text, wide) !== null) return;
      // Outside strings every colon belongs to one name.
      assert.equal(outcome.names, text.replaceAll(/"[^"]*"/g, '').split(':').length - 1, text);
    }),
    { numRuns: 5_000 },
  );
});

test('depth and members are counted before anything is built', () => {
  assert.equal(jsonProblem('[[[]]]', { depth: 3, members: 9 }), null);
  assert.match(jsonProblem('[[[[]]]]', { depth: 3, members: 9 }) ?? '', /deeper than 3/);
  assert.match(jsonProblem('['.repeat(1_000_000), { depth: 32, members: 9 }) ?? '', /deeper/);
  assert.match(jsonProblem('{"a":1,"b":2}', { depth: 3, members: 2 }) ?? '', /more than 2/);
  assert.match(jsonProblem(`[${'1,'.repeat(1_000_000)}1]`, { depth: 3, members: 1_000 }) ?? '', /more than 1000/);
});

test('it never throws, on noise and on very long strings alike', () => {
  fc.assert(fc.property(anyText, (text) => void jsonProblem(text, wide)));
  for (const text of [
    `"${'x'.repeat(1_000_000)}"`,
    `"${'\\"'.repeat(500_000)}`,
    '"\\',
    '{"a',
    `{"${'k'.repeat(1_000_000)}":1}`,
  ]) {
    assert.equal(jsonProblem(text, wide), null, text.slice(0, 10));
  }
});
