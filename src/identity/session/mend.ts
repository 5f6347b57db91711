/**
 * Renewing and confirming a session. Whoever calls holds its lock and has read the record under it: a refresh token counts once,
 * and a second use of it ends the session.
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { JitError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import { AWS_CALLER, type ConfirmBody, type ConfirmView, type TokenType } from '../../wire/sessions.ts';
import { coveredBody } from '../verify/covered.ts';
import type { Kept, SessionParts } from './session.ts';
import type { Link } from './link.ts';
import { type Person, readRecord, type SessionRecord, type Workload, withTokens, writeRecord } from './record.ts';
import { aboutBroker, signInAsWorkload } from './workload.ts';
import { cannotConfirm, interruptedRenewal, notSignedIn, over } from './words.ts';

/** What ID tokens tell time by, and how far apart clocks usually are. */
const SECOND_MS = 1_000;
const MARGIN_MS = 100;
/** For the one kind of proof that covers it. */
const BODY = coveredBody({ subject_token_type: AWS_CALLER } satisfies Omit<ConfirmBody, 'subject_token'>, 'subject');
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

/** The session as it is after a word of the identity provider, and what one call may issue something by. */
export interface Confirmed {
  readonly kept: Kept;
  readonly confirmation: Secret<string>;
}

/** The identity provider has vouched anew, and the broker knows. Throws `ERR_NOT_SIGNED_IN` where it vouches no more. */
export async function confirmed(parts: SessionParts, link: Link, kept: Kept): Promise<Confirmed> {
  const { vouching } = kept.record;
  return vouching.by === 'person'
    ? await confirmedPerson(parts, link, kept, vouching)
    : await confirmedWorkload(parts, link, kept, vouching);
}

async function confirmedPerson(parts: SessionParts, link: Link, kept: Kept, vouching: Person): Promise<Confirmed> {
  try {
    return await askedOnce(parts, link, kept, vouching);
  } catch (thrown) {
    if (!(thrown instanceof JitError && thrown.code === 'ERR_IDENTITY_STALE')) throw thrown;
    // Two ID tokens of one second may be alike, and the broker takes one. The record holds the latest refresh token.
    await sleep(SECOND_MS - (parts.now() % SECOND_MS) + MARGIN_MS);
    const record = (await readRecord(kept.store, parts.ref)) ?? kept.record;
    if (record.vouching.by !== 'person') throw thrown;
    return await askedOnce(parts, link, { ...kept, record }, record.vouching);
  }
}

async function askedOnce(parts: SessionParts, link: Link, kept: Kept, vouching: Person): Promise<Confirmed> {
  const { ref } = parts;
  const { record, store } = kept;
  const { refreshToken } = vouching;
  if (refreshToken === null) throw cannotConfirm(ref, record.session.provider);
  const vouched = await parts.refreshIdp({ ...vouching, refreshToken }, record.session.provider);
  const token = vouched.refreshToken ?? refreshToken;
  const renewedIdp: SessionRecord = { ...record, vouching: { ...vouching, refreshToken: token } };
  // At once: the provider may have used up the one that was stored.
  if (token.expose() !== refreshToken.expose()) await writeRecord(store, ref, renewedIdp);
  const view = await link.call(record.key, record.access.token, (client) =>
    client.confirm({ subject_token: vouched.idToken.expose(), subject_token_type: ID_TOKEN }),
  );
  return await stored(parts, { record: renewedIdp, store }, view);
}

async function confirmedWorkload(parts: SessionParts, link: Link, kept: Kept, vouching: Workload): Promise<Confirmed> {
  const { ref, workloads } = parts;
  const { key, access } = kept.record;
  const source = workloads.restore(vouching);
  const about = aboutBroker(ref, await link.call(key, null, (client) => client.signIn()));
  const view = await link.call(key, access.token, async (client, nonce) => {
    const binding = { keyThumbprint: key.thumbprint, nonce, body: BODY };
    const { token, type } = await source.fetch({ ...about, binding });
    return client.confirm({ subject_token: token.expose(), subject_token_type: type });
  });
  return await stored(parts, kept, view);
}

/** Every issuance comes by here, and a secret store is slow: only what has changed is written. */
async function stored({ ref }: SessionParts, kept: Kept, { session, confirmation }: ConfirmView): Promise<Confirmed> {
  const { record, store } = kept;
  const next = { record: { ...record, session }, store };
  const { verifiedAt } = session;
  const changed = JSON.stringify({ ...record.session, verifiedAt }) !== JSON.stringify(session);
  if (changed) await writeRecord(store, ref, next.record);
  return { kept: next, confirmation: new Secret(confirmation) };
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
