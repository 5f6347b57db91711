/**
 * From a signed request to a caller. Nothing in the request is believed before its signature is.
 * @module
 */
import type { Cloud } from '../cloud.ts';
import { fault, isFault } from '../fault.ts';
import type { Fault } from '../fault.ts';
import { OPERATOR, sessionArn } from '../principal.ts';
import type { Principal } from '../principal.ts';
import type { CloudRequest } from '../request.ts';
import { readClaim } from './claim.ts';
import type { Claim } from './claim.ts';
import type { Chain } from './chunked.ts';
import { canonicalRequest, requestSignature, sameSignature, scopeOf, signingKey } from './signature.ts';

/** The services differ in the codes and statuses of the same refusals. */
export type Flavour = 's3' | 'query';

type AuthFault = 'missing' | 'unknown-key' | 'bad-token' | 'expired-token' | 'mismatch';

// Sources: S3 API reference, "Error responses"; STS API reference, "Common errors".
const FAULTS: Readonly<Record<Flavour, Readonly<Record<AuthFault, Fault>>>> = {
  s3: {
    missing: fault('AccessDenied', 403, 'Access Denied'),
    'unknown-key': fault(
      'InvalidAccessKeyId',
      403,
      'The AWS Access Key Id you provided does not exist in our records.',
    ),
    'bad-token': fault('InvalidToken', 400, 'The provided token is malformed or otherwise invalid.'),
    'expired-token': fault('ExpiredToken', 400, 'The provided token has expired.'),
    mismatch: fault(
      'SignatureDoesNotMatch',
      403,
      'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
    ),
  },
  query: {
    missing: fault('MissingAuthenticationToken', 403, 'Request is missing Authentication Token'),
    'unknown-key': fault('InvalidClientTokenId', 403, 'The security token included in the request is invalid.'),
    'bad-token': fault('InvalidClientTokenId', 403, 'The security token included in the request is invalid.'),
    'expired-token': fault('ExpiredToken', 403, 'The security token included in the request is expired'),
    mismatch: fault(
      'SignatureDoesNotMatch',
      403,
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
    ),
  },
};

const SKEW_MS = 15 * 60_000;

/** A caller whose signature is good. `chain` is what signatures of body chunks continue from. */
export interface Caller {
  readonly principal: Principal;
  readonly via: Claim['via'];
  readonly chain: Chain;
}

/** What is expected of the signature. */
export interface Expectation {
  readonly flavour: Flavour;
  readonly service: string;
  /** The payload's hash, or the marker that stands for it, exactly as the client must have signed it. */
  readonly payload: string;
}

function timeFault(claim: Claim, flavour: Flavour, now: number): Fault | null {
  const age = now - claim.signedAt;
  // STS takes no notice of X-Amz-Expires: its presigned requests live for 15 minutes.
  const lifetime = flavour === 's3' && claim.lifetime !== null ? claim.lifetime * 1_000 : SKEW_MS;
  if (age <= lifetime && age >= -SKEW_MS) return null;
  if (flavour === 's3' && claim.lifetime !== null) {
    return fault('AccessDenied', 403, age > 0 ? 'Request has expired' : 'Request is not yet valid');
  }
  if (flavour === 's3') {
    return fault(
      'RequestTimeTooSkewed',
      403,
      'The difference between the request time and the current time is too large.',
    );
  }
  const stamp = (instant: number) => new Date(instant).toISOString().replace(/[-:]|\.\d+/g, '');
  return fault(
    'SignatureDoesNotMatch',
    403,
    age > 0
      ? `Signature expired: ${claim.timestamp} is now earlier than ${stamp(now - SKEW_MS)} (${stamp(now)} - 15 min.)`
      : `Signature not yet current: ${claim.timestamp} is still later than ${stamp(now + SKEW_MS)} (${stamp(now)} + 15 min.)`,
  );
}

/** Every `x-amz-` header must be signed; the payload's own is bound by being the payload that is signed. */
function hasUnsignedHeaders(request: CloudRequest, claim: Claim): boolean {
  return [...request.headers.keys()].some(
    (name) => name.startsWith('x-amz-') && name !== 'x-amz-content-sha256' && !claim.signedHeaders.includes(name),
  );
}

function principalOf(cloud: Cloud, claim: Claim): Principal | AuthFault {
  if (claim.token === null) {
    return claim.accessKeyId === cloud.keys.operator().expose().accessKeyId ? OPERATOR : 'unknown-key';
  }
  const session = cloud.readSession(claim.accessKeyId, claim.token);
  const role = session === null ? undefined : cloud.world.roles.get(session.role);
  if (session === null || role === undefined) return 'bad-token';
  const policy = session.policy === null ? null : cloud.readPolicy(session.policy);
  // A policy of an older sandbox that this one can no longer read must not be ignored.
  if (isFault(policy)) return 'bad-token';
  const arn = sessionArn(role, session.name);
  return { kind: 'session', arn, userId: `${role.id}:${session.name}`, role, session, policy };
}

/** Finds out who signed. Faults for no signature, a wrong one, a stale one, and credentials that have ended. */
export function authenticate(cloud: Cloud, request: CloudRequest, expected: Expectation): Caller | Fault {
  const faults = FAULTS[expected.flavour];
  const claim = readClaim(request);
  if (claim === null) return faults.missing;
  if (isFault(claim)) return claim;
  if (claim.service !== expected.service) {
    const message = `Credential should be scoped to correct service: '${expected.service}'.`;
    return expected.flavour === 's3'
      ? fault('AuthorizationHeaderMalformed', 400, message)
      : fault('SignatureDoesNotMatch', 403, message);
  }
  if (hasUnsignedHeaders(request, claim)) {
    return fault('AccessDenied', 403, 'There were headers present in the request which were not signed');
  }
  const principal = principalOf(cloud, claim);
  if (typeof principal === 'string') return faults[principal];
  const key = signingKey(cloud.keys.secretFor(claim.accessKeyId).expose(), claim);
  const seed = requestSignature(key, claim, canonicalRequest(request, claim, expected.payload));
  if (!sameSignature(seed, claim.signature)) return faults.mismatch;
  const now = cloud.now();
  const late = timeFault(claim, expected.flavour, now);
  if (late !== null) return late;
  if (principal.kind === 'session' && now >= principal.session.expiresAt * 1_000) return faults['expired-token'];
  return { principal, via: claim.via, chain: { key, timestamp: claim.timestamp, scope: scopeOf(claim), seed } };
}
