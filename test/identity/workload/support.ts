/**
 * Small real servers and signed tokens for the sources of identity.
 * @module
 */
import assert from 'node:assert/strict';
import { createSign, generateKeyPairSync } from 'node:crypto';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { JitError } from '../../../src/core/errors.ts';
import type { Env, WorkloadAsk, WorkloadProof, WorkloadSource } from '../../../src/identity/workload/source.ts';
import { workloadSources, type WorkloadParts } from '../../../src/identity/workload/discover.ts';
import { type Ended, run } from '../../support/run.ts';

export const AUDIENCE = 'https://jit.example.com';
const SOON = 300;

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

/** A JWT with a real ES256 signature, for the audience and not over, unless `claims` says otherwise. */
export function signed(claims: Readonly<Record<string, unknown>> = {}): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const iat = Math.floor(Date.now() / 1_000);
  const body = { iss: 'https://issuer.example', sub: 'job', aud: AUDIENCE, iat, exp: iat + SOON, ...claims };
  const head = `${part({ alg: 'ES256', typ: 'JWT' })}.${part(body)}`;
  return `${head}.${createSign('sha256').update(head).sign({ key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

/** Serves until the test ends. @returns its address without a path. */
export async function serve(t: TestContext, answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  // Safe: a server that listens on TCP has such an address.
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export function urlOf(request: IncomingMessage): URL {
  return new URL(request.url ?? '', 'http://server');
}

/** No test of another source reaches these. */
const NO_AWS: WorkloadParts['aws'] = {
  webIdentityToken: () => Promise.reject(new Error('not asked')),
  callerIdentity: () => Promise.reject(new Error('not asked')),
};

export function source(name: WorkloadSource['name'], parts: Partial<WorkloadParts> = {}): WorkloadSource {
  const found = workloadSources({ platform: process.platform, now: Date.now, aws: NO_AWS, ...parts }).find(
    (each) => each.name === name,
  );
  assert.ok(found !== undefined);
  return found;
}

export function asking(env: Env, more: Partial<WorkloadAsk> = {}): WorkloadAsk {
  const binding = { keyThumbprint: 'thumbprint', nonce: 'nonce', body: 'body' };
  return { audience: AUDIENCE, env, signal: undefined, binding, ...more };
}

/** Asserts that it fails with this code and these words, none of them secret. @returns the error. */
export async function refused(
  proof: Promise<WorkloadProof>,
  code: JitError['code'],
  words: RegExp,
  secrets: readonly string[] = [],
): Promise<JitError> {
  const error = await proof.then(
    () => assert.fail('it was not refused'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof JitError, String(error));
  const shown = `${error.message}\n${error.hint ?? ''}`;
  assert.equal(error.code, code, shown);
  assert.match(shown, words);
  for (const secret of secrets) assert.ok(!shown.includes(secret), `shows a secret: ${shown}`);
  return error;
}

/** Runs one source in a process of its own, for SDKs that read the environment of theirs. */
export async function fetchApart(
  name: WorkloadSource['name'],
  env: Readonly<Record<string, string>>,
  { audience = AUDIENCE, limitMs = 15_000 }: { readonly audience?: string; readonly limitMs?: number } = {},
): Promise<{ readonly answer: Readonly<Record<string, unknown>>; readonly ended: Ended }> {
  const script = join(import.meta.dirname, 'fetch-proof.ts');
  const ended = await run(process.execPath, [script, name, audience, String(limitMs)], {
    env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', ...env },
    deadlineMs: 40_000,
  });
  assert.equal(ended.status, 0, ended.stderr);
  assert.equal(ended.stderr, '');
  return { answer: JSON.parse(ended.stdout), ended };
}
