/**
 * Ids from paths and queries.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import { type GrantId, isGrantId, isRequestId, type RequestId } from '../../core/ids.ts';

/** Throws `ERR_NOT_FOUND` for what no request can be called. */
export function requestIdOf({ id }: { readonly id: string }): RequestId {
  if (isRequestId(id)) return id;
  throw new JitError({ code: 'ERR_NOT_FOUND', message: 'that is not the id of a request' });
}

/** Throws `ERR_NOT_FOUND` for what no grant can be called. */
export function grantIdOf({ id }: { readonly id: string }): GrantId {
  if (isGrantId(id)) return id;
  throw new JitError({ code: 'ERR_NOT_FOUND', message: 'that is not the id of a grant' });
}
