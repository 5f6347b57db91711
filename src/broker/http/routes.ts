/**
 * The HTTP API as a table. The routes, their checks and the OpenAPI document all come from it.
 * @module
 */
import type * as z from 'zod';
import type { Principal } from '../../core/principal.ts';

export interface Query {
  get(name: string): string | undefined;
}

/** One call, checked as far as the table says. */
export interface Call<B> {
  readonly principal: Principal;
  /** The `{id}` of the path, or empty. */
  readonly id: string;
  readonly query: Query;
  readonly body: B;
  /** SHA-256 of the body's bytes. */
  readonly bodyHash: string;
  readonly idempotencyKey: string | null;
  /** Fires when the caller has gone away. */
  readonly signal: AbortSignal;
}

export interface Parameter {
  readonly name: string;
  readonly description: string;
  /** The status of the reply where this parameter is `true`, if it is another than the route's own. */
  readonly status?: 200;
}

export interface Route {
  readonly method: 'GET' | 'POST';
  /** With `{id}` as in OpenAPI. */
  readonly path: string;
  readonly summary: string;
  readonly query?: readonly Parameter[];
  readonly idempotent?: 'by key';
  readonly body?: z.ZodType;
  readonly reply: z.ZodType | null;
  readonly status: 200 | 201 | 204;
  readonly run: (call: Call<unknown>) => Promise<unknown>;
}

/** A route whose handler is typed by its own schemas. */
export function route<B = undefined, R = null>(spec: {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly summary: string;
  readonly query?: readonly Parameter[];
  readonly idempotent?: 'by key';
  readonly body?: z.ZodType<B>;
  readonly reply: z.ZodType<R> | null;
  readonly status: 200 | 201 | 204;
  readonly run: (call: Call<B>) => Promise<R | void>;
}): Route {
  // Safe: the body handed to `run` has been parsed by this very `body` schema, and is undefined where there is none.
  return { ...spec, run: async (call) => spec.run(call as Call<B>) };
}
