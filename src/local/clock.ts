/**
 * When a time has run out, judged by two clocks: the wall clock, which people and suspended machines can set, and the
 * time since boot, which counts through suspend but starts again at every boot.
 * @module
 */
import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';
import { setTimeout as sleepOnce } from 'node:timers/promises';

/** Both clocks at one moment. */
export interface Clocks {
  /** Epoch milliseconds. */
  readonly wallMs: number;
  /** Milliseconds since boot, suspend included. Linux counts it in steps of 10 ms. */
  readonly bootMs: number;
  /** Which boot `bootMs` counts from; null where the system does not say (macOS, Windows). */
  readonly bootId: string | null;
}

/** A moment in the future, fixed on both clocks. Plain data: it can be written to a file and read back. */
export interface Deadline {
  /** Epoch milliseconds. */
  readonly endsAt: number;
  readonly set: Clocks;
}

/** What the two clocks say about a deadline. */
export type Verdict =
  | { readonly state: 'live'; readonly remainingMs: number; readonly driftMs: number }
  | { readonly state: 'over'; readonly by: 'wall' | 'boot'; readonly driftMs: number }
  /** Rebooted since: the wall clock alone says that time is left, so somebody else must confirm it before use. */
  | { readonly state: 'unsure'; readonly remainingMs: number };

/** @param endsAt epoch milliseconds by the clock of `now`. */
export function deadline(endsAt: number, now: Clocks): Deadline {
  return { endsAt, set: now };
}

/**
 * Over if the wall clock has reached the end, or if as much time has passed since boot as the deadline was long:
 * setting the clock back gains nothing (CVE-2013-1775). Setting it forward ends it early, which is safe.
 * `driftMs` is how far the wall clock has moved apart from the boot clock; seconds of it mean that somebody set it.
 */
export function judge(until: Deadline, now: Clocks): Verdict {
  const byWall = until.endsAt - now.wallMs;
  const elapsed = now.bootMs - until.set.bootMs;
  const rebooted = now.bootId !== until.set.bootId || elapsed < 0;
  const driftMs = rebooted ? 0 : now.wallMs - until.set.wallMs - elapsed;
  if (byWall <= 0) return { state: 'over', by: 'wall', driftMs };
  if (rebooted) return { state: 'unsure', remainingMs: byWall };
  const byBoot = until.endsAt - until.set.wallMs - elapsed;
  if (byBoot <= 0) return { state: 'over', by: 'boot', driftMs };
  return { state: 'live', remainingMs: Math.min(byWall, byBoot), driftMs };
}

let bootId: string | null | undefined;

/** Reads both clocks of this machine. */
export function readClocks(): Clocks {
  bootId ??= readBootId();
  // os.uptime() is /proc/uptime on Linux and counts suspend there, which process.hrtime() does not.
  return { wallMs: Date.now(), bootMs: Math.round(uptime() * 1_000), bootId };
}

function readBootId(): string | null {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return null;
  }
}

/** The longest step of a timer here: timers stand still during suspend, and a wipe is due within 5 s of waking. */
const STEP_MS = 4_000;

/**
 * Waits until a deadline is over or has become unsure, looking at both clocks at least every 4 s; so it neither sleeps
 * on through a suspend or a set clock, nor overflows the 2^31-1 ms of a timer, which would fire it at once.
 * Rejects when `signal` aborts.
 */
export async function waitUntilOver(
  until: Deadline,
  read: () => Clocks,
  signal?: AbortSignal,
): Promise<Exclude<Verdict, { state: 'live' }>> {
  for (;;) {
    signal?.throwIfAborted();
    const verdict = judge(until, read());
    if (verdict.state !== 'live') return verdict;
    await pause(Math.min(verdict.remainingMs, STEP_MS), signal);
  }
}

const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Sleeps for any number of milliseconds of awake time, in steps that a timer can count. Rejects when `signal` aborts. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  const end = performance.now() + ms;
  for (let left = ms; left > 0; left = end - performance.now()) {
    await sleepOnce(Math.min(Math.ceil(left), LONGEST_TIMER_MS), undefined, signal === undefined ? {} : { signal });
  }
}
