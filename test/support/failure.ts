/**
 * Errors that are expected: by their code, and by what they say.
 * @module
 */
import assert from 'node:assert/strict';
import { type ErrorCode, JitError } from '../../src/core/errors.ts';

/** The error that the work fails with, checked for its code. */
export async function failure(work: Promise<unknown>, code: ErrorCode): Promise<JitError> {
  const thrown: unknown = await work.then(
    (value) => assert.fail(`it succeeded: ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
  assert.ok(thrown instanceof JitError, String(thrown));
  assert.equal(thrown.code, code, `${thrown.message} ${thrown.hint ?? ''}`);
  return thrown;
}

/** The same, checked for its words too: message and hint. */
export async function refused(work: Promise<unknown>, code: ErrorCode, text: RegExp = /./): Promise<void> {
  const { message, hint } = await failure(work, code);
  assert.match(`${message} ${hint ?? ''}`, text);
}
