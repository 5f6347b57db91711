/**
 * Short tokens of a service account that the broker may act as.
 * @module
 */
import { z } from 'zod';
import type { BearerToken } from '../../core/credential.ts';
import { JitError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import { Secret } from '../../core/secret.ts';
import type { Call, Caller } from './calls.ts';
import { strange } from './calls.ts';
import { CallFailed, cloudFault } from './failure.ts';
import type { Attempt } from './failure.ts';
import { SCOPE } from './login.ts';
import type { SignIn } from './login.ts';
import type { Reach } from './target.ts';

/** Google's clock and ours, and the way there and back. */
const SKEW_MS = 60_000;

export interface AccountOrder {
  readonly reach: Reach;
  readonly account: string;
  readonly seconds: number;
  /** What the grant is called in Google's audit logs. */
  readonly title: string;
}

export interface AccountToken {
  readonly token: Secret<string>;
  /** The same, as it is handed out. */
  readonly bearer: Secret<BearerToken>;
  /** Epoch ms, as Google says it. */
  readonly expiresAt: number;
}

/** Fails as the port of providers promises for `issue`. */
export type AccountTokens = (order: AccountOrder, signal: AbortSignal) => Promise<AccountToken>;

const GENERATED = z.object({
  accessToken: z
    .string()
    .min(1)
    .transform((text) => ({ token: new Secret(text), bearer: new Secret<BearerToken>({ token: text }) })),
  expireTime: z.iso.datetime({ offset: true }),
});

/** Source: IAM Service Account Credentials API v1, generateAccessToken. */
export function accountTokens(deps: {
  readonly now: Clock;
  readonly call: Caller;
  readonly signIn: SignIn;
}): AccountTokens {
  const { now, call, signIn } = deps;
  return async ({ reach, account, seconds, title }, signal) => {
    const { endpoint } = reach;
    const token = await signIn(reach, signal);
    const sentAt = now();
    const generated = GENERATED.safeParse(
      await tried(
        call,
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
        {
          doing: `make a token of ${account}`,
          needs: `the broker needs roles/iam.serviceAccountTokenCreator on ${account}`,
        },
        signal,
      ),
    );
    if (!generated.success) throw strange('without a token');
    const expiresAt = Date.parse(generated.data.expireTime);
    if (!(expiresAt > sentAt - SKEW_MS && expiresAt <= now() + seconds * 1_000 + SKEW_MS)) {
      throw strange('with a token of another life than was asked for');
    }
    return { ...generated.data.accessToken, expiresAt };
  };
}

/** One call and its answer, or the error that the port promises. An answer that is no JSON is null. */
export async function tried(call: Caller, request: Call, attempt: Attempt, signal: AbortSignal): Promise<unknown> {
  try {
    return asJson(await call(request, signal));
  } catch (thrown) {
    throw thrown instanceof CallFailed ? cloudFault(thrown.failure, attempt) : thrown;
  }
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
