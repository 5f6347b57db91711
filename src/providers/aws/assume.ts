/**
 * Assuming a role, either way, and checking what came back.
 * @module
 */
import type { AssumeRoleResponse, AssumeRoleWithWebIdentityResponse } from '@aws-sdk/client-sts';
import type { AwsKeys } from '../../core/credential.ts';
import { JitError } from '../../core/errors.ts';
import type { Clock, TokenSigner } from '../../core/ports.ts';
import { Secret } from '../../core/secret.ts';
import { parseRole, sessionArn } from './arn.ts';
import type { Clients } from './clients.ts';
import { cloudFault, isBroken, judge } from './failure.ts';
import { GRANT_TAG, TOKEN_SECONDS, webIdentityClaims } from './names.ts';
import type { Marking } from './names.ts';
import type { CredentialSource, RoleAccess } from './target.ts';

/** A session to be made. */
export interface SessionOrder {
  readonly role: string;
  readonly session: string;
  /** Null for everything that the role may do. */
  readonly policy: string | null;
  /** ARNs of managed policies whose permissions are added to the policy's, and whose denials bind it. Left out: none. */
  readonly managed?: readonly string[];
  readonly seconds: number;
  readonly marking: Marking | null;
}

export interface Session {
  readonly keys: Secret<AwsKeys>;
  /** Epoch ms, as AWS says it. */
  readonly expiresAt: number;
}

/** Makes a session of a role that is reached as `access` says. Fails as the port of providers promises for `issue`. */
export type Assume = (access: RoleAccess, order: SessionOrder, signal: AbortSignal) => Promise<Session>;

const DEADLINE_MS = 10_000;
/** AWS's clock and ours, and the way there and back. */
const SKEW_MS = 120_000;

/** One call's signal: the caller's own, or the deadline of every call. */
export function deadline(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]);
}

export function assumeWith(deps: {
  readonly clients: Clients;
  readonly signer: TokenSigner | null;
  readonly now: Clock;
}): Assume {
  const { clients, signer, now } = deps;
  const ask = async (access: RoleAccess, order: SessionOrder, signal: AbortSignal) => {
    const shared = {
      RoleArn: order.role,
      RoleSessionName: order.session,
      DurationSeconds: order.seconds,
      ...(order.policy === null ? {} : { Policy: order.policy }),
      ...(order.managed === undefined ? {} : { PolicyArns: order.managed.map((arn) => ({ arn })) }),
    };
    if (access.credentials === 'ambient') {
      const { AssumeRoleCommand } = await import('@aws-sdk/client-sts');
      const command = new AssumeRoleCommand({ ...shared, ...marked(order.marking), ...external(access) });
      return await (await clients.ambient(access)).send(command, { abortSignal: deadline(signal) });
    }
    if (signer === null) throw noSigner();
    const { AssumeRoleWithWebIdentityCommand } = await import('@aws-sdk/client-sts');
    const token = await signer.sign(webIdentityClaims(order.role, order.marking), TOKEN_SECONDS);
    const command = new AssumeRoleWithWebIdentityCommand({ ...shared, WebIdentityToken: token.expose() });
    return await (await clients.unsigned(access)).send(command, { abortSignal: deadline(signal) });
  };
  return async (access, order, signal) => {
    const attempt = { doing: `assume ${order.role}`, needs: needs(access.credentials, order.marking) };
    if (signal.aborted) throw cloudFault({ kind: 'busy', name: 'aborted', status: null, message: '' }, attempt);
    const sentAt = now();
    try {
      return readSession(await askTwice(() => ask(access, order, signal), signal), order, { sentAt, now: now() });
    } catch (thrown) {
      throw thrown instanceof JitError ? thrown : cloudFault(judge(thrown), attempt);
    }
  };
}

/**
 * Once more when a kept connection turns out to be dead. Should the first request have been carried out all the same, its
 * session has the same name, tag and end, so every revocation meets both.
 */
async function askTwice<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await ask();
  } catch (thrown) {
    if (signal.aborted || !isBroken(judge(thrown))) throw thrown;
    return await ask();
  }
}

function marked(marking: Marking | null) {
  if (marking === null) return {};
  return {
    Tags: [{ Key: GRANT_TAG, Value: marking.tag }],
    TransitiveTagKeys: [GRANT_TAG],
    ...(marking.sourceIdentity === null ? {} : { SourceIdentity: marking.sourceIdentity }),
  };
}

function external({ externalId }: RoleAccess) {
  return externalId === null ? {} : { ExternalId: externalId };
}

type Answer = Pick<AssumeRoleResponse | AssumeRoleWithWebIdentityResponse, 'Credentials' | 'AssumedRoleUser'>;

/**
 * Takes the answer only if it is the session that was asked for. Otherwise something was issued that nobody expected:
 * the outcome is unknown, and what exists under the grant's name gets revoked.
 */
function readSession(
  answer: Answer,
  order: SessionOrder,
  times: { readonly sentAt: number; readonly now: number },
): Session {
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = answer.Credentials ?? {};
  if (!AccessKeyId || !SecretAccessKey || !SessionToken || Expiration === undefined)
    throw strange('without credentials');
  const role = parseRole(order.role);
  if (role === null || answer.AssumedRoleUser?.Arn !== sessionArn(role, order.session)) {
    throw strange('with a session of another name or role');
  }
  const expiresAt = Expiration.getTime();
  if (!(expiresAt > times.sentAt - SKEW_MS && expiresAt <= times.now + order.seconds * 1_000 + SKEW_MS)) {
    throw strange('with another end than was asked for');
  }
  const keys = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
  return { keys: new Secret(keys), expiresAt };
}

function strange(how: string): JitError {
  return new JitError({
    code: 'ERR_CLOUD_UNKNOWN',
    message: `aws answered ${how}`,
    hint: 'check the endpoint of the target: AWS itself does not answer like this',
  });
}

function needs(source: CredentialSource, marking: Marking | null): string {
  const assume = source === 'ambient' ? 'sts:AssumeRole' : 'sts:AssumeRoleWithWebIdentity';
  const list = marking === null ? assume : `${assume}, sts:TagSession and sts:SetSourceIdentity`;
  const whom = source === 'ambient' ? 'the identity that the broker runs under' : 'the issuer of the broker';
  return `the trust policy of the role must allow ${list} to ${whom}`;
}

function noSigner(): JitError {
  return new JitError({
    code: 'ERR_CLOUD',
    message: 'the broker has no issuer to sign with',
    hint: 'restore the issuer that this grant was issued with',
  });
}
