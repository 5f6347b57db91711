/**
 * What the tests of signing in share.
 * @module
 */
import { request } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import { text } from 'node:stream/consumers';
import { inspect } from 'node:util';
import assert from 'node:assert/strict';
import { type ErrorCode, JitError } from '../../../src/core/errors.ts';
import type { SignInContext } from '../../../src/identity/sign-in/provider.ts';
import type { Idp } from '../../support/idp.ts';

/** The thumbprint of a key, as far as the identity provider is concerned. */
export const NONCE = 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs';

export function contextOf(idp: Idp, signal: AbortSignal = new AbortController().signal): SignInContext {
  return { provider: idp.view, broker: 'prod', signal };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A request with exactly these headers, `Host` included, as no browser would let a page send it. */
export async function send(
  url: string,
  {
    method = 'GET',
    headers = {},
  }: { readonly method?: string; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false });
    sent.on('error', reject);
    sent.on('response', (response) => {
      text(response).then(
        (body) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
        reject,
      );
    });
    sent.end();
  });
}

/** Nobody listens there any more. */
export async function assertClosed(url: string): Promise<void> {
  await assert.rejects(send(url), { code: 'ECONNREFUSED' });
}

/** Checks the code, and that neither the error nor anything it holds on to shows one of the secrets. */
export async function rejectsWith(
  promise: Promise<unknown>,
  expected: { readonly code: ErrorCode; readonly message?: RegExp; readonly hint?: string },
  secrets: readonly string[] = [],
): Promise<JitError> {
  const thrown: unknown = await promise.then(
    () => assert.fail('it succeeded'),
    (reason: unknown) => reason,
  );
  assert.ok(thrown instanceof JitError, inspect(thrown));
  assert.equal(thrown.code, expected.code, inspect(thrown));
  if (expected.message !== undefined) assert.match(thrown.message, expected.message);
  if (expected.hint !== undefined) assert.equal(thrown.hint, expected.hint);
  const shown = inspect(thrown, { depth: Infinity, showHidden: true });
  for (const secret of secrets) assert.ok(!shown.includes(secret), 'a secret shows');
  return thrown;
}
