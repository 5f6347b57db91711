/**
 * What the parts of the contract have in common.
 * @module
 */
import assert from 'node:assert/strict';
import type { SessionStore } from '../../../../src/broker/store/sessions.ts';
import type { Store } from '../../../../src/broker/store/store.ts';
import { type ErrorCode, JitError } from '../../../../src/core/errors.ts';

/** Declares one test, which gets an empty store. */
export type Check = (title: string, body: (store: Store & SessionStore) => Promise<void>) => void;

/** For `assert.rejects`. */
export const failsWith = (code: ErrorCode) => (thrown: unknown) => {
  assert.ok(thrown instanceof JitError, String(thrown));
  assert.equal(thrown.code, code);
  return true;
};
