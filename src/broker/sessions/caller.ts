/**
 * Who makes a call, as far as it has been proven.
 * @module
 */
import type { Principal } from '../../core/principal.ts';
import type { Proof } from '../../identity/dpop/check.ts';
import type { Unconfirmed } from '../service/unconfirmed.ts';
import type { StoredSession } from '../store/sessions.ts';

export type Caller =
  | { readonly kind: 'nobody' }
  /** The holder of a key, and nothing more. */
  | { readonly kind: 'key holder'; readonly proof: Proof }
  | { readonly kind: 'os user'; readonly principal: Principal }
  | {
      readonly kind: 'signed in';
      readonly principal: Principal;
      readonly session: StoredSession;
      readonly proof: Proof;
      /** Of an emergency call without a word of the identity provider; else null. */
      readonly unconfirmed: Unconfirmed | null;
    };

/**
 * What a route demands. `fresh`: a word of the identity provider for this one call, so that whoever was disabled or left a group
 * is issued nothing more. While the provider is down, emergency calls may go on without it.
 */
export type Access = 'open' | 'key' | 'signed in' | 'fresh';
