/**
 * To the identity provider and back. Coming back changes nothing: what the provider says is only used once a button is pressed.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import type { Manner, Redeemed, RelyingParty } from '../../identity/sign-in/relying-party.ts';
import type { Verified } from '../../identity/verify/verified.ts';
import { display } from '../../core/display.ts';
import { dropCookie, readCookie, setCookie, TRIP_COOKIE } from './cookies.ts';
import { leavingPage } from './pages/sign-in.ts';
import type { WebParts } from './ports.ts';
import { sameText } from './tokens.ts';
import { type Passage, type Passages, type Purpose, TRIP_SECONDS } from './trip.ts';
import { goTo, show, type Visit, type WebContext } from './visit.ts';

export interface Trips {
  /** A page that leads to the provider. */
  leave(visit: Visit, provider: string, purpose: Purpose, manner: Manner): Promise<Response>;
  /** The passage to which an answer belongs. Throws `ERR_NOT_SIGNED_IN` for an answer to nothing that this browser asked. */
  match(context: WebContext, answer: URLSearchParams): Passage;
  /** Where an answer that holds an error leads: to the provider again, or to a page that says so (thrown as `ERR_NOT_SIGNED_IN`). */
  retry(passage: Passage, answer: URLSearchParams): Promise<Response>;
  /**
   * The identity in an answer; `over` for an answer that the provider takes no more. Throws `ERR_NOT_SIGNED_IN`,
   * `ERR_IDENTITY_PROVIDER`, and `ERR_DENIED` where the person had to prove themselves anew and did not.
   */
  redeem(passage: Passage, answer: URLSearchParams): Promise<Verified | 'over'>;
}

export const TRIP_OVER = dropCookie(TRIP_COOKIE);
/** Clocks of providers are believed to be off by this much. */
const LEEWAY_MS = 60_000;

/** Answers to `prompt=none`, https://openid.net/specs/openid-connect-core-1_0.html#AuthError. */
const PERSON_NEEDED: ReadonlySet<string> = new Set([
  'login_required',
  'interaction_required',
  'consent_required',
  'account_selection_required',
]);

export function makeTrips(parts: WebParts, passages: Passages): Trips {
  const { providers, verifier, now, log } = parts;

  function providerOf(name: string): RelyingParty {
    const found = providers.find((each) => each.name === name);
    if (found !== undefined) return found;
    throw new JitError({
      code: 'ERR_NOT_SIGNED_IN',
      message: 'that identity provider is not one of these pages: sign in again',
    });
  }

  async function begin(provider: string, purpose: Purpose, manner: Manner) {
    const party = providerOf(provider);
    const trip = await party.newTrip();
    const url = await party.address(trip, manner);
    const sealed = passages.seal({ ...trip, provider, purpose, manner, startedAt: now() });
    return { url, cookie: setCookie(TRIP_COOKIE, sealed, TRIP_SECONDS) };
  }

  return {
    leave: async ({ frame }, provider, purpose, manner) => {
      const { url, cookie } = await begin(provider, purpose, manner);
      return show(leavingPage(frame, { provider, url }), 200, [cookie]);
    },
    match: (context, answer) => {
      const passage = passages.open(readCookie(context.req.header('cookie') ?? null, TRIP_COOKIE), now());
      if (passage !== null && sameText(passage.state, answer.get('state') ?? '')) return passage;
      throw new JitError({
        code: 'ERR_NOT_SIGNED_IN',
        message:
          'this is the answer to a sign-in that was not begun in this browser, took too long, or was overtaken by another one; nothing was done with it',
      });
    },
    retry: async ({ provider, purpose, manner }, answer) => {
      const error = answer.get('error') ?? '';
      if (manner === 'quiet' && PERSON_NEEDED.has(error)) {
        const { url, cookie } = await begin(provider, purpose, 'usual');
        return goTo(url.href, [cookie]);
      }
      const said = [error, answer.get('error_description') ?? ''].filter((text) => text !== '').join(': ');
      throw new JitError({
        code: 'ERR_NOT_SIGNED_IN',
        message: `the identity provider, or somebody there, said no (${display(said, 200)})`,
      });
    },
    redeem: async (passage, answer) => {
      const redeemed = await providerOf(passage.provider)
        .redeem(answer, passage)
        .catch((thrown: unknown) => {
          if (thrown instanceof JitError && thrown.code === 'ERR_NOT_SIGNED_IN') return null;
          throw thrown;
        });
      if (redeemed === null) return 'over';
      const { idToken, authenticatedAt } = redeemed;
      demandAgain(passage, authenticatedAt);
      // The binding is for proofs that cover a call; what ties this one is its nonce.
      const verified = await verifier.verify(
        { type: 'urn:ietf:params:oauth:token-type:id_token', token: idToken },
        { keyThumbprint: '', nonce: '', body: '' },
      );
      if (verified.nonce !== null && sameText(verified.nonce, passage.nonce)) return verified;
      log.info('a proof of identity was refused', { cause: 'it was made for another sign-in' });
      throw new JitError({ code: 'ERR_NOT_SIGNED_IN', message: 'the identity provider answered another sign-in' });
    },
  };
}

/** Where the person had to prove themselves anew, the provider has to say that they did. */
function demandAgain({ manner, startedAt }: Passage, authenticatedAt: Redeemed['authenticatedAt']): void {
  if (manner !== 'again') return;
  if (authenticatedAt !== null && authenticatedAt >= startedAt - LEEWAY_MS) return;
  throw new JitError({
    code: 'ERR_DENIED',
    message:
      'this request hands out permissions, so you have to prove yourself anew, and the identity provider does not say that you did (auth_time); nothing was decided',
  });
}
