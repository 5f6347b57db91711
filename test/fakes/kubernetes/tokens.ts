/**
 * Tokens of service accounts in the cluster for tests: signed, bound to a Secret, and remembered for a while after they were seen.
 * Source: kubernetes/kubernetes, pkg/serviceaccount/claims.go, pkg/registry/core/serviceaccount/storage/token.go and
 * pkg/kubeapiserver/authenticator/config.go.
 * @module
 */
import { generateKeyPairSync, randomUUID, sign, verify } from 'node:crypto';
import { member, text } from './rbac.ts';
import type { User } from './rbac.ts';
import { badRequest, conflict, invalid } from './status.ts';
import type { Store } from './store.ts';
import { typeOf } from './types.ts';
import type { ResourceType } from './types.ts';

const ISSUER = 'https://kubernetes.default.svc.cluster.local';
const LEEWAY_MS = 60_000;
const CACHE_MS = 10_000;
const SHORTEST = 600;
const LONGEST = 2 ** 32;

export interface Tokens {
  /** Carries out a TokenRequest for an account. */
  issue(namespace: string, name: string, request: unknown): object;
  /** Null for a token that is not taken. */
  authenticate(token: string): User | null;
  /** Whether a token is good right now, without what is remembered of it. */
  check(token: string): User | null;
}

/** How a server may differ from what it is asked: seconds that it signs and says, and whose name it signs. */
export interface TokenQuirks {
  readonly signs?: (asked: number) => number;
  readonly says?: (asked: number) => number;
  readonly subject?: string;
  readonly unbound?: 'unbound';
}

const kind = (resource: string): ResourceType => {
  const type = typeOf('', 'v1', resource);
  if (type === undefined) throw new Error(`no ${resource}`);
  return type;
};

export function makeTokens(store: Store, now: () => number, quirks: () => TokenQuirks): Tokens {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const seen = new Map<string, { readonly user: User; readonly at: number }>();
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

  const check = (token: string): User | null => {
    const [header = '', payload = '', signature = '', ...rest] = token.split('.');
    if (rest.length > 0 || signature === '') return null;
    const key = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const;
    const signed = Buffer.from(`${header}.${payload}`);
    if (!verify('sha256', signed, key, Buffer.from(signature, 'base64url'))) return null;
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    const own = member(claims, 'kubernetes.io');
    const namespace = text(own, 'namespace');
    const there = (resource: string, ref: unknown): boolean => {
      const found = store.find({ type: kind(resource), namespace, name: text(ref, 'name') });
      if (found === null || found.metadata.uid !== text(ref, 'uid')) return false;
      const { deletionTimestamp } = found.metadata;
      return deletionTimestamp === undefined || Date.parse(deletionTimestamp) >= now() - LEEWAY_MS;
    };
    const [from, until] = [Number(member(claims, 'nbf')) * 1_000, Number(member(claims, 'exp')) * 1_000];
    if (now() < from - LEEWAY_MS || now() > until + LEEWAY_MS) return null;
    const [account, secret] = [member(own, 'serviceaccount'), member(own, 'secret')];
    if (!there('serviceaccounts', account) || (secret !== undefined && !there('secrets', secret))) return null;
    return {
      name: text(claims, 'sub'),
      groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
    };
  };

  return {
    check,
    authenticate: (token) => {
      const known = seen.get(token);
      if (known !== undefined && now() >= known.at && now() - known.at < CACHE_MS) return known.user;
      const user = check(token);
      if (user === null) seen.delete(token);
      else seen.set(token, { user, at: now() });
      return user;
    },
    issue: (namespace, name, request) => {
      const account = store.get({ type: kind('serviceaccounts'), namespace, name });
      const spec = member(request, 'spec');
      const asked = Number(member(spec, 'expirationSeconds') ?? 3_600);
      if (asked < SHORTEST) throw invalid('spec.expirationSeconds: may not specify a duration less than 10 minutes');
      if (asked > LONGEST) throw invalid('spec.expirationSeconds: may not specify a duration larger than 2^32 seconds');
      const ref = member(spec, 'boundObjectRef');
      let secret: { readonly name: string; readonly uid: string } | null = null;
      if (ref !== undefined && ref !== null) {
        if (text(ref, 'kind') !== 'Secret')
          throw badRequest(`cannot bind token to object of type ${text(ref, 'kind')}`);
        const { metadata } = store.get({ type: kind('secrets'), namespace, name: text(ref, 'name') });
        if (text(ref, 'uid') !== '' && text(ref, 'uid') !== metadata.uid) {
          throw conflict('the UID in the bound object reference does not match the UID in record');
        }
        secret = { name: metadata.name, uid: metadata.uid };
      }
      const { signs = same, says = same, subject, unbound } = quirks();
      const at = Math.floor(now() / 1_000);
      const claims = {
        iss: ISSUER,
        aud: [ISSUER],
        jti: randomUUID(),
        sub: subject ?? `system:serviceaccount:${namespace}:${name}`,
        iat: at,
        nbf: at,
        exp: at + signs(asked),
        'kubernetes.io': {
          namespace,
          serviceaccount: { name, uid: account.metadata.uid },
          ...(secret === null || unbound !== undefined ? {} : { secret }),
        },
      };
      const content = `${encode({ alg: 'ES256', kid: 'fake' })}.${encode(claims)}`;
      const signature = sign('sha256', Buffer.from(content), { key: privateKey, dsaEncoding: 'ieee-p1363' });
      const expirationTimestamp = new Date((at + says(asked)) * 1_000).toISOString().replace('.000', '');
      return {
        kind: 'TokenRequest',
        apiVersion: 'authentication.k8s.io/v1',
        metadata: { name, namespace },
        spec: { audiences: [ISSUER], expirationSeconds: asked, boundObjectRef: ref ?? null },
        status: { token: `${content}.${signature.toString('base64url')}`, expirationTimestamp },
      };
    },
  };
}

const same = (seconds: number): number => seconds;
