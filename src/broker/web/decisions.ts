/**
 * Decisions that need a word of the identity provider: from the first button over the provider to the last one.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import type { RequestId } from '../../core/ids.ts';
import { parseReason } from '../../core/request.ts';
import type { ReviewView } from '../../wire/views.ts';
import type { WebAct } from '../store/web-sessions.ts';
import { ROOT } from './address.ts';
import { TRIP_OVER, type Trips } from './callback.ts';
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
    if (act.choice === 'confirm') await broker.confirm(principal, request, { hash, policy });
    else {
      const word = { ...(comment === null ? {} : { comment }), attended: true };
      await broker.approve(principal, request, { hash, policy, ...word });
    }
    return 'done';
  }

  return {
    begin: async (visit, { session }, id, { choice, hash, policy, comment }) => {
      const review = await broker.review(session.principal, id);
      demandSeen(review, { hash, policy });
      if (!review.request.can.includes(choice)) {
        throw new JitError({ code: 'ERR_DENIED', message: 'you cannot decide this one' });
      }
      const word = comment === '' ? null : parseReason(comment);
      const act = await sessions.intend(session, { request: id, choice, hash, policy, comment: word });
      const purpose = { kind: 'act', session: session.id, act, to: `${ROOT}/requests/${id}` } as const;
      return trips.leave(visit, session.provider, purpose, isGrave(review) ? 'again' : 'quiet');
    },
    lastLook: async (visit, held, passage, answer) => {
      const { session, cookie } = demandOwn(held, passage);
      const act = await sessions.intended(session, passage.purpose.act);
      if (act === null) return goTo(visit.frame.href(passage.purpose.to), [TRIP_OVER]);
      const review = await broker.review(session.principal, act.request);
      demandSeen(review, act);
      const viewer = { person: session.principal, form: formToken(cookie) };
      const look = { viewer, request: review.request, review, places, act, answer };
      return show(lastLookPage(visit.frame, look), 200);
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

function demandSeen({ request }: ReviewView, seen: Pick<WebAct, 'hash' | 'policy'>): void {
  if (request.hash === seen.hash && request.policy === seen.policy) return;
  throw new JitError({
    code: 'ERR_DECIDED',
    message: 'the request, or the policy for it, is not what you looked at any more: nothing was decided',
  });
}
