/**
 * `kill -9` of a real process that commits, at random moments, again and again on the same file. It shows what a crash of
 * the broker does; a loss of power it cannot show, that rests on fsync.
 * @module
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { openSqliteStore } from '../../../../src/broker/store/sqlite/store.ts';
import { inFolder, now } from '../places.ts';
import { approval, gr } from '../samples.ts';
import { requireWhole, runLoop } from './crash.ts';

const ROUNDS = 32;

test(`after each of ${ROUNDS} kills every acknowledged commit is there, and none in part`, async () => {
  await inFolder(async (folder) => {
    const file = join(folder, 'broker.db');
    const all = new Map<number, number>();
    for (let round = 0; round < ROUNDS; round++) {
      const enough = Math.floor(Math.random() * 120);
      const loop = { file, first: round * 10_000, atOnce: 1 + (round % 12), lives: 1_000 };
      const { acknowledged, failures } = await runLoop(loop, (child, lines) => {
        if (lines > enough) child.kill('SIGKILL');
      });
      assert.deepEqual(failures, []);
      assert.ok(acknowledged.size > 0);
      for (const [number, version] of acknowledged) all.set(number, version);
      // The next round opens the file as the crash left it; here a reader that changes nothing looks first, now and then.
      if (round % 4 === 3) requireWhole(file, all);
    }
    const store = await openSqliteStore({ file, now });
    const versions = requireWhole(file, all);
    for (const [number, version] of all) assert.ok(((await store.grant(gr(number)))?.version ?? 0) >= version);
    await store.commit(approval({ number: 9_999_999 }));
    await store.close();
    assert.ok(versions.size >= all.size);
  });
});
