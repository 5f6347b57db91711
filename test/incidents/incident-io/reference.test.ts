/**
 * What people call an incident of incident.io.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { readReference } from '../../../src/incidents/incident-io/reference.ts';

test('property: a reference is a prefix and a number, and nothing beside them', () => {
  fc.assert(
    fc.property(
      fc.stringMatching(/^[A-Z][A-Z0-9]{0,15}$/),
      fc.integer({ min: 1, max: 999_999_999 }),
      (prefix, number) => {
        const text = `${prefix}-${number}`;
        assert.deepEqual(readReference(text), { kind: 'reference', reference: text, number: String(number) });
        for (const bad of [
          `${prefix}-0${number}`,
          ` ${text}`,
          `${text}\n`,
          `${prefix}${number}-`,
          text.toLowerCase(),
        ]) {
          assert.equal(readReference(bad), null, bad);
        }
      },
    ),
  );
});

test('what is above the largest ULID is none', () => {
  assert.deepEqual(readReference('7ZZZZZZZZZZZZZZZZZZZZZZZZZ')?.kind, 'id');
  assert.equal(readReference('80000000000000000000000000'), null);
});

test('property: an id is itself, and whatever is taken can stand in an address as it is', () => {
  fc.assert(fc.property(fc.ulid(), (id) => assert.deepEqual(readReference(id), { kind: 'id', id })));
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[A-Z0-9#/%.-]{1,30}$/)), (text) => {
      const read = readReference(text);
      if (read === null) return;
      const key = read.kind === 'id' ? read.id : read.number;
      assert.equal(encodeURIComponent(key), key);
      assert.ok(text.endsWith(key));
    }),
  );
});
