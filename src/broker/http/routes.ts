/**
 * The HTTP API as a table. The routes, their checks and the OpenAPI document all come from it.
 * @module
 */
import type * as z from 'zod';
import { JitError } from '../../core/errors.ts';
import type { HookCall } from '../../core/hook.ts';
import type { Principal } from '../../core/principal.ts';
import type { Unconfirmed } from '../service/unconfirmed.ts';
import type { Access, Caller } from '../sessions/caller.ts';
import type { EmergencyCall } from '../sessions/unconfirmed.ts';

export interface Query {
  get(name: string): string | undefined;
}

/** One call, checked as far as the table says. */
export interface OpenCall<B> {
  readonly caller: Caller;
  /** The `{id}` of the path, or empty; as it was before it was encoded. */
  readonly id: string;
  /** The `{source}` of the path, or empty. */
  readonly source: string;
  readonly query: Query;
  readonly body: B;
  /** SHA-256 of the body's bytes. */
  readonly bodyHash: string;
  readonly idempotencyKey: string | null;
  /** Of a route with `raw`, for whoever checks a signature; else null. */
  readonly raw: HookCall | null;
  /** Fires when the caller has gone away. */
  readonly signal: AbortSignal;
}

/** A call by somebody who is known. */
export interface Call<B> extends OpenCall<B> {
  readonly principal: Principal;
  /** Of an emergency call without a word of the identity provider: access that is given on it ends early. Else null. */
  readonly unconfirmed: Unconfirmed | null;
}

/** A call before it is known how far its caller may be believed. */
export type Asking<B> = Pick<Call<B>, 'principal' | 'id' | 'body'>;

export interface Parameter {
  readonly name: string;
  readonly description: string;
  /** The status of the reply where this parameter is `true`, if it is another than the route's own. */
  readonly status?: 200;
}

export interface Route {
  readonly method: 'GET' | 'POST';
  /** With `{id}` and `{source}` as in OpenAPI. */
  readonly path: string;
  readonly summary: string;
  /** What the caller must have proven for this call. */
  readonly access: (query: Query) => Access;
  /**
   * Of a route that needs a word of the identity provider: whether this call is an emergency one, which may do without while the
   * provider is down; null where it is not. Left out, no call of the route is. Throws as `run` does.
   */
  readonly emergency?: (call: Asking<unknown>) => Promise<EmergencyCall | null>;
  readonly query?: readonly Parameter[];
  readonly idempotent?: 'by key';
  readonly body?: z.ZodType;
  /** The body is handed over byte for byte, of whatever type it is. */
  readonly raw?: 'as sent';
  readonly reply: z.ZodType | null;
  readonly status: 200 | 201 | 204;
  readonly run: (call: OpenCall<unknown>) => Promise<unknown>;
}

interface Spec<B, R, C> extends Omit<Route, 'access' | 'body' | 'emergency' | 'reply' | 'run'> {
  readonly body?: z.ZodType<B>;
  readonly reply: z.ZodType<R> | null;
  readonly run: (call: C) => Promise<R | void>;
}

/** A route for those who are signed in, whose handler is typed by its own schemas. */
export function route<B = undefined, R = null>(
  spec: Spec<B, R, Call<B>> & {
    readonly access?: (query: Query) => 'signed in' | 'fresh';
    readonly emergency?: (call: Asking<B>) => Promise<EmergencyCall | null>;
  },
): Route {
  const { emergency, ...rest } = spec;
  const served = openRoute<B, R>({
    ...rest,
    access: spec.access ?? (() => 'signed in'),
    run: async (call) => {
      const { caller } = call;
      if (caller.kind === 'nobody' || caller.kind === 'key holder') throw notSignedIn();
      const unconfirmed = caller.kind === 'signed in' ? caller.unconfirmed : null;
      return spec.run({ ...call, principal: caller.principal, unconfirmed });
    },
  });
  // Safe: as in `openRoute`, the body has been parsed by this route's own schema.
  return emergency === undefined ? served : { ...served, emergency: async (call) => emergency(call as Asking<B>) };
}

/** A route that says itself what it demands of the caller. */
export function openRoute<B = undefined, R = null>(
  spec: Spec<B, R, OpenCall<B>> & { readonly access: (query: Query) => Access },
): Route {
  // Safe: the body handed to `run` has been parsed by this very `body` schema, and is undefined where there is none.
  return { ...spec, run: async (call) => spec.run(call as OpenCall<B>) };
}

export function notSignedIn(): JitError {
  return new JitError({
    code: 'ERR_NOT_SIGNED_IN',
    message: 'this broker does not know who is calling',
    hint: 'sign in with: jit login',
  });
}
