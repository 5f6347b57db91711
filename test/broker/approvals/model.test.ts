/**
 * Random requests, votes, changes of policy and of groups, time, taking up and revoking, one after another and racing,
 * through two real brokers on one real SQLite store, against a small reference: 10,000 sequences, each time others.
 * `JIT_MODEL_SEED` repeats a run that failed.
 * @module
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { Answer, Task } from './explorer.ts';

const SEQUENCES = 10_000;
const THREADS = 2;

async function explored(task: Task): Promise<Answer> {
  const worker = new Worker(new URL('explorer.ts', import.meta.url), { workerData: task });
  // An array of what was posted, which is an answer.
  const [answer] = (await once(worker, 'message')) as [Answer];
  await worker.terminate();
  return answer;
}

test('requests, votes, policies, groups, time and racing clients end as in the reference', async (t: TestContext) => {
  const seed = Number(process.env['JIT_MODEL_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  // As many on every machine, so that a seed means the same sequences everywhere.
  const tasks = Array.from({ length: THREADS }, (_, index) => ({ runs: SEQUENCES / THREADS, seed: seed + index }));
  const answers = await Promise.all(tasks.map(explored));
  const followed = answers.reduce((sum, answer) => sum + answer.followed, 0);
  t.diagnostic(`${followed} sequences, seed ${seed}`);
  for (const { problem } of answers) assert.equal(problem, null, `JIT_MODEL_SEED=${seed}\n${problem ?? ''}`);
  assert.equal(followed, SEQUENCES);
});
