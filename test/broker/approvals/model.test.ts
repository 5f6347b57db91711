/**
 * Random requests, votes, changes of policy and of groups, time, taking up and revoking, one after another and racing,
 * through two real brokers on one real SQLite store, against a small reference. `JIT_MODEL=full` runs 10,000 sequences
 * however long it takes, otherwise as many of them as fit into 40 s; `JIT_MODEL_SEED` repeats a run that failed.
 * @module
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { test, type TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { Answer, Task } from './explorer.ts';

const SEQUENCES = 10_000;
const LIMIT_MS = process.env['JIT_MODEL'] === 'full' ? null : 40_000;
/** Even that of a machine with many users. */
const FEWEST = 200;

async function explored(task: Task): Promise<Answer> {
  const worker = new Worker(new URL('explorer.ts', import.meta.url), { workerData: task });
  // An array of what was posted, which is an answer.
  const [answer] = (await once(worker, 'message')) as [Answer];
  await worker.terminate();
  return answer;
}

test('requests, votes, policies, groups, time and racing clients end as in the reference', async (t: TestContext) => {
  const seed = Number(process.env['JIT_MODEL_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  const threads = Math.min(2, availableParallelism());
  const runs = Math.ceil(SEQUENCES / threads);
  const tasks = Array.from({ length: threads }, (_, index) => ({ runs, seed: seed + index, limitMs: LIMIT_MS }));
  const answers = await Promise.all(tasks.map(explored));
  const followed = answers.reduce((sum, answer) => sum + answer.followed, 0);
  t.diagnostic(`${followed} sequences, seed ${seed}`);
  for (const { problem } of answers) assert.equal(problem, null, `JIT_MODEL_SEED=${seed}\n${problem ?? ''}`);
  assert.ok(followed >= (LIMIT_MS === null ? SEQUENCES : FEWEST), `only ${followed} sequences`);
});
