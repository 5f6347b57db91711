/**
 * A test issuer: its own keys, a real HTTP or HTTPS server on the loopback interface, and tokens of every kind.
 * Nothing outside these tests knows or trusts it.
 * @module
 */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createSecureServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTHeaderParameters, SignJWT } from 'jose';
import { Secret } from '../../../src/core/secret.ts';
import { identityProviderSchema, type ProviderConfig } from '../../../src/identity/verify/config.ts';
import type { VerifyLog } from '../../../src/identity/verify/keys.ts';
import type { Assertion, Binding, Verified, Verifier } from '../../../src/identity/verify/verified.ts';
import { makeVerifier, type VerifierParts } from '../../../src/identity/verify/verifier.ts';

/** 2026-11-22T03:20:00Z. */
export const NOW = 1_795_317_600_000;
export const AUDIENCE = 'https://jit.example.com';
export const CLIENT = 'jit-cli';
export const BINDING: Binding = { keyThumbprint: 'thumbprint', nonce: 'nonce', body: 'body' };
export const SILENT: VerifyLog = { warn: () => undefined };

/** One message for all faults: tests compare it whole. */
export const REFUSAL = {
  code: 'ERR_NOT_SIGNED_IN',
  message: 'that does not prove an identity that this broker knows',
  hint: 'sign in with: jit login',
};
export const OUTAGE = { code: 'ERR_IDENTITY_PROVIDER', message: /keys of the identity provider cannot be had/ };

export interface TestKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

export async function testKey(alg = 'ES256', kid = `${alg}-1`): Promise<TestKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { kid, alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

export type Claims = Readonly<Record<string, unknown>>;

/** Claims with the value undefined are left out. */
export async function signed(key: TestKey, claims: Claims, header: Claims = {}): Promise<string> {
  // Safe: the tests want headers that the type forbids.
  const protectedHeader = { alg: key.alg, kid: key.kid, typ: 'JWT', ...header } as JWTHeaderParameters;
  const defined = Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined));
  return await new SignJWT(defined).setProtectedHeader(protectedHeader).sign(key.privateKey);
}

/** Seconds from now, as claims have it. */
export const at = (seconds: number): number => NOW / 1_000 + seconds;

export interface TestIssuer {
  readonly url: string;
  readonly port: number;
  /** Paths that were asked for, in order. */
  readonly asked: readonly string[];
  /** What it publishes; replace the list to rotate. */
  keys: readonly JWK[];
  /** Takes over every answer, or null. */
  answer: ((request: IncomingMessage, response: ServerResponse) => void) | null;
}

export async function startIssuer(
  t: TestContext,
  keys: readonly JWK[],
  { tls, host }: { readonly tls?: ServerOptions; readonly host?: string } = {},
): Promise<TestIssuer> {
  const asked: string[] = [];
  const listener: RequestListener = (request, response) => {
    asked.push(request.url ?? '');
    if (issuer.answer !== null) return issuer.answer(request, response);
    const found: unknown = {
      '/.well-known/openid-configuration': { issuer: issuer.url, jwks_uri: `${issuer.url}/jwks` },
      '/jwks': { keys: issuer.keys },
    }[request.url ?? ''];
    response.writeHead(found === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(found ?? {}));
  };
  const server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  // Safe: it listens on TCP.
  const { port } = server.address() as AddressInfo;
  const scheme = tls === undefined ? 'http' : 'https';
  const issuer: TestIssuer = { url: `${scheme}://${host ?? '127.0.0.1'}:${port}`, port, asked, keys, answer: null };
  return issuer;
}

/** An entry as an operator would write it, for an issuer on the loopback interface. */
export function entry(value: Claims): ProviderConfig {
  return identityProviderSchema.parse({ allow_private_addresses: true, ...value });
}

export function verifierOf(
  providers: Readonly<Record<string, ProviderConfig>>,
  parts: Partial<VerifierParts> = {},
): Verifier {
  const map = new Map(Object.entries(providers));
  return makeVerifier({ providers: map, audience: AUDIENCE, now: () => NOW, log: SILENT, ...parts });
}

export const idToken = (token: string): Assertion => ({
  type: 'urn:ietf:params:oauth:token-type:id_token',
  token: new Secret(token),
});
export const jwt = (token: string): Assertion => ({
  type: 'urn:ietf:params:oauth:token-type:jwt',
  token: new Secret(token),
});

/** Why a proof was refused, for the operator's log; the empty text where it was not. */
export async function reasonOf(promise: Promise<Verified>): Promise<string> {
  return await promise.then(
    () => '',
    (thrown: unknown) =>
      thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause.message : String(thrown),
  );
}
