/**
 * A short token of a service account, narrowed to objects and buckets before anybody sees it.
 * @module
 */
import { z } from 'zod';
import type { BearerToken } from '../../core/credential.ts';
import { JitError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import { Secret } from '../../core/secret.ts';
import type { Call, Caller } from './calls.ts';
import { strange } from './calls.ts';
import { boundaryCondition, tooLarge } from './condition.ts';
import { CallFailed, cloudFault } from './failure.ts';
import { SCOPE } from './login.ts';
import type { SignIn } from './login.ts';
import type { Pick } from './narrow.ts';
import type { Reach } from './target.ts';

/** STS API v1, AccessBoundary: "at most 10 rules"; Options: "the size of the parameter value should not exceed 2048 characters". */
const MOST_RULES = 10;
const LONGEST_BOUNDARY = 2_048;
/** Google's clock and ours, and the way there and back. */
const SKEW_MS = 60_000;

/** An upper bound of what a token may do (STS API v1, GoogleIdentityStsV1AccessBoundary). */
export interface Boundary {
  readonly accessBoundary: { readonly accessBoundaryRules: readonly Rule[] };
}

interface Rule {
  readonly availableResource: string;
  readonly availablePermissions: readonly string[];
  readonly availabilityCondition: { readonly expression: string };
}

export interface TokenOrder {
  readonly reach: Reach;
  readonly account: string;
  readonly boundary: Boundary;
  readonly seconds: number;
  /** What the grant is called in Google's audit logs. */
  readonly title: string;
}

export interface StorageToken {
  readonly token: Secret<BearerToken>;
  /** Epoch ms, as Google says it. */
  readonly expiresAt: number;
}

const GENERATED = z.object({
  accessToken: z
    .string()
    .min(1)
    .transform((text) => new Secret(text)),
  expireTime: z.iso.datetime({ offset: true }),
});
const EXCHANGED = z.object({
  access_token: z
    .string()
    .min(1)
    .transform((token) => new Secret<BearerToken>({ token })),
  token_type: z.string().regex(/^bearer$/i),
});

/** One rule for each role at each bucket. Throws `ERR_PERMISSION_SIZE` where Google would not take it. */
export function boundaryOf(picks: readonly Pick[]): Boundary {
  const rules = picks.flatMap(({ facts, places }) => {
    const buckets = Map.groupBy(places, ({ name }) => name.split('/', 4).join('/'));
    return [...buckets].map(([bucket, members]): Rule => ({
      availableResource: `//storage.googleapis.com/${bucket}`,
      availablePermissions: [`inRole:${facts.role}`],
      availabilityCondition: { expression: boundaryCondition(members) },
    }));
  });
  if (rules.length > MOST_RULES)
    throw tooLarge('google takes 10 rules in one boundary: a rule for each role at each bucket');
  const boundary = { accessBoundary: { accessBoundaryRules: rules } };
  if (JSON.stringify(boundary).length > LONGEST_BOUNDARY)
    throw tooLarge('google takes 2,048 characters in one boundary');
  return boundary;
}

/** Fails as the port of providers promises for `issue`. */
export function storageTokens(deps: { readonly now: Clock; readonly call: Caller; readonly signIn: SignIn }) {
  const { now, call, signIn } = deps;

  const tried = async (request: Call, doing: string, needs: string, signal: AbortSignal): Promise<unknown> => {
    try {
      return asJson(await call(request, signal));
    } catch (thrown) {
      throw thrown instanceof CallFailed ? cloudFault(thrown.failure, { doing, needs }) : thrown;
    }
  };

  return async (
    { reach, account, boundary, seconds, title }: TokenOrder,
    signal: AbortSignal,
  ): Promise<StorageToken> => {
    const { endpoint } = reach;
    const token = await signIn(reach, signal);
    const sentAt = now();
    const generated = GENERATED.safeParse(
      await tried(
        {
          api: 'iamcredentials',
          endpoint,
          path: `/v1/projects/-/serviceAccounts/${account}:generateAccessToken`,
          body: { type: 'json', value: { scope: [SCOPE], lifetime: `${seconds}s` } },
          token,
          // Should there be a second token, the first is in nobody's hands.
          again: 'once',
          reason: title,
        },
        `make a token of ${account}`,
        `the broker needs roles/iam.serviceAccountTokenCreator on ${account}`,
        signal,
      ),
    );
    if (!generated.success) throw strange('without a token');
    const expiresAt = Date.parse(generated.data.expireTime);
    if (!(expiresAt > sentAt - SKEW_MS && expiresAt <= now() + seconds * 1_000 + SKEW_MS)) {
      throw strange('with a token of another life than was asked for');
    }
    const fields = {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      options: JSON.stringify(boundary),
    };
    const body = { type: 'form', value: { fields, subjectToken: generated.data.accessToken } } as const;
    const exchanged = EXCHANGED.safeParse(
      await tried(
        { api: 'sts', endpoint, path: '/v1/token', body, token: null, again: 'once' },
        `narrow a token of ${account}`,
        'see the boundary with --plan; the buckets need uniform bucket-level access',
        signal,
      ),
    );
    if (!exchanged.success) throw strange('without a narrowed token');
    return { token: exchanged.data.access_token, expiresAt };
  };
}

/** Throws `ERR_CLOUD` where too little is left. @returns whole seconds, at most `longest`, that end before the grant does. */
export function lifeOf(left: number, longest: number): number {
  const seconds = Math.min(Math.floor(left / 1_000), longest);
  if (seconds >= 1) return seconds;
  throw new JitError({ code: 'ERR_CLOUD', message: 'the grant ended before it could be issued' });
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
