/**
 * What is the same for all emergency access, in words.
 * @module
 */
import { type Fact, fact } from '../table.ts';

/** How it ends before its time, and what comes of it. @param incident as it was named. */
export function emergencyFacts(incident: string): readonly Fact[] {
  return [
    fact('ends', `as soon as ${incident} is closed, at once or after the warning that the broker gives there`, 'warn'),
    fact('told', 'at once, everybody who would otherwise have to approve it; each of them can end it'),
    fact('review', 'opened with it, for somebody else to close with a verdict: jit review'),
  ];
}
