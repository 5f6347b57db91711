/**
 * How fast the SQLite store is on this machine's disk: `node test/bench/store.bench.ts [folder]`. Prints one line a figure.
 * @module
 */
import { randomInt } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openSqliteStore } from '../../src/broker/store/sqlite/store.ts';
import type { SessionStore } from '../../src/broker/store/sessions.ts';
import type { Store } from '../../src/broker/store/store.ts';
import { fill } from '../broker/store/sqlite/fill.ts';
import { approval, hashOf, signIn, START } from '../broker/store/samples.ts';

const SECONDS = 3;
const clock = (): number => START;
const print = (line: string): boolean => process.stdout.write(`${line}\n`);

function quantile(values: readonly number[], share: number): string {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(3);
}

/** Ids are random in life, and where they are keys that is what makes a commit dear. */
const anyNumber = (): number => randomInt(2 ** 47);

/** Each commit is a request, a grant with one leg, one effect and two audit entries. */
async function commits(store: Store, concurrency: number): Promise<void> {
  await throughput(`commits at c=${concurrency}`, concurrency, () => store.commit(approval({ number: anyNumber() })));
}

async function throughput(name: string, concurrency: number, work: () => Promise<unknown>): Promise<void> {
  const took: number[] = [];
  const end = performance.now() + SECONDS * 1_000;
  async function caller(): Promise<void> {
    while (performance.now() < end) {
      const begin = performance.now();
      await work();
      took.push(performance.now() - begin);
    }
  }
  await Promise.all(Array.from({ length: concurrency }, caller));
  const rate = Math.round(took.length / SECONDS);
  print(`${name}: ${rate}/s, p50 ${quantile(took, 0.5)} ms, p99 ${quantile(took, 0.99)} ms`);
}

/** A sign-in with its proof, then a renewal: two commits with one audit entry each. */
async function signInAndRenew(store: SessionStore): Promise<void> {
  const number = anyNumber();
  const { session, ...rest } = signIn({ number });
  await store.commitSession({ session, ...rest });
  const tokens = { accessHash: hashOf(`access ${number}`), refreshHash: hashOf(`refresh ${number}`) };
  const spentRefreshHash = session.refreshHash ?? '';
  await store.commitSession({
    session: { ...session, ...tokens, version: 1 },
    spentRefreshHash,
    entries: rest.entries,
  });
}

async function measure(name: string, rounds: number, work: (round: number) => Promise<unknown>): Promise<void> {
  const took: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const begin = performance.now();
    await work(round);
    took.push(performance.now() - begin);
  }
  print(`${name}: p50 ${quantile(took, 0.5)} ms, p99 ${quantile(took, 0.99)} ms`);
}

async function crowded(folder: string): Promise<void> {
  const file = join(folder, 'crowded.db');
  await (await openSqliteStore({ file, now: clock })).close();
  const db = new DatabaseSync(file);
  fill(db, 100_000);
  db.close();
  const begin = performance.now();
  const store = await openSqliteStore({ file, now: clock });
  print(
    `open with 100,000 live grants and 200,000 effects on 20 targets: ${(performance.now() - begin).toFixed(1)} ms`,
  );
  const until = START + 100_000_000;
  const claim = { now: START, until, limit: 64, perTarget: 4, busy: ['target-3'] };
  await measure('claim, nothing due', 500, () => store.claim(claim));
  await measure('claim of 64, 100,000 due, durable', 500, () => store.claim({ ...claim, now: START + 1_000_000 }));
  await measure('nextDue', 500, () => store.nextDue(['target-3']));
  await measure('revoked, 1,000 marks', 100, () => store.revoked('aws', START));
  await measure('revoked, none', 500, () => store.revoked('gcp', START));
  await measure('newest of all grants', 500, () => store.grants({ limit: 1 }));
  await measure('100 grants of one requester', 100, () =>
    store.grants({ requester: { issuer: 'os', subject: 'subject-7' }, limit: 100 }),
  );
  await measure('a session by its token, among 100,000', 500, (round) =>
    store.sessionByAccess(`${(round * 7_919) % 100_000}`.padStart(64, '0')),
  );
  await measure('forgetting 1,000 sessions and tokens, durable', 100, () => store.forgetSessions(START));
  await store.close();
}

const folder = await mkdtemp(join(process.argv[2] ?? tmpdir(), 'jit-bench-'));
await chmod(folder, 0o700);
try {
  const store = await openSqliteStore({ file: join(folder, 'broker.db'), now: clock });
  for (const concurrency of [1, 8, 32]) await commits(store, concurrency);
  await throughput('sign-ins with a renewal at c=8', 8, () => signInAndRenew(store));
  await store.close();
  await crowded(folder);
} finally {
  await rm(folder, { recursive: true, force: true });
}
