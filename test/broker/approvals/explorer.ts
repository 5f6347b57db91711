/**
 * A thread that follows random sequences, each with a store that others have used before it. In a thread of its own there is
 * no test runner that watches every promise, and there can be one for each core.
 * @module
 */
import assert from 'node:assert/strict';
import { parentPort, workerData } from 'node:worker_threads';
import * as fc from 'fast-check';
import { requireConsistent } from './afterwards.ts';
import { type Model, type Sequence, sequences } from './commands.ts';
import { atFirst } from './people.ts';
import { CONFIRM_MS, TAKE_UP_MS, WAIT_MS } from './reference.ts';
import { openTwins, type Twins } from './twins.ts';

/** What such a thread is given. */
export interface Task {
  readonly runs: number;
  readonly seed: number;
}

/** What it answers: how many sequences it has followed, and what it found, or null. */
export interface Answer {
  readonly followed: number;
  readonly problem: string | null;
}

/** A new store costs more than a sequence, and one that is never left grows. */
const PER_STORE = 250;

async function follow(twins: Twins, [first, rest]: Sequence): Promise<void> {
  const model: Model = { requests: [] };
  twins.around = { ...twins.around, rules: 0, groups: atFirst() };
  try {
    await fc.asyncModelRun(() => ({ model, real: twins }), [first, ...rest]);
  } finally {
    // Whatever is left open ends here, so that the next sequence has the brokers to itself.
    twins.around = { ...twins.around, now: twins.around.now + WAIT_MS + TAKE_UP_MS + CONFIRM_MS };
    await twins.brokers[0]?.approvals.timeOut();
  }
  for (const followed of model.requests) {
    const { state, granted } = await twins.read(followed.id);
    assert.ok(granted || (state !== 'pending' && state !== 'approved'), 'every request comes to an end');
    await requireConsistent(twins, followed);
  }
}

async function explore({ runs, seed }: Task): Promise<Answer> {
  let twins = await openTwins();
  let followed = 0;
  const property = fc.asyncProperty(sequences, async (sequence) => {
    if (++followed % PER_STORE === 0) {
      await twins.close();
      twins = await openTwins();
    }
    await follow(twins, sequence);
  });
  try {
    await fc.assert(property, { numRuns: runs, seed });
    return { followed, problem: null };
  } catch (thrown) {
    const { message, cause } = thrown instanceof Error ? thrown : new Error(String(thrown));
    return { followed, problem: `${message}\n${cause instanceof Error ? (cause.stack ?? '') : ''}` };
  } finally {
    await twins.close();
  }
}

// Given by model.test.ts, which writes it down as a task.
const task = workerData as Task;
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- the parent is a thread, not a window
parentPort?.postMessage(await explore(task));
