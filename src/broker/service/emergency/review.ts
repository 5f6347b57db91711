/**
 * What people make of emergency access afterwards: a review is open until somebody else than the holder has given a verdict.
 * @module
 */
import { JitError } from '../../../core/errors.ts';
import type { RequestId } from '../../../core/ids.ts';
import { answersFor, type Principal, samePerson, samePrincipal } from '../../../core/principal.ts';
import { parseReason } from '../../../core/request.ts';
import type { ReviewBody, ReviewItem, ReviewList } from '../../../wire/emergencies.ts';
import type { Review, StoredEmergency } from '../../store/emergencies.ts';
import type { World } from '../world.ts';
import { isLive, shownOf } from './incidents.ts';
import { partIn } from './part.ts';

const MOST = 1_000;
const MOST_SHOWN = 200;
const PATIENCE = 50;

/** Open ones that the caller may close, now or when the access is over, and those of their own. */
export async function reviewsFor(world: World, caller: Principal): Promise<ReviewList> {
  const items: ReviewItem[] = [];
  for (const emergency of await world.store.emergencies({ kind: 'unreviewed', limit: MOST })) {
    const { request } = emergency.request;
    if (!answersFor(caller, request.requester) && (await partIn(world, caller, emergency.request)) !== 'reviews')
      continue;
    const item = await itemOf(world, caller, emergency);
    if (item !== null) items.push(item);
    if (items.length === MOST_SHOWN) break;
  }
  return { items };
}

/** The review of one request, also a closed one. Null for what is none of the caller's business and where there is nothing to review. */
export async function reviewOf(world: World, caller: Principal, id: RequestId): Promise<ReviewItem | null> {
  const emergency = await world.store.emergency(id);
  return emergency === null ? null : itemOf(world, caller, emergency);
}

/**
 * Of several people at once one has the word. The same one saying the same again changes nothing. Throws `ERR_NOT_FOUND` for what
 * is none of the caller's business, `ERR_DENIED` for who may not, `ERR_PENDING` while the access is live, `ERR_DECIDED`.
 */
export async function closeReview(
  world: World,
  caller: Principal,
  id: RequestId,
  body: ReviewBody,
): Promise<ReviewItem> {
  const comment = parseReason(body.comment);
  for (let round = 0; round < PATIENCE; round++) {
    const emergency = await world.store.emergency(id);
    const part = emergency === null ? 'none' : await partIn(world, caller, emergency.request);
    if (emergency === null || part === 'none') {
      throw new JitError({ code: 'ERR_NOT_FOUND', message: `there is no review ${id} for you`, hint: 'jit review' });
    }
    const { request: stored, ...before } = emergency;
    if (part !== 'reviews') throw notYours(caller, stored.request.requester, id);
    const review = demandOpen(emergency, body.hash);
    if (review.closed !== null) {
      const { by, verdict, comment: said } = review.closed;
      if (!samePrincipal(by, caller) || verdict !== body.verdict || said !== comment) throw decided(review.closed, id);
      return shown(await itemOf(world, caller, emergency), id);
    }
    const grant = stored.grant === null ? null : await world.store.grant(stored.grant);
    if (isLive(grant)) {
      const hint = `end it first, with: jit revoke ${stored.grant ?? ''}`;
      throw new JitError({ code: 'ERR_PENDING', message: 'the access is still live', hint, subject: id });
    }
    const at = world.now();
    const { verdict } = body;
    const closed = { at, by: asReviewer(caller), verdict, comment };
    const data = { verdict, comment, hash: stored.hash };
    const entry = { type: 'emergency.reviewed', at, actor: caller, request: id, grant: stored.grant, data };
    const change = { ...before, id, review: { ...review, closed } };
    try {
      await world.store.commit({ emergency: change, entries: [entry] });
    } catch (thrown) {
      if (thrown instanceof JitError && thrown.code === 'ERR_CONFLICT') continue;
      throw thrown;
    }
    return shown(await itemOf(world, caller, { ...emergency, review: change.review }), id);
  }
  throw new JitError({ code: 'ERR_STORE', message: 'too many changes to this review at once' });
}

/** @returns the review, which may be closed. */
function demandOpen({ review, request }: StoredEmergency, hash: string): Review {
  const { id } = request.request;
  if (hash !== request.hash) {
    const message = 'that is not the request you saw: no verdict was taken';
    throw new JitError({ code: 'ERR_DECIDED', message, hint: `look again: jit show ${id}`, subject: id });
  }
  if (review !== null) return review;
  const message = 'no access has come of it, so there is nothing to review';
  throw new JitError({ code: 'ERR_DECIDED', message, subject: id });
}

function notYours(caller: Principal, holder: Principal, id: RequestId): JitError {
  const own = samePerson(caller, holder);
  const message = own ? 'nobody reviews their own emergency access' : 'you may not review this access';
  const hint = 'whoever may approve it may review it';
  return new JitError({ code: 'ERR_DENIED', message: `denied: ${message}`, hint, subject: id });
}

function decided({ by, verdict }: NonNullable<Review['closed']>, id: RequestId): JitError {
  const message = `too late: ${by.name} has found it ${verdict}`;
  return new JitError({ code: 'ERR_DECIDED', message, hint: `the whole story: jit show ${id}`, subject: id });
}

async function itemOf(world: World, caller: Principal, emergency: StoredEmergency): Promise<ReviewItem | null> {
  const { review } = emergency;
  const one = review === null ? null : await shownOf(world, caller, emergency);
  if (review === null || one === null) return null;
  const { request, grant } = one.outcome;
  const { closed } = review;
  return {
    request,
    grant,
    openedAt: iso(review.openedAt),
    closed: closed === null ? null : { ...closed, at: iso(closed.at), by: named(closed.by) },
    can: closed === null && !one.live && (await partIn(world, caller, emergency.request)) === 'reviews',
  };
}

/** Whoever closes a review sees it. */
function shown(item: ReviewItem | null, id: RequestId): ReviewItem {
  if (item !== null) return item;
  throw new JitError({ code: 'ERR_CONFLICT', message: 'the review has changed meanwhile', subject: id });
}

const named = ({ issuer, subject, name }: Principal) => ({ issuer, subject, name });

function asReviewer({ issuer, subject, name, groups, personKey }: Principal): Principal {
  return { kind: 'user', issuer, subject, name, groups, ...(personKey === undefined ? {} : { personKey }) };
}

const iso = (ms: number): string => new Date(ms).toISOString();
