/**
 * How long it takes until everything is gone where very many grants at ten targets end in the same second and one of the targets is
 * dead: `node test/bench/expiry.bench.ts [GRANTS [FOLDER]]`. Store and worker are real, the cloud is a fake that answers at once.
 * @module
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEAD, LIFE_MS, manyGrants, TARGETS } from '../broker/worker/many.ts';
import { eventually } from '../support/eventually.ts';

const print = (line: string): boolean => process.stdout.write(`${line}\n`);
const PATIENCE = { deadlineMs: 600_000 };
const count = Number(process.argv[2] ?? 10_000);
const folder = await mkdtemp(join(process.argv[3] ?? tmpdir(), 'jit-bench-'));
await chmod(folder, 0o700);
try {
  const { w, grants, revoked, mostInHand, revive } = await manyGrants(count, join(folder, 'broker.db'));
  const asked: number[] = [];
  const onCall = w.cloud.onCall;
  let begin = performance.now();
  w.cloud.onCall = async (verb, grant, place) => {
    if (verb === 'revoke' && place !== DEAD) asked.push(performance.now() - begin);
    await onCall(verb, grant, place);
  };
  const at = (place: string): number => [...grants.values()].filter((where) => where === place).length;
  const drained = async (places: readonly string[]): Promise<string> => {
    await eventually(() => places.every((place) => revoked.get(place)?.size === at(place)), PATIENCE);
    return ((performance.now() - begin) / 1_000).toFixed(1);
  };

  w.advance(LIFE_MS);
  begin = performance.now();
  const nine = await drained(TARGETS.filter((place) => place !== DEAD));
  const sorted = asked.toSorted((a, b) => a - b);
  const p99 = ((sorted[Math.floor(sorted.length * 0.99)] ?? 0) / 1_000).toFixed(1);
  print(`${count} grants ended at once, one of ten targets dead: the nine were drained after ${nine} s, p99 ${p99} s`);
  print(`at most ${mostInHand()} effects in hand, ${Math.round(process.memoryUsage().rss / 2 ** 20)} MB`);
  begin = performance.now();
  revive();
  print(`the tenth was drained ${await drained([DEAD])} s after it was back`);
  await w.stop();
} finally {
  await rm(folder, { recursive: true, force: true });
}
