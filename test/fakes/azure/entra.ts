/**
 * Entra ID's token endpoint: exchanges a signed assertion for an access token where a federated credential trusts exactly its
 * issuer, subject and audience.
 * @module
 */
import { randomUUID } from 'node:crypto';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import type { JSONWebKeySet } from 'jose';
import type { Reply } from './world.ts';

export interface Federation {
  readonly issuer: string;
  readonly subject: string;
  readonly audiences: readonly string[];
}

/** An application or managed identity that can get tokens. */
export interface Client {
  readonly principalId: string;
  readonly federations: () => readonly Federation[];
  /** By which clock its tokens end. */
  readonly clock: 'real' | 'moved';
}

export type Entra = ReturnType<typeof makeEntra>;

const TOKEN_MS = 24 * 3_600_000;
const RSA: ReadonlySet<string> = new Set(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']);

/** @param keys of the issuer, as it publishes them. */
export function makeEntra(parts: {
  readonly now: () => number;
  readonly keys: () => JSONWebKeySet;
  readonly client: (clientId: string) => Client | null;
}) {
  const { now, keys, client } = parts;
  const tokens = new Map<string, { readonly principalId: string; readonly until: number }>();
  /** What was refused, and the claims of what was taken. */
  const seen: Record<string, unknown>[] = [];

  const exchange = async (form: URLSearchParams): Promise<Reply> => {
    const clientId = form.get('client_id') ?? '';
    const known = client(clientId.toLowerCase());
    if (known === null) return refused(400, 'AADSTS700016', 'unauthorized_client');
    if (form.get('grant_type') !== 'client_credentials') return refused(400, 'AADSTS70003', 'unsupported_grant_type');
    if (form.get('client_assertion_type') !== 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer') {
      return refused(400, 'AADSTS7000216', 'invalid_request');
    }
    try {
      const options = { currentDate: new Date(now()), requiredClaims: ['iss', 'sub', 'aud', 'exp', 'nbf', 'jti'] };
      const assertion = form.get('client_assertion') ?? '';
      // "'ES256' is not a supported signature algorithm" (AzureAD/microsoft-identity-web issue 3467).
      if (!RSA.has(decodeProtectedHeader(assertion).alg ?? '')) return refused(400, 'AADSTS5002738', 'invalid_client');
      const { payload } = await jwtVerify(assertion, createLocalJWKSet(keys()), options);
      seen.push(payload);
      const trusted = known
        .federations()
        .some(
          ({ issuer, subject, audiences }) =>
            issuer === payload.iss && subject === payload.sub && audiences.includes(String(payload.aud)),
        );
      if (!trusted) return refused(400, 'AADSTS700213', 'invalid_request');
    } catch {
      return refused(401, 'AADSTS700027', 'invalid_client');
    }
    const token = `token-${randomUUID()}`;
    // The SDK keeps its own token by the real clock, which these tests do not move.
    tokens.set(token, { principalId: known.principalId, until: known.clock === 'real' ? Infinity : now() + TOKEN_MS });
    return {
      status: 200,
      body: { token_type: 'Bearer', expires_in: 86_399, ext_expires_in: 86_399, access_token: token },
    };
  };

  return {
    exchange,
    seen,
    /** The principal that a bearer token stands for, or null. */
    bearer: (header: string | undefined): string | null => {
      const known = tokens.get((header ?? '').replace(/^Bearer /, ''));
      return known !== undefined && known.until > now() ? known.principalId : null;
    },
    /** All tokens that are out, for tests that look for them in texts. */
    tokens: (): readonly string[] => [...tokens.keys()],
  };
}

function refused(status: number, code: string, error: string): Reply {
  return { status, body: { error, error_description: `${code}: echo-canary`, error_codes: [Number(code.slice(6))] } };
}
