/**
 * From a decision to its outcome: the clouds are asked while the caller waits, for as long as a person would.
 * @module
 */
import type { GrantId } from '../../core/ids.ts';
import type { Principal } from '../../core/principal.ts';
import type { Outcome } from '../../wire/views.ts';
import type { StoredGrant } from '../store/store.ts';
import type { Issuer } from './issue.ts';
import type { Sight } from './sight.ts';
import type { Submitted } from './submit.ts';
import type { World } from './world.ts';

const ISSUE_PATIENCE_MS = 10_000;

export interface SettleParts {
  /** Tells the worker that something is due at that time, epoch ms. */
  readonly wake: (dueAt: number) => void;
  readonly view: Sight['view'];
}

/** @returns what became of a request within 10 s; after that its grant may still be `issuing`, and the work goes on behind. */
export type Settle = (principal: Principal, submitted: Submitted) => Promise<Outcome>;

/** Work of which a failure may have ended a grant: its revocation is due then. */
export function failingAwake(
  { now }: Pick<World, 'now'>,
  wake: SettleParts['wake'],
): <T>(work: () => Promise<T>) => Promise<T> {
  return async (work) => {
    try {
      return await work();
    } catch (thrown) {
      wake(now());
      throw thrown;
    }
  };
}

export function makeSettle(world: World, issuer: Issuer, { wake, view }: SettleParts): Settle {
  const { store } = world;
  const orWake = failingAwake(world, wake);

  return settle;

  async function settle(principal: Principal, { request, grant: fresh, made }: Submitted): Promise<Outcome> {
    if (fresh === null && request.decision.deadline !== null) wake(request.decision.deadline);
    if (fresh === null || fresh.grant.state.name !== 'issuing') return view(principal, request, fresh);
    const { id, legs } = fresh.grant;
    if (made === 'now') {
      const known = { stored: fresh, asked: request };
      const work = legs.map(async ({ target }) => orWake(async () => issueAt(id, target, known)));
      const [first] = await within(Promise.allSettled(work), ISSUE_PATIENCE_MS);
      const last = legs.length === 1 && first?.status === 'fulfilled' ? first.value : await store.grant(id);
      return view(principal, request, last);
    } else {
      const announced = world.changes.next(id, ISSUE_PATIENCE_MS, new AbortController().signal);
      // Looked at again after listening, so that a change in between is not slept through.
      if ((await store.grant(id))?.grant.state.name === 'issuing') await announced;
    }
    return view(principal, request);
  }

  /** What it leaves to be done is due at once, also where it comes when nobody waits for it any more. */
  async function issueAt(
    id: GrantId,
    target: string,
    known: Parameters<Issuer['issue']>[1],
  ): Promise<StoredGrant | null> {
    const after = await issuer.issue({ grant: id, kind: 'issue', target }, known);
    const state = after?.grant.state;
    if (state?.name !== 'issuing') wake(state?.name === 'active' ? state.expiresAt : world.now());
    return after;
  }
}

/** What the work comes to, or nothing where it takes longer; it goes on behind. */
async function within<T>(work: Promise<readonly T[]>, ms: number): Promise<readonly T[]> {
  const { promise, resolve } = Promise.withResolvers<readonly T[]>();
  const timer = setTimeout(resolve, ms, []);
  void work.then(resolve);
  const done = await promise;
  clearTimeout(timer);
  return done;
}
