/**
 * A session on this machine: its stores, its identity providers and its workloads, each loaded when it is needed.
 * @module
 */
import type { Authorizer } from '../../client/authorizer.ts';
import { openClient } from '../../client/client.ts';
import { brokerWord } from '../../client/ref.ts';
import type { Clock, Random } from '../../core/ports.ts';
import { JitError } from '../../core/errors.ts';
import type { LocalPaths } from '../../local/paths.ts';
import { display } from '../../core/display.ts';
import type { ProviderView } from '../../wire/sessions.ts';
import { openSecretStore, SECRET_CHOICES, type SecretChoice, type SecretPlace } from '../secrets/open.ts';
import type { RevokeIdp } from './person.ts';
import type { Person, RecordStore, SharedBroker } from './record.ts';
import type { SessionParts } from './session.ts';
import { workloadsHere } from './sources.ts';

export interface Here extends Pick<SecretPlace, 'env' | 'platform' | 'note' | 'ask'> {
  readonly paths: Pick<LocalPaths, 'state' | 'locks'>;
  readonly now: Clock;
  readonly random: Random;
  readonly userAgent: string;
  /** Where people's sessions rest, by the settings; null where these say nothing. JIT_SECRET_STORE wins. */
  readonly choice: () => Promise<SecretChoice | null>;
  /** The keeper's. */
  readonly memory: () => Promise<RecordStore>;
}

/** How long the identity provider may take in all, so that whoever waits for the lock does not give up before. */
const PROVIDER_MS = 30_000;

export function sessionPartsAt(here: Here, ref: SharedBroker): SessionParts {
  const { env, platform, paths, now, random, userAgent, memory, note, ask } = here;
  return {
    ref,
    keychain: async () => {
      const choice = secretChoice(env) ?? (await here.choice()) ?? 'keychain';
      return await openSecretStore({ choice, env, paths, platform, note, ask });
    },
    memory,
    openClient: (authorizer: Authorizer) => openClient(ref, { userAgent, authorizer }),
    locks: paths.locks,
    now,
    random,
    refreshIdp: async (vouching, name) => {
      const { refreshSignIn } = await import('../sign-in/refresh.ts');
      const signal = AbortSignal.timeout(PROVIDER_MS);
      const provider = providerOf(vouching, name);
      return await refreshSignIn({ provider, broker: brokerWord(ref), signal, refreshToken: vouching.refreshToken });
    },
    workloads: workloadsHere({ env, platform, now, random }),
    note,
  };
}

/** Takes the refresh token of `ref`'s identity provider back. */
export function revokeIdpAt(ref: SharedBroker, signal: AbortSignal): RevokeIdp {
  return async (vouching, name) => {
    const { revokeAtProvider } = await import('../sign-in/sign-out.ts');
    const { refreshToken } = vouching;
    return await revokeAtProvider({
      provider: providerOf(vouching, name),
      broker: brokerWord(ref),
      signal,
      refreshToken,
    });
  };
}

function providerOf({ issuer, clientId }: Person, name: string): ProviderView {
  return { name, type: 'oidc', issuer, client: { id: clientId, scopes: [], device: false } };
}

/** What JIT_SECRET_STORE says, null where it is not set. Throws `ERR_CONFIG`. */
export function secretChoice(env: Here['env']): SecretChoice | null {
  const text = env['JIT_SECRET_STORE'] ?? '';
  if (text === '') return null;
  const known = SECRET_CHOICES.find((each) => each === text);
  if (known !== undefined) return known;
  throw new JitError({
    code: 'ERR_CONFIG',
    message: `JIT_SECRET_STORE is ${display(text, 80)}`,
    hint: `one of: ${SECRET_CHOICES.join(', ')}`,
  });
}
