import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { didYouMean, editDistance, suggest } from '../../src/core/suggest.ts';

const NAMES = ['s3:GetObject', 's3:GetObjectAcl', 's3:PutObject', 's3:DeleteObject', 'ssm:StartSession'];

test('a typing mistake, a swap and a wrong case each find the name that was meant first', () => {
  assert.equal(suggest('s3:GetObjct', NAMES)[0], 's3:GetObject');
  assert.equal(suggest('s3:GteObject', NAMES)[0], 's3:GetObject');
  assert.equal(suggest('S3:getobject', NAMES)[0], 's3:GetObject');
});

test('a word unlike any name suggests nothing', () => {
  assert.deepEqual(suggest('deploy', NAMES), []);
  assert.deepEqual(suggest('', NAMES), []);
  assert.equal(didYouMean('deploy', NAMES), undefined);
});

test('the hint reads as a question', () => {
  assert.equal(didYouMean('ssm:StartSesion', NAMES), 'did you mean ssm:StartSession?');
  assert.match(didYouMean('s3:GetObject1', NAMES) ?? '', /^did you mean s3:GetObject, .* or s3:\w+\?$/);
});

test('the number of suggestions is limited, and each name comes once', () => {
  const found = suggest('s3:GetObject', [...NAMES, ...NAMES], 2);
  assert.equal(found.length, 2);
  assert.equal(new Set(found).size, 2);
});

test('a hostile word of a million characters and names such as __proto__ are only words', () => {
  assert.deepEqual(suggest('x'.repeat(1_000_000), NAMES), []);
  assert.deepEqual(suggest('__proto_', ['__proto__', 'constructor']), ['__proto__']);
});

test('edit distance is a distance: symmetric, zero only for equals, and the limit never hides a smaller one', () => {
  const word = fc.string({ maxLength: 12 });
  fc.assert(
    fc.property(word, word, fc.nat(12), (a, b, limit) => {
      const full = editDistance(a, b);
      assert.equal(full, editDistance(b, a));
      assert.equal(full === 0, a === b);
      const bounded = editDistance(a, b, limit);
      if (full <= limit) assert.equal(bounded, full);
      else assert.ok(bounded > limit);
    }),
  );
});
