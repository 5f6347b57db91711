/**
 * Properties of the form of a file of incidents.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { stringify } from 'yaml';
import { JitError } from '../../../src/core/errors.ts';
import { readIncidents } from '../../../src/incidents/file/form.ts';

const facts = { source: 'drills', tiers: new Set([1, 2]), writtenAt: 1_800_000_000_000 };
const person = fc.stringMatching(/^[a-z][a-z0-9@.]{0,20}$/);
const incident = fc.record({
  id: fc.stringMatching(/^[A-Z]{1,4}-[0-9]{1,6}$/),
  title: fc.stringMatching(/^[ -~]{1,100}$/),
  state: fc.constantFrom('open', 'closed'),
  severity: fc.constantFrom(null, 1, 2, 3, 4, 5),
  responders: fc.array(person, { maxLength: 5 }),
  commanders: fc.array(person, { maxLength: 5 }),
  onCall: fc.array(fc.record({ person, tier: fc.integer({ min: 1, max: 20 }) }), { maxLength: 5 }),
  mergedInto: fc.constantFrom(null, 'INC-1'),
});

test('whatever is written in the form is read as it is meant', () => {
  const lists = fc.uniqueArray(incident, { selector: ({ id }) => id, maxLength: 10 });
  fc.assert(
    fc.property(lists, (written) => {
      const read = readIncidents(stringify({ incidents: written }), facts);
      assert.equal(read.length, written.length);
      for (const [at, one] of read.entries()) {
        const from = written[at];
        assert.ok(from !== undefined);
        assert.equal(one.id, from.id);
        assert.equal(one.title, from.title);
        assert.equal(one.severity, from.severity);
        assert.equal(one.state, from.mergedInto === null ? from.state : 'closed');
        const counted = from.onCall.filter(({ tier }) => tier <= 2).map((each) => each.person);
        assert.deepEqual(
          one.onCall.map((each) => each.id),
          one.state === 'open' ? counted : [],
        );
        const responders = one.responders.map((each) => each.id);
        for (const each of [...from.responders, ...from.commanders]) assert.ok(responders.includes(each));
        for (const each of one.responders) assert.equal(each.email !== null, each.id.includes('@'));
      }
    }),
  );
});

test('any other text fails in one way, whatever it is and wherever it was cut off', () => {
  const whole = stringify({
    incidents: [{ id: 'INC-7', title: 'checkout', state: 'open', responders: ['ada', 'eve'] }],
  });
  const cut = fc.integer({ min: 0, max: whole.length }).map((length) => whole.slice(0, length));
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), cut, fc.string({ unit: 'binary' })), (text) => {
      try {
        assert.ok(Array.isArray(readIncidents(text, facts)));
      } catch (thrown) {
        assert.ok(thrown instanceof JitError && thrown.code === 'ERR_INCIDENT_SOURCE', String(thrown));
        assert.match(thrown.message, /^the incidents of drills: line \d+ of their file is not as it should be/);
      }
    }),
    { numRuns: 500 },
  );
});
