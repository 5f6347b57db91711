/**
 * Who may take part in deciding a request, judged by policy at this moment.
 * @module
 */
import {
  asksPeople,
  counted,
  hasVoted,
  isOpen,
  isOver,
  mayVote,
  missing,
  type Serves,
  type Vote,
} from '../../core/approval.ts';
import { answersFor, type Principal, samePrincipal } from '../../core/principal.ts';
import type { Quorum } from '../../core/request.ts';
import type { Manner } from '../../policy/attendance.ts';
import type { PolicySet } from '../../policy/load.ts';
import type { RequestAction } from '../../wire/views.ts';
import type { StoredRequest } from '../store/store.ts';
import { understoodQuestions } from './decide.ts';
import { type Part, partIn } from './emergency/part.ts';
import type { World } from './world.ts';

/** Who may vote on one request, for the voters that it has and for one more. */
export interface Electorate {
  /** The set by which it is judged: whatever else goes into the same decision is asked of this one, also after a reload. */
  readonly policy: PolicySet;
  /** Whether somebody may vote on it at all. @param manner `attended` where it is left out. */
  admits(voter: Principal, manner?: Manner): boolean;
  /** Which places of that quorum a vote may help to fill, its owner as they are now. */
  serves(quorum: readonly Quorum[]): Serves;
}

/** @param caller who is known to be exactly as given, so that nothing newer is looked for. */
export async function electorateOf(world: World, stored: StoredRequest, caller: Principal | null): Promise<Electorate> {
  const { request, votes, decision } = stored;
  const { policy } = world;
  const questions = await understoodQuestions(world, stored);
  // What names the person behind an account may have become known after the request was made.
  const requester = await world.present(request.requester);
  const now = new Map<Vote, Principal>();
  for (const vote of votes) {
    const known = caller !== null && samePrincipal(caller, vote.voter) ? caller : await world.present(vote.voter);
    now.set(vote, known);
  }
  // Whoever confirms an emergency is named by its own rule; here only what forbids them a vote is asked.
  const judges = decision.tier === 'break-glass' ? confirms(policy) : policy.approves;
  const admits = (voter: Principal, manner?: Manner): boolean =>
    questions.length > 0 &&
    mayVote(voter, request.requester) &&
    mayVote(voter, requester) &&
    questions.every((question) => judges(voter, question, manner));
  return {
    policy,
    admits,
    serves: (quorum) => (vote) => {
      const voter = now.get(vote) ?? vote.voter;
      // A no stops it whoever said it how.
      if (!admits(voter, vote.attended || vote.choice === 'deny' ? 'attended' : 'unattended')) return [];
      return quorum.flatMap(({ group }, position) =>
        group === null || voter.groups.includes(group) ? [position] : [],
      );
    },
  };
}

function confirms(policy: PolicySet): PolicySet['approves'] {
  return (voter, question, manner = 'attended') => manner === 'attended' && policy.confirms(voter, question);
}

/** What a caller is shown of a request beside what is stored. */
export interface Insight {
  /** For each entry of the quorum how many people are missing. */
  readonly missing: readonly number[];
  /** Votes that count as things are. */
  readonly counting: ReadonlySet<Vote>;
  readonly can: readonly RequestAction[];
}

/** @returns null where the request is none of the caller's business. */
export async function insightFor(world: World, caller: Principal, stored: StoredRequest): Promise<Insight | null> {
  const { decision, grant, votes, request } = stored;
  const own = answersFor(caller, request.requester);
  const part = await partIn(world, caller, stored);
  const after = await afterwards(world, part, stored);
  if (!asksPeople(decision)) {
    if (!own && part === 'none') return null;
    const can = [...(own ? await ownActions(caller, stored, world.now()) : []), ...after];
    return { missing: [], counting: new Set(), can };
  }
  const electorate = await electorateOf(world, stored, caller);
  // In an emergency only what forbids a vote is asked there.
  const concerned = request.incident === null ? electorate.admits(caller) : part !== 'none';
  if (!own && !concerned && !votes.some(({ voter }) => samePrincipal(voter, caller))) return null;
  const serves = electorate.serves(decision.quorum);
  const open = isOpen(decision) && grant === null;
  const counting = new Set(counted(stored).filter((vote) => !open || serves(vote).length > 0));
  const lacking = open ? missing(stored, serves) : [];
  return {
    missing: decision.quorum.map(({ group }) => lacking.find((each) => each.group === group)?.approvers ?? 0),
    counting,
    can: [
      ...(own ? await ownActions(caller, stored, world.now()) : []),
      ...voterActions(world, caller, stored, electorate),
      ...after,
    ],
  };
}

/** What may be done about emergency access that has been given. */
async function afterwards(world: World, part: Part, { request, grant }: StoredRequest): Promise<RequestAction[]> {
  if (part === 'none' || grant === null) return [];
  const review = part === 'reviews' ? (await world.store.emergency(request.id))?.review : null;
  return ['revoke', ...(review?.closed === null ? (['review'] as const) : [])];
}

function voterActions(world: World, caller: Principal, stored: StoredRequest, electorate: Electorate): RequestAction[] {
  const { decision, grant } = stored;
  const at = world.now();
  if (grant !== null || !isOpen(decision) || isOver(decision, at) || !electorate.admits(caller)) return [];
  const { version: policy } = world.policy;
  const probe: Vote = { voter: caller, choice: 'approve', comment: null, attended: true, at, policy };
  const serves = electorate.serves(decision.quorum);
  if (serves(probe).length === 0) return [];
  const asked = decision.state === 'pending' && !hasVoted(stored, probe, serves);
  return asked ? ['approve', 'deny'] : ['deny'];
}

async function ownActions(
  caller: Principal,
  { request, decision, grant }: StoredRequest,
  at: number,
): Promise<RequestAction[]> {
  if (grant !== null || !isOpen(decision) || isOver(decision, at)) return [];
  const takes = decision.state === 'approved' && samePrincipal(caller, request.requester);
  return [
    ...(mayConfirm(caller, { request, decision }) ? (['confirm'] as const) : []),
    ...(takes ? (['issue'] as const) : []),
    'cancel',
  ];
}

/** One's own confirmation is given by a person: the requester, or the person for whom an agent asks. */
export function mayConfirm(
  caller: Principal,
  { request, decision }: Pick<StoredRequest, 'request' | 'decision'>,
): boolean {
  if (decision.state !== 'pending' || decision.tier !== 'self-serve') return false;
  return caller.kind === 'user' && caller.actsFor === undefined && answersFor(caller, request.requester);
}
