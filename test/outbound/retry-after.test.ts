/**
 * The header Retry-After.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { retryAfterMs } from '../../src/outbound/retry-after.ts';

const START = Date.UTC(2027, 0, 15, 12);

test('Retry-After is seconds or a date, and nothing else', () => {
  assert.equal(retryAfterMs('30', START), 30_000);
  assert.equal(retryAfterMs(new Date(START + 90_000).toUTCString(), START), 90_000);
  assert.equal(retryAfterMs(new Date(START - 90_000).toUTCString(), START), 0);
  for (const text of [null, '', '-1', '1.5', '1e9', 'soon', '2027-01-15', '99999999999'])
    assert.equal(retryAfterMs(text, START), null);
});
