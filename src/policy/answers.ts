/**
 * What the engine has answered, kept for when the very same is put to it again.
 * @module
 */

/** Texts longer than this are not kept: with the number of answers, it bounds what they take to a few megabytes. */
const LONGEST_TEXT = 4_096;

/** A question to be told apart from others. */
export interface Asked {
  /** Cheap to make, and the same for equal questions; different ones may share it. */
  readonly hint: string;
  /** Everything that the answer depends on: equal texts must mean equal answers. Made only for what may have been asked before. */
  readonly text: () => string;
}

export interface Answers<T> {
  /** The answer kept for the very same question, or else that of `ask`. @param isFinal whether an answer may be kept. */
  of(asked: Asked, ask: () => T, isFinal: (answer: T) => boolean): T;
}

/** What is asked for the first time is not kept, since most of it is never asked again: so many are remembered by their hints. */
const REMEMBERED = 4_096;

/** @param most answers are kept; the least recently used goes first. */
export function makeAnswers<T extends object>(most: number): Answers<T> {
  const kept = new Map<string, T>();
  let [seen, seenBefore] = [new Set<string>(), new Set<string>()];
  const isFirst = (hint: string): boolean => {
    if (seen.has(hint)) return false;
    // Two halves in turn are forgotten at no cost, where a row by age would cost something with each question.
    if (seen.size >= REMEMBERED / 2) [seen, seenBefore] = [new Set(), seen];
    seen.add(hint);
    return !seenBefore.has(hint);
  };
  return {
    of({ hint, text: textOf }, ask, isFinal) {
      if (isFirst(hint)) return ask();
      const text = textOf();
      const known = kept.get(text);
      const answer = known ?? ask();
      if (known !== undefined) kept.delete(text);
      else if (text.length > LONGEST_TEXT || !isFinal(answer)) return answer;
      else if (kept.size >= most) kept.delete(kept.keys().next().value ?? '');
      kept.set(text, answer);
      return answer;
    },
  };
}
