/**
 * The error table that scripts rely on, and the one error type.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { asJitError, ERRORS, isErrorCode, JitError } from '../../src/core/errors.ts';

test('every exit status is one that is promised, and every HTTP status an error', () => {
  const promised = new Set([1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 130, 143]);
  for (const [code, { exit, http }] of Object.entries(ERRORS)) {
    assert.match(code, /^ERR_[A-Z_]+$/);
    assert.ok(promised.has(exit), code);
    assert.ok(Number.isInteger(http) && http >= 400 && http <= 599, code);
  }
});

test('the statuses that scripts test for never change', () => {
  const fixed = {
    ERR_UNEXPECTED: 1,
    ERR_USAGE: 2,
    ERR_MISSING_INPUT: 2,
    ERR_NOT_SIGNED_IN: 4,
    ERR_DENIED: 5,
    ERR_PENDING: 6,
    ERR_GRANT_ENDED: 7,
    ERR_BROKER_UNREACHABLE: 8,
    ERR_NOT_FOUND: 9,
    ERR_CLOUD: 10,
    ERR_LOCAL_FILE: 11,
    ERR_INTERRUPTED: 130,
    ERR_TERMINATED: 143,
  } as const;
  for (const [code, exit] of Object.entries(fixed)) {
    assert.ok(isErrorCode(code));
    assert.equal(ERRORS[code].exit, exit, code);
  }
});

test('what may succeed later says so, and a refusal never does', () => {
  assert.equal(ERRORS.ERR_STORE.retryable, true);
  assert.equal(ERRORS.ERR_CONFLICT.retryable, true);
  for (const { http, retryable } of Object.values(ERRORS))
    if ([400, 401, 403, 404, 410, 422].includes(http)) assert.equal(retryable, false);
});

test('only own codes are codes, whatever is asked', () => {
  for (const code of Object.keys(ERRORS)) assert.ok(isErrorCode(code));
  for (const other of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '', 'err_store', 'ERR_STORE '])
    assert.ok(!isErrorCode(other));
  fc.assert(
    fc.property(
      fc.anything(),
      (value) => isErrorCode(value) === (typeof value === 'string' && Object.keys(ERRORS).includes(value)),
    ),
  );
});

test('an error keeps its parts and knows its facts', () => {
  const cause = new Error('inner');
  const error = new JitError({ code: 'ERR_STORE', message: 'no store', hint: 'look', subject: 'gr_1', cause });
  assert.deepEqual(
    [error.name, error.code, error.message, error.hint, error.subject, error.cause, error.facts.http],
    ['JitError', 'ERR_STORE', 'no store', 'look', 'gr_1', cause, 503],
  );
  assert.ok(!('cause' in new JitError({ code: 'ERR_STORE', message: 'no store' })));
});

test('an edge gets one type: own errors stay, foreign ones keep their words to themselves', () => {
  const own = new JitError({ code: 'ERR_DENIED', message: 'no' });
  assert.equal(asJitError(own), own);
  fc.assert(
    fc.property(
      fc.oneof(
        fc.anything(),
        fc.string().map((message) => new Error(message)),
      ),
      (thrown) => {
        const error = asJitError(thrown);
        assert.equal(error.code, 'ERR_UNEXPECTED');
        assert.equal(error.message, 'something went wrong inside jit');
        assert.ok(thrown === undefined || Object.is(error.cause, thrown));
      },
    ),
  );
});
