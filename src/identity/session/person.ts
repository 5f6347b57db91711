/**
 * A person's session: opened with the ID token of a sign-in, and ended.
 * @module
 */
import { asJitError, type JitError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import { AWS_CALLER, type ProviderView, TOKEN_EXCHANGE, type TokenType } from '../../wire/sessions.ts';
import { makeProofKey } from '../dpop/proof.ts';
import { proveStore } from '../secrets/open.ts';
import { coveredBody } from '../verify/covered.ts';
import type { Binding } from '../verify/verified.ts';
import type { Link, SessionClient } from './link.ts';
import { rotated } from './mend.ts';
import {
  type Person,
  readRecord,
  recordName,
  type RecordStore,
  type SessionRecord,
  withTokens,
  writeRecord,
} from './record.ts';
import type { Kept, Session, SessionParts, Vouched } from './session.ts';
import { isOfTheKeychain, notTaken } from './words.ts';
import { aboutBroker, type WorkloadPort } from './workload.ts';

/** Takes the identity provider's refresh token back. Never rejects. */
export type RevokeIdp = (
  vouching: Person & { readonly refreshToken: Secret<string> },
  provider: string,
) => Promise<ProviderEnd>;

export type ProviderEnd =
  /** `none`: there was no token of its own. `not offered`: the token ends by itself. */
  { readonly kind: 'none' | 'revoked' | 'not offered' } | { readonly kind: 'failed'; readonly why: JitError };

const ID_TOKEN: TokenType = 'urn:ietf:params:oauth:token-type:id_token';

/** What the proof of an agent covers, where it is of the one kind that does. */
const ACTOR_BODY = coveredBody(
  { grant_type: TOKEN_EXCHANGE, subject_token_type: ID_TOKEN, actor_token_type: AWS_CALLER },
  'actor',
);

/** What became of one session. */
export interface Ended {
  /** Null where what was stored could not be read. */
  readonly record: SessionRecord | null;
  /** `was over`: the broker knew it no longer. Otherwise why the broker could not be told. */
  readonly broker: 'ended' | 'was over' | JitError;
  readonly provider: ProviderEnd;
}

/**
 * Signs a person in, in place of whoever was signed in from here.
 * @param ask brings the person to the provider, the key's thumbprint in hand. It takes minutes, so no lock is held meanwhile.
 * @param agent what proves the agent for which the person signs in, and which acts for them from then on; null without one.
 * Throws what `ask` throws, `ERR_NOT_SIGNED_IN` where the broker does not take the ID token, and `ERR_KEYCHAIN`.
 */
export async function signInAsPerson(
  parts: SessionParts,
  session: Session,
  provider: ProviderView,
  ask: (thumbprint: string) => Promise<Vouched>,
  agent: WorkloadPort | null = null,
): Promise<SessionRecord> {
  const { ref, now } = parts;
  const { link } = session;
  // Nobody is sent to a browser for a session that could not be kept.
  const store = await parts.keychain();
  await proveStore(store);
  const key = await makeProofKey();
  const { idToken, refreshToken } = await ask(key.thumbprint);
  const vouching: Person = {
    by: 'person',
    issuer: provider.issuer,
    clientId: provider.client?.id ?? '',
    refreshToken,
  };
  return await session.change(async () => {
    const askedAt = now();
    const body = { grant_type: TOKEN_EXCHANGE, subject_token: idToken.expose(), subject_token_type: ID_TOKEN } as const;
    const tokens = await link
      .call(key, null, async (client, nonce) => {
        const actor =
          agent === null
            ? {}
            : await proofOf(parts, agent, client, { keyThumbprint: key.thumbprint, nonce, body: ACTOR_BODY });
        return client.exchange({ ...body, ...actor });
      })
      .catch((thrown: unknown) => {
        const error = asJitError(thrown);
        const vouchers = agent === null ? provider.name : `${provider.name} and ${agent.label}`;
        throw error.code === 'ERR_NOT_SIGNED_IN' ? notTaken(ref, vouchers, error) : thrown;
      });
    const record = withTokens({ key, vouching }, tokens, askedAt);
    const before = await readRecord(store, ref).catch(() => null);
    try {
      await writeRecord(store, ref, record);
    } catch (thrown) {
      await endQuietly(link, record);
      throw thrown;
    }
    // Only now: had anything failed, the sessions of before would still serve.
    await endQuietly(link, before);
    const memory = await parts.memory();
    await endQuietly(link, await readRecord(memory, ref).catch(() => null));
    await memory.delete(recordName(ref));
    return record;
  });
}

async function proofOf(
  { ref }: SessionParts,
  agent: WorkloadPort,
  client: SessionClient,
  binding: Binding,
): Promise<{ readonly actor_token: string; readonly actor_token_type: TokenType }> {
  const { token, type } = await agent.fetch({ ...aboutBroker(ref, await client.signIn()), binding });
  return { actor_token: token.expose(), actor_token_type: type };
}

/**
 * Ends every session of this user here: at the broker, at the identity provider, and in the stores, whatever of that fails.
 * @returns what became of each that there was; `trouble` where a workload's was ended and the keychain could not be looked into.
 * Throws `ERR_KEYCHAIN` where the keychain cannot be looked into and nothing was ended, or where it still holds the session.
 */
export async function signOut(
  parts: SessionParts,
  session: Session,
  revokeIdp: RevokeIdp,
): Promise<{ readonly ended: readonly Ended[]; readonly trouble: JitError | null }> {
  return await session.change(async () => {
    const inMemory = await takeOut(parts, session.link, await parts.memory(), revokeIdp);
    try {
      const kept = await takeOut(parts, session.link, await parts.keychain(), revokeIdp);
      return { ended: [...inMemory, ...kept], trouble: null };
    } catch (thrown) {
      const error = asJitError(thrown);
      if (!isOfTheKeychain(error) || inMemory.length === 0) throw thrown;
      return { ended: inMemory, trouble: error };
    }
  });
}

async function takeOut(
  parts: SessionParts,
  link: Link,
  store: RecordStore,
  revokeIdp: RevokeIdp,
): Promise<readonly Ended[]> {
  const { ref } = parts;
  if ((await store.get(recordName(ref))) === null) return [];
  // What cannot be read is of no use to anybody, and goes too.
  const record = await readRecord(store, ref).catch(() => null);
  const broker = record === null ? 'was over' : await endAtBroker(parts, link, { record, store });
  const provider = record === null ? NO_TOKEN : await endAtProvider(record, revokeIdp);
  await store.delete(recordName(ref));
  return [{ record, broker, provider }];
}

const NO_TOKEN: ProviderEnd = { kind: 'none' };

async function endAtProvider({ vouching, session }: SessionRecord, revokeIdp: RevokeIdp): Promise<ProviderEnd> {
  if (vouching.by !== 'person' || vouching.refreshToken === null) return NO_TOKEN;
  return await revokeIdp({ ...vouching, refreshToken: vouching.refreshToken }, session.provider);
}

async function endAtBroker(parts: SessionParts, link: Link, kept: Kept): Promise<Ended['broker']> {
  try {
    // A token that is over ends nothing.
    const { record } = kept.record.access.until <= parts.now() ? await rotated(parts, link, kept) : kept;
    await end(link, record);
    return 'ended';
  } catch (thrown) {
    const error = asJitError(thrown);
    return error.code === 'ERR_NOT_SIGNED_IN' ? 'was over' : error;
  }
}

async function endQuietly(link: Link, record: SessionRecord | null): Promise<void> {
  // It ends by itself, and nobody has its tokens any more.
  if (record !== null) await end(link, record).catch(() => undefined);
}

async function end(link: Link, { key, access }: SessionRecord): Promise<void> {
  await link.call(key, access.token, (client) => client.endSession());
}
