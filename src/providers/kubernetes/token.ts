/**
 * Asking for a token that dies with the grant's Secret, and checking what came back.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import type { Cluster } from './client.ts';
import { handleName } from './handle.ts';
import type { Handle } from './handle.ts';
import type { IssuedToken } from './issue.ts';
import { objectName, userName } from './names.ts';

/** The cluster's clock and ours, and the way there and back. */
const SKEW_MS = 120_000;
const JWT = /^[A-Za-z0-9_-]{1,8192}\.([A-Za-z0-9_-]{1,8192})\.[A-Za-z0-9_-]{1,4096}$/;

/**
 * Throws what calls throw, and `ERR_CLOUD_UNKNOWN` for a token that is of somebody else, does not hang on the Secret, or lives
 * longer than was asked for: it may be live, and is revoked by name.
 * @param bound uid of the Secret; life of the token in seconds; epoch ms.
 */
export async function requestToken(
  cluster: Cluster,
  handle: Handle,
  bound: { readonly secret: string; readonly seconds: number; readonly now: number },
): Promise<IssuedToken> {
  const name = objectName(handle);
  const { namespace } = handle.access;
  const boundObjectRef = { apiVersion: 'v1', kind: 'Secret', name, uid: bound.secret };
  const { status } = await cluster.call(
    `create a token of serviceaccount ${handleName(handle)}`,
    async ({ core }) =>
      await core.createNamespacedServiceAccountToken({
        namespace,
        name,
        body: {
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenRequest',
          // None: the audience of the API server itself.
          spec: { audiences: [], expirationSeconds: bound.seconds, boundObjectRef },
        },
      }),
  );
  const token = new Secret(status?.token ?? '');
  const claims = claimsOf(token);
  if (claims === null) throw wrong('cannot be read');
  if (claims.subject !== userName(namespace, name)) throw wrong('is of another account');
  if (bound.secret === '' || claims.secret !== bound.secret) throw wrong('does not hang on the secret of the grant');
  // The server may give another life than was asked for; it may also say one thing and sign another.
  const said = status?.expirationTimestamp?.getTime() ?? Number.NaN;
  const expiresAt = Math.max(claims.expiresAt, said);
  if (!Number.isFinite(expiresAt) || expiresAt <= bound.now) throw wrong('has no end that makes sense');
  if (expiresAt > bound.now + bound.seconds * 1_000 + SKEW_MS) throw wrong('lives longer than was asked for');
  return { token, expiresAt };
}

interface Claims {
  readonly subject: unknown;
  readonly secret: unknown;
  /** Epoch ms. */
  readonly expiresAt: number;
}

/**
 * What a token says of itself, unverified: the server that made it sits at the other end of the same connection.
 * Source: kubernetes/kubernetes, pkg/serviceaccount/claims.go.
 */
function claimsOf(token: Secret<string>): Claims | null {
  const payload = JWT.exec(token.expose())?.[1];
  if (payload === undefined) return null;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    const expiry = member(claims, 'exp');
    return {
      subject: member(claims, 'sub'),
      secret: member(member(member(claims, 'kubernetes.io'), 'secret'), 'uid'),
      expiresAt: typeof expiry === 'number' ? expiry * 1_000 : Number.NaN,
    };
  } catch {
    return null;
  }
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.getOwnPropertyDescriptor(value, name)?.value;
}

function wrong(what: string): JitError {
  return new JitError({ code: 'ERR_CLOUD_UNKNOWN', message: `the cluster answered with a token that ${what}` });
}
