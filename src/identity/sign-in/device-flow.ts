/**
 * Signing in without a browser on this machine: the device authorization grant, RFC 8628. Whoever is talked into typing a
 * code signs somebody else in, so it is off unless the broker allows it, and the prompt says where it was started.
 * @module
 */
import type { DeviceAuthorizationResponse, TokenEndpointResponse, TokenEndpointResponseHelpers } from 'openid-client';
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import { Secret } from '../../core/secret.ts';
import { asProviderFault, isPassing, loginCommand, misconfigured, nameOf, notSignedIn } from './faults.ts';
import { requireFit } from './fetch.ts';
import { type Connection, type SignInContext, connect } from './provider.ts';
import { type SignedIn, signedIn } from './tokens.ts';

/** The place from which somebody asks to be signed in. */
export interface StartedFrom {
  readonly host: string;
  readonly user: string;
}

/** What to show to the person, safe to print. */
export interface DevicePrompt {
  readonly userCode: string;
  /** Where to type it. There is no address with the code in it: typing is what makes one look at where it comes from. */
  readonly verificationUri: URL;
  /** Epoch ms. */
  readonly expiresAt: number;
  readonly startedFrom: StartedFrom;
}

export interface DeviceFlowContext extends SignInContext {
  readonly now: Clock;
  readonly startedFrom: StartedFrom;
  readonly show: (prompt: DevicePrompt) => void;
}

/** Whatever the provider says, nobody waits longer, and nobody asks more often. Seconds. */
const LONGEST_WAIT_S = 30 * 60;
const SHORTEST_INTERVAL_S = 1;
/** RFC 8628 section 3.2: what holds where the provider names none. */
const DEFAULT_INTERVAL_S = 5;
const LONGEST_INTERVAL_S = 60;

/**
 * Throws `ERR_DENIED` where the broker does not allow it, `ERR_NOT_SIGNED_IN` where the person says no or the code runs
 * out, `ERR_CONFIG`, `ERR_IDENTITY_PROVIDER`, and the signal's reason. The ID token carries no nonce.
 */
export async function signInByDevice(context: DeviceFlowContext): Promise<SignedIn> {
  const { provider, now, startedFrom } = context;
  if (provider.client?.device === false) {
    const message = 'the broker does not allow sign-ins by device code';
    throw new JitError({ code: 'ERR_DENIED', message, hint: `sign in with a browser: ${loginCommand(context)}` });
  }
  const connection = await connect(context);
  const { oidc, config, issuer, scopes } = connection;
  if (config.serverMetadata().device_authorization_endpoint === undefined) {
    throw misconfigured(`${nameOf(provider)} has no sign-in by device code`, context);
  }
  oidc.enableNonRepudiationChecks(config);
  try {
    const begun = await oidc.initiateDeviceAuthorization(config, { scope: scopes.join(' ') });
    const { user_code: userCode, verification_uri: uri, expires_in: lifeS } = begun;
    const expiresInS = Math.min(Math.floor(lifeS), LONGEST_WAIT_S);
    context.show({
      userCode: display(userCode, 64),
      verificationUri: requireFit(new URL(uri), issuer),
      expiresAt: now() + expiresInS * 1_000,
      startedFrom: { host: display(startedFrom.host, 200), user: display(startedFrom.user, 200) },
    });
    return signedIn(await poll(connection, context, new Secret(begun), expiresInS), context);
  } catch (thrown) {
    throw asProviderFault(thrown, context);
  }
}

type Reply = TokenEndpointResponse & TokenEndpointResponseHelpers;

/** openid-client waits out the interval and `slow_down`; what it gives up on is a network that fails for a moment. */
async function poll(
  { oidc, config }: Connection,
  context: DeviceFlowContext,
  begun: Secret<DeviceAuthorizationResponse>,
  expiresInS: number,
): Promise<Reply> {
  const end = AbortSignal.timeout(expiresInS * 1_000);
  const signal = AbortSignal.any([context.signal, end]);
  const response = begun.expose();
  let interval = Math.max(response.interval ?? DEFAULT_INTERVAL_S, SHORTEST_INTERVAL_S);
  for (;;) {
    try {
      return await oidc.pollDeviceAuthorizationGrant(config, { ...response, interval }, undefined, { signal });
    } catch (thrown) {
      if (context.signal.aborted) throw context.signal.reason;
      if (end.aborted) throw notSignedIn('the code ran out before anybody confirmed it', context);
      if (!isPassing(thrown)) throw thrown;
      // RFC 8628 section 3.5: the interval grows, and polling goes on.
      interval = Math.min(interval * 2, LONGEST_INTERVAL_S);
    }
  }
}
