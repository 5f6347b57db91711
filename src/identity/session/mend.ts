/**
 * Renewing and confirming a session. Whoever calls holds its lock and has read the record under it: a refresh token counts once,
 * and a second use of it ends the session.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import type { TokenType } from '../../wire/sessions.ts';
import type { Kept, SessionParts } from './session.ts';
import type { Link } from './link.ts';
import { type Person, type SessionRecord, type Workload, withTokens, writeRecord } from './record.ts';
import { aboutBroker, signInAsWorkload } from './workload.ts';
import { cannotConfirm, interruptedRenewal, notSignedIn, over } from './words.ts';

const ID_TOKEN: TokenType = 'urn:ietf:params:oauth:token-type:id_token';

/** New tokens, stored before anybody uses them. Throws `ERR_NOT_SIGNED_IN` where the session is over. */
export async function rotated(parts: SessionParts, link: Link, { record, store }: Kept): Promise<Kept> {
  const { ref, now } = parts;
  const { refresh } = record;
  if (refresh === null) throw over(ref, 'its time is over');
  // Stored first: if this process ends before the answer is stored, the next one can tell what happened.
  if (record.renewal === 'none') await writeRecord(store, ref, { ...record, renewal: 'begun' });
  const askedAt = now();
  try {
    const tokens = await link.call(record.key, null, (client) =>
      client.exchange({ grant_type: 'refresh_token', refresh_token: refresh.expose() }),
    );
    const next = { record: withTokens(record, tokens, askedAt), store };
    await writeRecord(store, ref, next.record);
    return next;
  } catch (thrown) {
    throw isNotSignedIn(thrown) ? whyOver(parts, record) : thrown;
  }
}

/** The same, with a session of its own for a workload whose last one is over. */
export async function renewed(parts: SessionParts, link: Link, kept: Kept): Promise<Kept> {
  return await rotated(parts, link, kept).catch((thrown: unknown) => {
    if (isNotSignedIn(thrown)) return opened(parts, link, kept.record, thrown);
    throw thrown;
  });
}

function isNotSignedIn(thrown: unknown): thrown is JitError {
  return thrown instanceof JitError && thrown.code === 'ERR_NOT_SIGNED_IN';
}

/** The identity provider has vouched again, and the broker knows. Throws `ERR_NOT_SIGNED_IN` where it vouches no more. */
export async function confirmed(parts: SessionParts, link: Link, kept: Kept): Promise<Kept> {
  const { vouching } = kept.record;
  return vouching.by === 'person'
    ? await confirmedPerson(parts, link, kept, vouching)
    : await confirmedWorkload(parts, link, kept, vouching);
}

async function confirmedPerson(parts: SessionParts, link: Link, kept: Kept, vouching: Person): Promise<Kept> {
  const { ref } = parts;
  const { record, store } = kept;
  const { refreshToken } = vouching;
  if (refreshToken === null) throw cannotConfirm(ref, record.session.provider);
  const vouched = await parts.refreshIdp({ ...vouching, refreshToken }, record.session.provider);
  const token = vouched.refreshToken ?? refreshToken;
  const renewedIdp: SessionRecord = { ...record, vouching: { ...vouching, refreshToken: token } };
  // At once: the provider may have used up the one that was stored.
  if (token.expose() !== refreshToken.expose()) await writeRecord(store, ref, renewedIdp);
  const session = await link.call(record.key, record.access.token, (client) =>
    client.confirm({ subject_token: vouched.idToken.expose(), subject_token_type: ID_TOKEN }),
  );
  const next = { ...renewedIdp, session };
  await writeRecord(store, ref, next);
  return { record: next, store };
}

async function confirmedWorkload(parts: SessionParts, link: Link, kept: Kept, vouching: Workload): Promise<Kept> {
  const { ref, workloads } = parts;
  const { record, store } = kept;
  const { key, access } = record;
  const source = workloads.restore(vouching);
  const about = aboutBroker(ref, await link.call(key, null, (client) => client.signIn()));
  const session = await link.call(key, access.token, async (client, nonce) => {
    const { token, type } = await source.fetch({ ...about, binding: { keyThumbprint: key.thumbprint, nonce } });
    return client.confirm({ subject_token: token.expose(), subject_token_type: type });
  });
  const next = { ...record, session };
  await writeRecord(store, ref, next);
  return { record: next, store };
}

/** A session in place of one that is over. Only a workload can open one by itself; a person is told why. */
export async function opened(parts: SessionParts, link: Link, record: SessionRecord, why: JitError): Promise<Kept> {
  if (record.vouching.by === 'person') throw why;
  return await signInAsWorkload(parts, link, [parts.workloads.restore(record.vouching)]);
}

/** Why the broker no longer takes what is stored. */
export function whyOver({ ref, now }: SessionParts, record: SessionRecord | null): JitError {
  if (record === null) return notSignedIn(ref);
  if (Date.parse(record.session.expiresAt) <= now()) return over(ref, 'its time is over');
  return record.renewal === 'begun' ? interruptedRenewal(ref) : over(ref, 'the broker has ended it');
}
