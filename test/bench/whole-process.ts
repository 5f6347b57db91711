/**
 * Times whole processes against `node -e 0`, in turns, so that a machine that speeds up or slows down does so for both.
 * @module
 */
import { spawnSync } from 'node:child_process';

export interface Contestant {
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
}

export interface Timing {
  readonly name: string;
  readonly medianMs: number;
  /** Median of the ratios to the floor, pair by pair. */
  readonly ratio: number;
}

const FLOOR: Contestant = { name: 'node -e 0', file: process.execPath, args: ['-e', '0'] };

/** @param rounds counted runs of each, after two that are not. Throws when a contestant fails. */
export function race(contestants: readonly Contestant[], env: NodeJS.ProcessEnv, rounds: number): readonly Timing[] {
  const times = new Map<string, number[]>();
  for (let round = -2; round < rounds; round++) {
    for (const each of [FLOOR, ...contestants]) {
      const took = once(each, env);
      if (round >= 0) times.set(each.name, [...(times.get(each.name) ?? []), took]);
    }
  }
  const floor = times.get(FLOOR.name) ?? [];
  return [FLOOR, ...contestants].map(({ name }) => {
    const own = times.get(name) ?? [];
    return { name, medianMs: median(own), ratio: median(own.map((ms, index) => ms / (floor[index] ?? ms))) };
  });
}

function once({ name, file, args }: Contestant, env: NodeJS.ProcessEnv): number {
  const began = performance.now();
  const { status, stderr } = spawnSync(file, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const took = performance.now() - began;
  if (status !== 0) throw new Error(`${name} ended with ${status}: ${stderr.toString()}`);
  return took;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** @param q 0 to 1. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}
