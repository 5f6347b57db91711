/**
 * The tags that say what an assignment is there for.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { holdKey, holdValue, readHold } from '../../../src/providers/aws/identity-center/marks.ts';
import { newGrant } from '../aws/support.ts';
import { ACCOUNT, ANN_THERE, OWNER } from './support.ts';

// IAM Identity Center API reference, Tag.
const KEY = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,128}$/u;
const VALUE = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$/u;

test('a mark is read as it was written, to the second, in characters that tags may have', () => {
  const seconds = fc.integer({ min: 0, max: 4_102_444_800 }).map((one) => one * 1_000);
  const users = fc.constantFrom(ANN_THERE, `906769aa66-${ANN_THERE}`, ANN_THERE.toUpperCase());
  fc.assert(
    fc.property(users, seconds, fc.option(seconds), (user, endsAt, goneAt) => {
      const hold = { owner: OWNER, grant: newGrant(), account: ACCOUNT, user, endsAt, goneAt };
      const [key, value] = [holdKey(hold), holdValue(hold)];
      assert.match(key, KEY);
      assert.match(value, VALUE);
      assert.deepEqual(readHold(key, value), hold);
    }),
  );
});

test('an end within a second is never written earlier than it is', () => {
  const hold = { owner: OWNER, grant: newGrant(), account: ACCOUNT, user: ANN_THERE, endsAt: 1_500, goneAt: 2_001 };
  const read = readHold(holdKey(hold), holdValue(hold));
  assert.deepEqual([read?.endsAt, read?.goneAt], [2_000, 3_000]);
});

test('tags of others are none of it', () => {
  const grant = newGrant();
  const [key, value] = [`jit/${OWNER}/${grant}`, `${ACCOUNT}/${ANN_THERE}/1795000000`];
  assert.notEqual(readHold(key, value), null);
  for (const other of [
    'jit',
    `jit/${grant}`,
    `jit/${OWNER}/${grant}x`,
    `jit/${OWNER.toUpperCase()}/${grant}`,
    `jit/${OWNER}/gr_zzzzzzzzzzzzzzzzzzzzzzzzzz`,
    ` ${key}`,
    `${key}\n`,
  ]) {
    assert.equal(readHold(other, value), null, other);
  }
  for (const other of [
    '',
    ACCOUNT,
    `${ACCOUNT}/ann/1795000000`,
    `${value}/`,
    `${value}/gone-`,
    `${value}/gone-x`,
    `${value}\n`,
    `${ACCOUNT}/${ANN_THERE}/-1`,
    `${ACCOUNT}/${ANN_THERE}/1e9`,
  ]) {
    assert.equal(readHold(key, other), null, other);
  }
});
