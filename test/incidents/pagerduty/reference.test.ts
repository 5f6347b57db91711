/**
 * What people call an incident of PagerDuty.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { readReference } from '../../../src/incidents/pagerduty/reference.ts';

test('property: a number is one however it is written', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 999_999_999 }), fc.constantFrom('', '#', 'PD-'), (number, before) => {
      assert.deepEqual(readReference(`${before}${number}`), { kind: 'number', number });
      for (const bad of [`${before}0${number}`, `${before}${number} `, `${before}-${number}`, `${before}${number}\n`]) {
        assert.equal(readReference(bad), null, bad);
      }
    }),
  );
});

test('no number is asked for that no account has', () => {
  for (const text of ['2147483648', '#9999999999', 'PD-99999999999999999999']) assert.equal(readReference(text), null);
});

test('property: an id is itself, and whatever is taken can stand in an address as it is', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[A-Z][A-Z0-9]{5,20}$/), (id) =>
      assert.deepEqual(readReference(id), { kind: 'id', id }),
    ),
  );
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[A-Z0-9#/%.-]{1,12}$/)), (text) => {
      const read = readReference(text);
      if (read === null) return;
      const key = read.kind === 'id' ? read.id : String(read.number);
      assert.equal(encodeURIComponent(key), key);
      assert.ok(text.endsWith(key));
    }),
  );
});
