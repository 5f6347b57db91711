/**
 * What is the same for all emergency access, in words.
 * @module
 */
import { formatDuration } from '../../core/duration.ts';
import type { PlanView } from '../../wire/views.ts';
import { type Fact, fact } from '../table.ts';

/** How it ends before its time, and what comes of it; nothing for any other plan. @param incident as people call it. */
export function emergencyFacts({ emergency }: Pick<PlanView, 'emergency'>, incident: string): readonly Fact[] {
  if (emergency === null) return [];
  const { warnSeconds, handover } = emergency;
  const end =
    warnSeconds === 0
      ? `as soon as ${incident} is closed, without a warning`
      : `${formatDuration(warnSeconds)} after ${incident} is closed, with a warning then`;
  return [
    fact('ends', handover === 'stays' ? end : `${end}; also when your part in it is over`, 'warn'),
    fact('told', 'at once, everybody who would otherwise have to approve it; each of them can end it'),
    fact('review', 'opened with it, for somebody else to close with a verdict: jit review'),
  ];
}
