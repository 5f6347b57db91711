/**
 * The steps of a drill, and when each was reached.
 * @module
 */
import type { Clock } from '../../core/ports.ts';

/** In their order. */
export const STEPS = ['asked', 'granted', 'used', 'closed', 'refused', 'wiped'] as const;
export type StepName = (typeof STEPS)[number];

/** One that was reached. */
export interface Reached {
  readonly step: StepName;
  /** Epoch ms. */
  readonly at: number;
}

/** Records each step once, at the moment of the call. */
export interface Stopwatch {
  reach(step: StepName): void;
  readonly reached: () => readonly Reached[];
}

export function startStopwatch(now: Clock): Stopwatch {
  const reached = new Map<StepName, number>();
  return {
    reach: (step) => {
      if (!reached.has(step)) reached.set(step, now());
    },
    reached: () => STEPS.flatMap((step) => (reached.has(step) ? [{ step, at: reached.get(step) ?? 0 }] : [])),
  };
}

/** Milliseconds from one to another; null where one of them was not reached. */
export function between(reached: readonly Reached[], from: StepName, to: StepName): number | null {
  const at = (step: StepName): number | undefined => reached.find((each) => each.step === step)?.at;
  const [began, ended] = [at(from), at(to)];
  return began === undefined || ended === undefined ? null : ended - began;
}
