/**
 * Who is told of emergency access: everybody who would have been asked, had there been time.
 * @module
 */
import type { PolicySet } from '../../../policy/load.ts';
import type { Question } from '../../../policy/question.ts';
import { combine } from '../../../policy/verdict.ts';
import type { StoredRequest } from '../../store/store.ts';
import { understoodQuestions } from '../decide.ts';
import type { World } from '../world.ts';

/**
 * Groups: those that a rule on action Request would have asked, and those that confirm it. Null, for everybody who approves
 * anything: where no such rule would have asked people, or one would have asked any of them.
 */
export function askedOtherwise(
  policy: Pick<PolicySet, 'decide'>,
  questions: readonly Question[],
  { decision }: Pick<StoredRequest, 'decision'>,
): readonly string[] | null {
  const verdict = combine(questions.map((question) => policy.decide(question)));
  if (verdict.kind === 'deny' || verdict.quorum.length === 0) return null;
  const groups = [...verdict.quorum, ...decision.quorum].map(({ group }) => group);
  const named = groups.flatMap((group) => group ?? []);
  return named.length < groups.length ? null : [...new Set(named)];
}

/** The same for a stored request, where it is one of an emergency; undefined where it is none. Never rejects: told too widely is told. */
export async function approversOf(world: World, stored: StoredRequest): Promise<readonly string[] | null | undefined> {
  if (stored.request.incident === null) return undefined;
  try {
    return askedOtherwise(world.policy, await understoodQuestions(world, stored), stored);
  } catch {
    return null;
  }
}
