/**
 * What the engine has answered, kept for when the very same is put to it again.
 * @module
 */

/** Texts longer than this are not kept: with the number of answers, it bounds what they take to a few megabytes. */
const LONGEST_TEXT = 4_096;

export interface Answers<T> {
  /**
   * The answer kept under this text, or else that of `ask`.
   * @param text everything that the answer depends on: equal texts must mean equal answers.
   * @param isFinal whether an answer may be kept.
   */
  of(text: string, ask: () => T, isFinal: (answer: T) => boolean): T;
}

/** @param most answers are kept; the least recently used goes first. */
export function makeAnswers<T extends object>(most: number): Answers<T> {
  const kept = new Map<string, T>();
  return {
    of(text, ask, isFinal) {
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
