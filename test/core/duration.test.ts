/**
 * Durations as people type them, and as they are shown again.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { formatDuration, LONGEST_SECONDS, parseDuration } from '../../src/core/duration.ts';
import { JitError } from '../../src/core/errors.ts';
import { anyText } from './texts.ts';

const isRefused = (text: string): void =>
  assert.throws(
    () => parseDuration(text),
    (thrown) => thrown instanceof JitError && thrown.code === 'ERR_DURATION' && thrown.hint !== undefined,
    JSON.stringify(text),
  );

test('the forms of the help text', () => {
  const forms = {
    '90s': 90,
    '15m': 900,
    '1h30m': 5_400,
    '2h': 7_200,
    '1d': 86_400,
    '30d': LONGEST_SECONDS,
    '090m': 5_400,
  };
  for (const [text, seconds] of Object.entries(forms)) assert.equal(parseDuration(text), seconds, text);
});

test('every length that can be asked for is read back from the way in which it is shown', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: LONGEST_SECONDS }), (seconds) => {
      assert.equal(parseDuration(formatDuration(seconds)), seconds);
    }),
    { numRuns: 2_000 },
  );
});

test('what is read is a sum of its parts, from one second to thirty days, or refused', () => {
  const parts = fc.record({ d: fc.nat(40), h: fc.nat(900), m: fc.nat(9_000), s: fc.nat(90_000) }, { requiredKeys: [] });
  fc.assert(
    fc.property(parts, ({ d, h, m, s }) => {
      const text = Object.entries({ d, h, m, s })
        .map(([unit, n]) => (n === undefined ? '' : `${n}${unit}`))
        .join('');
      const seconds = (d ?? 0) * 86_400 + (h ?? 0) * 3_600 + (m ?? 0) * 60 + (s ?? 0);
      if (seconds < 1 || seconds > LONGEST_SECONDS) isRefused(text);
      else assert.equal(parseDuration(text), seconds);
    }),
  );
});

test('no text whatever gives something that is not a whole number of seconds within bounds', () => {
  const texts = fc.oneof(anyText, fc.string({ unit: fc.constantFrom(...Array.from('0123456789dhms.-+e ')) }));
  fc.assert(
    fc.property(texts, (text) => {
      let seconds = 1;
      try {
        seconds = parseDuration(text);
      } catch (thrown) {
        assert.ok(thrown instanceof JitError && thrown.code === 'ERR_DURATION');
      }
      assert.ok(Number.isInteger(seconds) && seconds >= 1 && seconds <= LONGEST_SECONDS);
    }),
  );
});

test('hostile and mistaken forms are refused with a hint', () => {
  const wrong = [
    '',
    '0',
    '0s',
    '0h0m',
    '-5m',
    '+5m',
    '1e9h',
    '5x',
    '5',
    '1.5h',
    '30m1h',
    '1h1h',
    ' 5m',
    '5m ',
    '5m\n',
    '5 m',
    '5M',
  ];
  const hostile = [
    '31d',
    '30d1s',
    '99999999s',
    '9'.repeat(1_000_000),
    `${'9'.repeat(20)}s`,
    '٥m',
    '５m',
    'Infinity',
    'NaN',
    '0x5m',
  ];
  for (const text of [...wrong, ...hostile]) isRefused(text);
});

test('lengths are shown in their largest units, and nothing is shown as 0s', () => {
  assert.deepEqual([0, -5, 0.9, 59, 60, 3_661, 90_061].map(formatDuration), [
    '0s',
    '0s',
    '0s',
    '59s',
    '1m',
    '1h1m1s',
    '1d1h1m1s',
  ]);
});
