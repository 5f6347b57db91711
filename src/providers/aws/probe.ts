/**
 * Asking AWS itself whether a deny entry is in effect.
 *
 * A session cannot be asked about from outside, so jit makes another one of the same role with the same tag and tries the
 * most harmless thing that AWS authorizes at all. What denies the one denies the other: role policies are evaluated anew for
 * each request, from the role and the session's tags, whenever the session was made.
 * @module
 */
import type { AwsKeys } from '../../core/credential.ts';
import { JitError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import type { Assume } from './assume.ts';
import { deadline } from './assume.ts';
import type { Clients } from './clients.ts';
import { CONTROL_TAG } from './deny-policy.ts';
import { isMissing, judge } from './failure.ts';
import { SHORTEST_SESSION } from './target.ts';
import type { RoleAccess } from './target.ts';

/**
 * `denied`: the entry is in effect. `open`: not yet. `blind`: this role or server answers everybody alike, so that nothing
 * can be learned from it. `silent`: no usable answer this time.
 */
export type Verdict = 'denied' | 'open' | 'blind' | 'silent';

/** Probes sessions of a role with that tag. Never throws. */
export type Probe = (access: RoleAccess, tag: string, signal: AbortSignal) => Promise<Verdict>;

const ALLOW_DECODING = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 'sts:DecodeAuthorizationMessage', Resource: '*' }],
});

const NAME = 'jit-probe';
// IAM user guide, "Troubleshoot access denied error messages".
const EXPLICIT = /explicit deny in an? identity-based policy/;

export function probeWith(deps: { readonly clients: Clients; readonly assume: Assume }): Probe {
  const { clients, assume } = deps;
  const ask = async (access: RoleAccess, tag: string, signal: AbortSignal): Promise<Verdict> => {
    const order = {
      role: access.role,
      session: NAME,
      policy: ALLOW_DECODING,
      seconds: SHORTEST_SESSION,
      marking: { tag, sourceIdentity: NAME },
    };
    try {
      const { keys } = await assume(access, order, signal);
      return await decode(clients, access, keys, signal);
    } catch (thrown) {
      // Without a session there is nothing to see; the role may have lost its trust in the broker.
      return thrown instanceof JitError && thrown.code === 'ERR_CLOUD' ? 'blind' : 'silent';
    }
  };
  return async (access, tag, signal) => {
    const verdict = await ask(access, tag, signal);
    if (verdict !== 'denied') return verdict;
    // A role that denies the harmless thing to everybody would otherwise make every revocation look done.
    const control = await ask(access, CONTROL_TAG, signal);
    switch (control) {
      case 'open':
        return 'denied';
      case 'denied':
        return 'blind';
      case 'blind':
      case 'silent':
        return control;
    }
  };
}

async function decode(
  clients: Clients,
  access: RoleAccess,
  keys: Secret<AwsKeys>,
  signal: AbortSignal,
): Promise<Verdict> {
  const { DecodeAuthorizationMessageCommand } = await import('@aws-sdk/client-sts');
  const client = await clients.as(access, keys);
  try {
    await client.send(new DecodeAuthorizationMessageCommand({ EncodedMessage: 'jit' }), {
      abortSignal: deadline(signal),
    });
    return 'open';
  } catch (thrown) {
    const failure = judge(thrown);
    if (EXPLICIT.test(failure.message)) return 'denied';
    if (isMissing(failure)) return 'blind';
    // Refused for another reason, such as the meaningless message: whoever gets that far is not denied.
    return failure.kind === 'refused' ? 'open' : 'silent';
  }
}
