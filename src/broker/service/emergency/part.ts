/**
 * What somebody has to do with the emergency access of somebody else: who would have been asked otherwise, hears of it and ends it.
 * @module
 */
import { mayVote } from '../../../core/approval.ts';
import { answersFor, type Principal } from '../../../core/principal.ts';
import type { Question } from '../../../policy/question.ts';
import type { StoredRequest } from '../../store/store.ts';
import { understoodQuestions } from '../decide.ts';
import { mayRevoke } from '../may-revoke.ts';
import type { World } from '../world.ts';

/** How old a look at the incident may be that says who leads it: what is live is looked at more often than that. */
const LOOK_MS = 300_000;

export type Part =
  /** None of their business. */
  | 'none'
  /** May see it and end its grant: its holder, who confirms it, who may revoke it, who leads its incident. */
  | 'ends'
  /** The same, and closes its review: whoever may approve it. */
  | 'reviews';

/** @param stored an emergency request; of any other nobody has a part. */
export async function partIn(world: World, caller: Principal, stored: StoredRequest): Promise<Part> {
  const { request } = stored;
  if (request.incident === null) return 'none';
  const { policy } = world;
  const questions = await understoodQuestions(world, stored);
  const requester = await world.present(request.requester);
  const other = questions.length > 0 && mayVote(caller, request.requester) && mayVote(caller, requester);
  if (other && questions.every((question) => policy.approves(caller, question))) return 'reviews';
  const ends =
    answersFor(caller, request.requester) ||
    (other && confirms(caller, stored, (question) => policy.confirms(caller, question), questions)) ||
    (await mayRevoke(world, caller, stored)) ||
    (await commands(world, caller, stored));
  return ends ? 'ends' : 'none';
}

function confirms(
  { groups }: Principal,
  { decision }: StoredRequest,
  permitted: (question: Question) => boolean,
  questions: readonly Question[],
): boolean {
  const asked = decision.quorum.some(({ group }) => group !== null && groups.includes(group));
  return asked && questions.every(permitted);
}

async function commands(world: World, caller: Principal, { request }: StoredRequest): Promise<boolean> {
  const emergency = request.incident === null ? null : await world.store.emergency(request.id);
  if (request.incident === null || emergency === null || emergency.incident === null) return false;
  const { source } = request.incident;
  const seen = await world.incidents.see({ source, id: emergency.incident }, LOOK_MS);
  const known = seen.kind === 'silent' ? seen.last : seen.kind === 'seen' ? seen : null;
  return known !== null && world.incidents.standing(known.incident, caller).commander;
}
