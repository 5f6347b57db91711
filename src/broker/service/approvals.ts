/**
 * Requests that people decide: votes, confirmation, withdrawal, time-outs, and taking an approved request up. Each reads,
 * has policy judge anew, applies one event after another, and commits on condition that nobody was faster.
 * @module
 */
import type { AuditEvent } from '../../audit/entry.ts';
import { type Canonical, canonicalJson } from '../../core/canonical.ts';
import { asksPeople, decide, isOpen, isOver, type RequestEvent, type Vote } from '../../core/approval.ts';
import { asJitError, JitError } from '../../core/errors.ts';
import type { Grant } from '../../core/grant.ts';
import type { RequestId } from '../../core/ids.ts';
import { type Principal, samePerson, samePrincipal } from '../../core/principal.ts';
import type { Permission } from '../../core/request.ts';
import type { AddressedNotice } from '../store/notices.ts';
import type { StoredRequest } from '../store/store.ts';
import { judge, understoodQuestions } from './decide.ts';
import { askedOtherwise } from './emergency/noise.ts';
import { openedReview } from './emergency/record.ts';
import { openFor } from './open.ts';
import { decidedAlready, mayNot, notApproved, refusalOf, type Seen, unattended } from './refusals.ts';
import type { Submitted } from './submit.ts';
import { markedDecision, type Unconfirmed } from './unconfirmed.ts';
import { decidedBy, noticeKindOf, weightOf } from './tell.ts';
import { type Electorate, electorateOf, mayConfirm } from './votes.ts';
import type { World } from './world.ts';

export interface Approvals {
  /** Throws `ERR_DECIDED`, `ERR_CONFLICT` where request or policy are not what was seen, `ERR_DENIED` for who may not. */
  vote(
    voter: Principal,
    id: RequestId,
    word: Pick<Vote, 'choice' | 'comment' | 'attended'>,
    seen: Seen,
  ): Promise<StoredRequest>;
  confirm(caller: Principal, id: RequestId, seen: Seen): Promise<StoredRequest>;
  /** @param why left out: it was their own, and they took it back. */
  cancel(caller: Principal, id: RequestId, why?: string): Promise<StoredRequest>;
  /**
   * Opens the grant of an approved request, after everything has been judged anew. Throws `ERR_PENDING` where approvals are
   * missing (again), `ERR_DENIED` where policy does not permit it any more.
   */
  takeUp(requester: Principal, id: RequestId, unconfirmed?: Unconfirmed | null): Promise<Submitted>;
  /** Ends what nobody decided or took up in time. @returns when to look again, epoch ms, or null. */
  timeOut(): Promise<number | null>;
  /** Judges every open request by the present policy. */
  judgeAnew(): Promise<void>;
  /** The same for one. */
  judgeOne(id: RequestId): Promise<void>;
  /** Denies what has not become a grant, for a reason that is no rule's. */
  forbid(id: RequestId, why: string): Promise<void>;
}

const PATIENCE = 50;
const PAGE = 500;

export function makeApprovals(world: World): Approvals {
  const { store } = world;

  async function read(id: RequestId): Promise<StoredRequest> {
    const stored = await store.request(id);
    if (stored === null) throw new JitError({ code: 'ERR_NOT_FOUND', message: `there is no request ${id}` });
    return stored;
  }

  /** Repeats until a commit gets through or there is nothing to commit. */
  async function changing<T>(id: RequestId, attempt: (stored: StoredRequest) => Promise<T>): Promise<T> {
    for (let round = 0; round < PATIENCE; round++) {
      try {
        return await attempt(await read(id));
      } catch (thrown) {
        if (!(thrown instanceof JitError) || thrown.code !== 'ERR_CONFLICT' || thrown.subject !== id) throw thrown;
      }
    }
    throw new JitError({ code: 'ERR_STORE', message: 'too many changes to this request at once' });
  }

  async function keep(before: StoredRequest, after: Step): Promise<StoredRequest> {
    if (after.entries.length === 0) return before;
    const notices = await noticesOf(before, after.stored);
    await store.commit({ request: { ...after.stored, idempotency: null }, entries: after.entries, notices });
    world.changes.announce(before.request.id);
    if (notices.length > 0) world.teller.stored();
    return { ...after.stored, version: before.version + 1 };
  }

  /** @param grant where it has become one. */
  async function noticesOf(
    before: StoredRequest,
    after: StoredRequest,
    grant: Grant | null = null,
  ): Promise<readonly AddressedNotice[]> {
    const first = noticeKindOf(before, after);
    const broken = grant !== null && after.request.incident !== null;
    const kinds = [...(first === null ? [] : [first]), ...(broken ? (['break-glass'] as const) : [])];
    const wanted = kinds.filter((kind) => world.teller.wants(kind));
    if (wanted.length === 0) return [];
    const { request, hash, decision } = after;
    const questions = await understoodQuestions(world, after);
    const approvers = request.incident === null ? undefined : askedOtherwise(world.policy, questions, after);
    const told = { at: world.now(), serial: before.version + 1, request, hash, decision, grant, approvers };
    return wanted.flatMap((kind) =>
      world.teller.compose({ ...told, kind, ...weightOf(questions), by: decidedBy(after) }),
    );
  }

  /** The request as policy has it at this moment. @param requester as they are now. */
  async function judged(
    stored: StoredRequest,
    requester: Principal,
    { policy: set, serves }: Electorate,
  ): Promise<Judged> {
    const none = { stored, entries: [], idleSeconds: null };
    if (stored.grant !== null || !isOpen(stored.decision)) return none;
    const { waitMs, confirmMs, takeUpMs } = world.approvals;
    const at = world.now();
    const verdict = await verdictOn({ ...world, policy: set }, requester, stored);
    if (verdict.kind === 'no') {
      const forbidden = { type: 'forbidden', at, why: verdict.why, policy: verdict.policy } as const;
      return { ...none, ...step(none, forbidden, 'broker') };
    }
    const { tier, quorum, policy, idleSeconds } = verdict;
    const demanded = { tier, quorum, policy };
    const patience = tier === 'self-serve' ? confirmMs : waitMs;
    const event = { type: 'demanded', demanded, at, serves: serves(quorum), waitMs: patience, takeUpMs } as const;
    return { ...step(none, event, 'broker'), idleSeconds };
  }

  /** What policy made of it meanwhile is kept, so that looking again shows it. */
  async function demandUnmoved(before: StoredRequest, ready: Step, seen: Seen): Promise<void> {
    const refusal = refusalOf(ready.stored, seen, world.now());
    if (refusal === null) return;
    await keep(before, ready);
    throw refusal;
  }

  return {
    vote: async (voter, id, word, seen) =>
      changing(id, async (stored) => {
        const electorate = await electorateOf(world, stored, voter);
        if (!electorate.admits(voter)) throw mayNot(stored, voter);
        if (alreadySaid(stored, voter, word.choice, seen, electorate)) return stored;
        const requester = await world.present(stored.request.requester);
        const ready = await judged(stored, requester, electorate);
        await demandUnmoved(stored, ready, seen);
        const { decision } = ready.stored;
        const at = world.now();
        const vote: Vote = { voter: asVoter(voter), ...word, at, policy: decision.policy };
        const serves = electorate.serves(decision.quorum);
        if (asksPeople(decision) && serves(vote).length === 0 && serves({ ...vote, attended: true }).length > 0) {
          throw unattended(stored);
        }
        if (!asksPeople(decision) || serves(vote).length === 0) throw mayNot(stored, voter);
        const { takeUpMs } = world.approvals;
        const after = step(ready, { type: 'vote', vote, serves, takeUpMs }, voter);
        return keep(stored, after);
      }),

    confirm: async (caller, id, seen) =>
      changing(id, async (stored) => {
        const electorate = await electorateOf(world, stored, null);
        const ready = await judged(stored, await asNow(caller, stored), electorate);
        await demandUnmoved(stored, ready, seen);
        if (ready.stored.decision.state === 'approved') return keep(stored, ready);
        if (!mayConfirm(caller, ready.stored)) {
          const { tier } = ready.stored.decision;
          const message = tier === 'self-serve' ? "a person's own word is needed" : 'this is not yours to confirm';
          throw new JitError({ code: 'ERR_DENIED', message: `denied: ${message}`, subject: id });
        }
        const event = { type: 'confirm', at: world.now(), takeUpMs: world.approvals.takeUpMs } as const;
        return keep(stored, step(ready, event, caller));
      }),

    cancel: async (caller, id, why = `${caller.name} took it back`) =>
      changing(id, async (stored) => {
        if (stored.decision.state === 'cancelled') return stored;
        const refusal = decidedAlready(stored, world.now());
        if (refusal !== null) throw refusal;
        const event = { type: 'cancel', at: world.now(), why } as const;
        return keep(stored, step({ stored, entries: [] }, event, caller));
      }),

    takeUp: async (requester, id, unconfirmed = null) =>
      changing(id, async (stored) => {
        if (!samePrincipal(requester, stored.request.requester)) throw mayNot(stored, requester);
        const earlier = stored.grant === null ? null : await store.grant(stored.grant);
        if (earlier !== null) return { request: stored, grant: earlier, made: 'earlier' };
        const electorate = await electorateOf(world, stored, null);
        const ready = await judged(stored, requester, electorate);
        const { decision } = ready.stored;
        const at = world.now();
        if (decision.state !== 'approved' || isOver(decision, at)) throw notApproved(await keep(stored, ready), at);
        const taken = { ...ready.stored, decision: markedDecision(decision, unconfirmed, at) };
        const opening = openFor(world, taken, at, { idleSeconds: ready.idleSeconds, unconfirmed });
        const { effects, grant } = opening;
        const entries = [...ready.entries, ...opening.entries];
        // Judging anew may have been what approved it.
        const notices = await noticesOf(stored, taken, grant.grant);
        await store.commit({
          request: { ...opening.request, idempotency: null },
          grant,
          effects,
          entries,
          notices,
          ...(await openedReview(world, id, at)),
        });
        world.changes.announce(id);
        if (notices.length > 0) world.teller.stored();
        const request = { ...opening.request, version: stored.version + 1 };
        return { request, grant: { ...grant, version: 1 }, made: 'now' };
      }),

    timeOut: async () => {
      const overdue = await store.openRequests(world.now(), PAGE);
      for (const { request } of overdue) {
        await changing(request.id, async (stored) =>
          keep(stored, step({ stored, entries: [] }, { type: 'time-out', at: world.now() }, 'broker')),
        );
      }
      return store.nextDeadline();
    },

    judgeAnew: async () => {
      const open = await store.openRequests(null, 1_000);
      for (const { request } of open) await judgeOne(request.id);
    },
    judgeOne,
    forbid: async (id, why) => {
      await changing(id, async (stored) => {
        const event = { type: 'forbidden', at: world.now(), why, policy: stored.decision.policy } as const;
        return keep(stored, step({ stored, entries: [] }, event, 'broker'));
      });
    },
  };

  async function judgeOne(id: RequestId): Promise<void> {
    await changing(id, async (stored) => {
      const electorate = await electorateOf(world, stored, null);
      const requester = await world.present(stored.request.requester);
      try {
        return await keep(stored, await judged(stored, requester, electorate));
      } catch (thrown) {
        // It is asked again before anything comes of the request.
        if (thrown instanceof JitError && thrown.code === 'ERR_INCIDENT_SOURCE') return stored;
        throw thrown;
      }
    });
  }

  async function asNow(caller: Principal, { request }: StoredRequest): Promise<Principal> {
    return samePrincipal(caller, request.requester) ? caller : world.present(request.requester);
  }
}

/** The same word of the same person again, such as after a lost answer: nothing changes, and it is no mistake. */
function alreadySaid(
  stored: StoredRequest,
  voter: Principal,
  choice: Vote['choice'],
  seen: Seen,
  { serves }: Electorate,
): boolean {
  const { hash, decision, votes } = stored;
  if (seen.hash !== hash || seen.policy !== decision.policy) return false;
  const last = votes.findLast((vote) => vote.policy === seen.policy && samePerson(vote.voter, voter));
  if (last?.choice !== choice) return false;
  return choice === 'deny' || last.attended || serves(decision.quorum)(last).length > 0;
}

/** A request on its way through several events, and what the audit log is to say of them. */
interface Step {
  readonly stored: StoredRequest;
  readonly entries: readonly AuditEvent[];
}

/** The same with what policy wants of a grant of it. */
interface Judged extends Step {
  readonly idleSeconds: number | null;
}

function step({ stored, entries }: Step, event: RequestEvent, actor: Principal | 'broker'): Step {
  const { decision, votes, grant, request } = stored;
  const before = { decision, votes, issued: grant !== null };
  const after = decide(before, event);
  if (after === before) return { stored, entries };
  const { state, tier, why, policy } = after.decision;
  const data: Record<string, Canonical> = { from: decision.state, to: state, tier, why, version: policy };
  if (event.type === 'vote') {
    data['hash'] = stored.hash;
    data['choice'] = event.vote.choice;
    if (event.vote.choice === 'approve') data['attended'] = event.vote.attended;
    if (event.vote.comment !== null) data['comment'] = event.vote.comment;
  }
  const at = event.type === 'vote' ? event.vote.at : event.at;
  const entry: AuditEvent = { type: `request.${WORDS[event.type]}`, at, actor, request: request.id, grant: null, data };
  const next = { ...stored, decision: after.decision, votes: after.votes };
  return { stored: next, entries: [...entries, entry] };
}

const WORDS = {
  vote: 'voted',
  confirm: 'confirmed',
  cancel: 'cancelled',
  'time-out': 'timed-out',
  demanded: 'judged-anew',
  forbidden: 'forbidden',
} as const satisfies Record<RequestEvent['type'], string>;

type Verdict =
  | { readonly kind: 'no'; readonly why: string; readonly policy: string }
  | ({ readonly kind: 'yes'; readonly idleSeconds: number | null } & Extract<
      RequestEvent,
      { type: 'demanded' }
    >['demanded']);

async function verdictOn(world: World, requester: Principal, { request }: StoredRequest): Promise<Verdict> {
  const { version } = world.policy;
  try {
    const { permissions, verdict, policy } = await judge(world, requester, request, world.now());
    if (verdict.kind === 'deny') return { kind: 'no', why: verdict.why, policy };
    if (canonicalJson(shape(permissions)) !== canonicalJson(shape(request.permissions))) {
      return { kind: 'no', why: 'what was asked for means something else now', policy };
    }
    return { kind: 'yes', tier: verdict.tier, quorum: verdict.quorum, policy, idleSeconds: verdict.idleSeconds };
  } catch (thrown) {
    const error = asJitError(thrown);
    // A passing fault of the store is no answer.
    if (error.facts.retryable || error.code === 'ERR_UNEXPECTED') throw error;
    return { kind: 'no', why: error.message, policy: version };
  }
}

/** What was decided on, in a form that can be compared. */
export function shape(permissions: readonly Permission[]): Canonical {
  return permissions.map(({ target, operation, actions, resources }) => ({ target, operation, actions, resources }));
}

/** What is kept of a voter: who they are, and the groups that made them eligible. */
function asVoter({ issuer, subject, name, groups, personKey }: Principal): Principal {
  return { kind: 'user', issuer, subject, name, groups, ...(personKey === undefined ? {} : { personKey }) };
}
