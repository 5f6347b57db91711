/**
 * What can be done only while a grant is live, and the words for everybody else.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import type { GrantState } from '../../core/grant.ts';
import type { GrantId } from '../../core/ids.ts';

/** Throws `ERR_PENDING` while the grant is issued, `ERR_GRANT_ENDED` after its end. */
export function live(state: GrantState | undefined, id: GrantId): Extract<GrantState, { name: 'active' }> {
  if (state?.name === 'active') return state;
  if (state?.name === 'issuing') {
    throw new JitError({
      code: 'ERR_PENDING',
      message: 'the grant is still being issued',
      hint: `jit wait ${id}`,
      subject: id,
    });
  }
  throw ended(id);
}

export function ended(id: GrantId): JitError {
  return new JitError({
    code: 'ERR_GRANT_ENDED',
    message: `grant ${id} has ended`,
    hint: 'ask again with: jit request …',
    subject: id,
  });
}
