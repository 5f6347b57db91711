/**
 * Decisions that need a word of the identity provider: from the first button over the provider to the last one.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import type { RequestId } from '../../core/ids.ts';
import { type ReviewVerdict, VERDICTS } from '../../core/incident.ts';
import type { Principal } from '../../core/principal.ts';
import { parseReason } from '../../core/request.ts';
import type { ReviewItem } from '../../wire/emergencies.ts';
import type { RequestView, ReviewView } from '../../wire/views.ts';
import type { WebAct } from '../store/web-sessions.ts';
import { ROOT } from './address.ts';
import { TRIP_OVER, type Trips } from './callback.ts';
import { verdictPage } from './pages/reviews.ts';
import { lastLookPage } from './pages/sign-in.ts';
import type { WebParts } from './ports.ts';
import type { Held, WebSessions } from './sessions.ts';
import { formToken } from './tokens.ts';
import type { Passage, Purpose } from './trip.ts';
import { goTo, show, type Visit } from './visit.ts';

type ActPurpose = Extract<Purpose, { kind: 'act' }>;
type ActPassage = Passage & { readonly purpose: ActPurpose };

/** What the first form says. */
export interface Intent {
  readonly choice: WebAct['choice'];
  readonly hash: string;
  readonly policy: string;
  /** Empty for none. */
  readonly comment: string;
}

export interface Decisions {
  /** Remembers it and leads to the provider. Throws `ERR_DECIDED` where it is not what was seen, `ERR_DENIED`. */
  begin(visit: Visit, held: Held, id: RequestId, intent: Intent): Promise<Response>;
  /** The page with the last button. Changes nothing. */
  lastLook(visit: Visit, held: Held | null, passage: ActPassage, answer: string): Promise<Response>;
  /** The last button: the word is used up, and the decision counts. */
  finish(visit: Visit, held: Held | null, passage: ActPassage, answer: URLSearchParams): Promise<Response>;
}

export function makeDecisions(parts: WebParts, sessions: WebSessions, trips: Trips): Decisions {
  const { broker, places, log } = parts;
  /** What is being finished, so that a double click waits for the first one and finds it done. */
  const running = new Map<string, Promise<unknown>>();

  async function alone<T>(act: string, work: () => Promise<T>): Promise<T> {
    const before = running.get(act) ?? Promise.resolve();
    const mine = before.then(work, work);
    running.set(act, mine);
    try {
      return await mine;
    } finally {
      if (running.get(act) === mine) running.delete(act);
    }
  }

  async function decide(
    { session }: Held,
    passage: ActPassage,
    answer: URLSearchParams,
  ): Promise<'done' | 'too late' | 'over'> {
    const { act: name } = passage.purpose;
    // Looked at before the provider is asked: its answer cannot be had twice.
    if ((await sessions.intended(session, name)) === null) return 'too late';
    const verified = await trips.redeem(passage, answer);
    if (verified === 'over') return 'over';
    const vouched = await sessions.vouch(session, name, verified).catch((thrown: unknown) => {
      if (thrown instanceof JitError)
        log.info('a word for a decision was refused', { session: session.id, code: thrown.code });
      throw thrown;
    });
    if (vouched === null) return 'too late';
    const { principal, act } = vouched;
    const { request, hash, policy, comment } = act;
    if (isVerdict(act.choice)) {
      await broker.closeReview(principal, request, { hash, verdict: act.choice, comment: comment ?? '' });
    } else if (act.choice === 'confirm') await broker.confirm(principal, request, { hash, policy });
    else {
      const word = { ...(comment === null ? {} : { comment }), attended: true };
      await broker.approve(principal, request, { hash, policy, ...word });
    }
    return 'done';
  }

  async function matterOf(principal: Principal, id: RequestId, choice: WebAct['choice']): Promise<Matter> {
    if (!isVerdict(choice)) {
      const review = await broker.review(principal, id);
      return { kind: 'request', request: review.request, review, can: review.request.can.includes(choice) };
    }
    const item = await broker.reviewOf(principal, id);
    if (item !== null) return { kind: 'review', request: item.request, item, can: item.can };
    throw new JitError({ code: 'ERR_NOT_FOUND', message: 'there is no review of it for you' });
  }

  return {
    begin: async (visit, { session }, id, { choice, hash, policy, comment }) => {
      const matter = await matterOf(session.principal, id, choice);
      demandSeen(matter.request, { hash, policy });
      if (!matter.can) throw new JitError({ code: 'ERR_DENIED', message: 'you cannot decide this one' });
      const word = comment === '' && !isVerdict(choice) ? null : parseReason(comment);
      const act = await sessions.intend(session, { request: id, choice, hash, policy, comment: word });
      const purpose = { kind: 'act', session: session.id, act, to: `${ROOT}/requests/${id}` } as const;
      const grave = matter.kind === 'request' && isGrave(matter.review);
      return trips.leave(visit, session.provider, purpose, grave ? 'again' : 'quiet');
    },
    lastLook: async (visit, held, passage, answer) => {
      const { session, cookie } = demandOwn(held, passage);
      const act = await sessions.intended(session, passage.purpose.act);
      if (act === null) return goTo(visit.frame.href(passage.purpose.to), [TRIP_OVER]);
      const matter = await matterOf(session.principal, act.request, act.choice);
      const { request } = matter;
      demandSeen(request, act);
      const viewer = { person: session.principal, form: formToken(cookie) };
      const page =
        matter.kind === 'review'
          ? verdictPage(visit.frame, { viewer, item: matter.item, act, answer })
          : lastLookPage(visit.frame, { viewer, request, review: matter.review, places, act, answer });
      return show(page, 200);
    },
    finish: async (visit, held, passage, answer) => {
      const own = demandOwn(held, passage);
      const { act: name, to } = passage.purpose;
      return alone(name, async () => {
        // The answer is over when the page with the last button lay open for long: then it is asked for again.
        if ((await decide(own, passage, answer)) !== 'over') return goTo(visit.frame.href(to), [TRIP_OVER]);
        return trips.leave(visit, passage.provider, passage.purpose, passage.manner === 'again' ? 'again' : 'quiet');
      });
    },
  };
}

/** What is decided, as its viewer may see it. */
type Matter =
  | { readonly kind: 'request'; readonly request: RequestView; readonly review: ReviewView; readonly can: boolean }
  | { readonly kind: 'review'; readonly request: RequestView; readonly item: ReviewItem; readonly can: boolean };

function isVerdict(choice: WebAct['choice']): choice is ReviewVerdict {
  return VERDICTS.some((verdict) => verdict === choice);
}

/** Handing out permissions is the one thing that outlives a grant. */
function isGrave({ targets }: ReviewView): boolean {
  return targets.some(({ assessment }) => assessment.access === 'permissions');
}

function demandOwn(held: Held | null, { purpose }: ActPassage): Held {
  if (held !== null && held.session.id === purpose.session) return held;
  throw new JitError({
    code: 'ERR_NOT_SIGNED_IN',
    message: 'the session in which this was begun is over, so nothing was decided: sign in and begin again',
  });
}

function demandSeen(request: RequestView, seen: Pick<WebAct, 'hash' | 'policy'>): void {
  if (request.hash === seen.hash && request.policy === seen.policy) return;
  throw new JitError({
    code: 'ERR_DECIDED',
    message: 'the request, or the policy for it, is not what you looked at any more: nothing was decided',
  });
}
