/**
 * A disk that is full (a small tmpfs, filled for real) and a disk whose fsync fails (the system call, failed by strace).
 * @module
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { openSqliteStore } from '../../../../src/broker/store/sqlite/store.ts';
import type { Store } from '../../../../src/broker/store/store.ts';
import { JitError } from '../../../../src/core/errors.ts';
import { inFolder, now } from '../places.ts';
import { approval, event, gr } from '../samples.ts';
import { requireWhole, runLoop } from './crash.ts';

const ROUND = 16;

/** Commits grants from `first` on, sixteen at once, until a group is refused. @returns the first number that was not kept. */
async function fillUp(store: Store, first: number): Promise<number> {
  for (let number = first; ; number += ROUND) {
    const group = Array.from({ length: ROUND }, (_, index) => store.commit(approval({ number: number + index })));
    const refused = (await Promise.allSettled(group)).filter((one) => one.status === 'rejected');
    if (refused.length === 0) continue;
    assert.equal(refused.length, ROUND, 'the whole transaction fails');
    for (const { reason } of refused) isFull(reason);
    return number;
  }
}

function isFull(thrown: unknown): true {
  assert.ok(thrown instanceof JitError && thrown.code === 'ERR_STORE', String(thrown));
  assert.match(thrown.message, /full/);
  assert.match(thrown.hint ?? '', /make room/);
  return true;
}

/** Grants 0 to `kept` are there and the round after them is not. */
async function requireExactly(store: Store, kept: number): Promise<void> {
  for (let number = 0; number < kept + ROUND; number++) {
    assert.equal((await store.grant(gr(number))) !== null, number < kept, `grant ${number}`);
  }
  const last = await store.entries({ from: kept * 2 - 1, limit: 10 });
  assert.deepEqual(
    last.map((entry) => entry.sequence),
    [kept * 2 - 1],
  );
}

test('on a full disk a commit is ERR_STORE and changes nothing, reads go on, and room is all that it needs', async (t) => {
  await inFolder(async (folder) => {
    const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m,mode=700', 'tmpfs', folder], { encoding: 'utf8' });
    if (mount.status !== 0) return t.skip(`no tmpfs can be mounted here: ${mount.stderr || String(mount.error)}`);
    const file = join(folder, 'broker.db');
    const ballast = join(folder, 'ballast');
    await writeFile(ballast, Buffer.alloc(3_000_000));
    const store = await openSqliteStore({ file, now, reserveBytes: 1 });
    try {
      let kept = 0;
      for (const room of [2_000_000, 1_000_000, 0]) {
        kept = await fillUp(store, kept);
        await requireExactly(store, kept);
        await truncate(ballast, room);
        await Promise.all(
          Array.from({ length: ROUND }, (_, index) => store.commit(approval({ number: kept + index }))),
        );
        kept += ROUND;
        await requireExactly(store, kept);
      }
      kept = await fillUp(store, kept);
      await requireExactly(store, kept);
      await store.close();
      const again = new DatabaseSync(file, { readOnly: true });
      assert.equal(again.prepare('PRAGMA integrity_check').get()?.['integrity_check'], 'ok');
      again.close();
    } finally {
      await store.close();
      const umount = spawnSync('umount', [folder], { encoding: 'utf8' });
      assert.equal(umount.status, 0, umount.stderr);
    }
  });
});

test('on a full disk nothing new is granted, and what is out can still be ended, with its entries', async (t) => {
  await inFolder(async (folder) => {
    const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m,mode=700', 'tmpfs', folder], { encoding: 'utf8' });
    if (mount.status !== 0) return t.skip(`no tmpfs can be mounted here: ${mount.stderr || String(mount.error)}`);
    const file = join(folder, 'broker.db');
    // The reserve as it is by default: what is tested is that it suffices for the log as large as it gets.
    const store = await openSqliteStore({ file, now });
    try {
      const kept = await fillUp(store, 0);
      assert.ok(kept >= 1_000, 'there is enough to end');
      const states = [
        { name: 'revoking', reason: 'revoked', since: 1 },
        { name: 'closed', reason: 'revoked', closedAt: 2 },
      ] as const;
      for (let number = 0; number < 500; number++) {
        for (const state of states) {
          const stored = await store.grant(gr(number));
          assert.ok(stored);
          const ended = { ...stored, grant: { ...stored.grant, state } };
          const entries = [event('grant.ended', { grant: gr(number), data: { reason: state.reason } })];
          await store.commit({ grant: ended, entries, purpose: 'end' });
        }
        assert.equal((await store.grant(gr(number)))?.grant.state.name, 'closed');
      }
      assert.ok(
        (await store.claim({ now: now() + 1e9, until: now() + 2e9, limit: 9, perTarget: 9, busy: [] })).length > 0,
      );
    } finally {
      await store.close();
      const umount = spawnSync('umount', [folder], { encoding: 'utf8' });
      assert.equal(umount.status, 0, umount.stderr);
    }
  });
});

/** @returns why strace cannot follow a process here and fail its calls, or null when it can. */
function tracerMissing(): string | null {
  const tried = spawnSync('strace', ['-f', '-qq', '-o', '/dev/null', '-e', 'inject=fsync:error=EIO:when=1', 'true'], {
    encoding: 'utf8',
  });
  return tried.status === 0 ? null : `strace does not work here: ${tried.stderr || String(tried.error)}`;
}

/** Fails the given fsyncs of the process, counted from its start. */
const failing = (when: string): readonly string[] =>
  `strace -f -qq -o /dev/null -e trace=fdatasync,fsync -e inject=fdatasync,fsync:error=EIO:when=${when}`.split(' ');

test('a commit whose fsync fails is refused, the store goes on when the disk does, and nothing refused is kept', async (t) => {
  const missing = tracerMissing();
  if (missing !== null) return t.skip(missing);
  await inFolder(async (folder) => {
    for (const when of ['20', '25..27', '20..50+3']) {
      const file = join(folder, `broker-${when}.db`);
      const loop = { file, first: 0, atOnce: 1, lives: 20, under: failing(when) };
      const { acknowledged, failures } = await runLoop(loop, () => undefined);
      assert.ok(failures.length > 0, 'the fault was met');
      assert.deepEqual([...new Set(failures)], ['ERR_STORE']);
      assert.ok(acknowledged.has(19), 'the last life came after the fault');
      requireExactlyAcknowledged(requireWhole(file, acknowledged), acknowledged);
    }
  });
});

test('a commit whose fsync failed does not come to life when the process is killed right after', async (t) => {
  const missing = tracerMissing();
  if (missing !== null) return t.skip(missing);
  await inFolder(async (folder) => {
    for (const when of ['20', '21', '22', '23']) {
      const file = join(folder, `broker-${when}.db`);
      const loop = { file, first: 0, atOnce: 1, lives: 20, under: failing(when), atFailure: 'die' } as const;
      const { acknowledged, failures } = await runLoop(loop, () => undefined);
      assert.deepEqual(failures, ['ERR_STORE']);
      await (await openSqliteStore({ file, now })).close();
      requireExactlyAcknowledged(requireWhole(file, acknowledged), acknowledged);
    }
  });
});

test('commits that arrive together share their fsyncs', async (t) => {
  const missing = tracerMissing();
  if (missing !== null) return t.skip(missing);
  await inFolder(async (folder) => {
    const syncs = async (atOnce: number): Promise<number> => {
      const trace = join(folder, `trace-${atOnce}`);
      const under = `strace -f -qq -o ${trace} -e trace=fdatasync,fsync`.split(' ');
      const file = join(folder, `broker-${atOnce}.db`);
      const { acknowledged } = await runLoop({ file, first: 0, atOnce, lives: 5, under }, () => undefined);
      assert.equal(acknowledged.size, atOnce * 5);
      return (await readFile(trace, 'utf8')).split('\n').filter((line) => line.includes('sync(')).length;
    };
    const [alone, together] = [await syncs(1), await syncs(32)];
    assert.ok(alone >= 20, 'each lone commit has its own');
    assert.ok(together <= alone + 20, `640 commits took ${together} fsyncs, and 20 took ${alone}`);
  });
});

function requireExactlyAcknowledged(
  found: ReadonlyMap<string, number>,
  acknowledged: ReadonlyMap<number, number>,
): void {
  const expected = [...acknowledged].map(([number, version]) => [gr(number), version] as const);
  assert.deepEqual(new Map(found), new Map(expected));
}
