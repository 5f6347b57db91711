/**
 * The end of a grant on machines whose clocks are set, and in processes that were stopped across it.
 * @module
 */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { startKeeper, type World, world } from './world.ts';

test('a keeper stopped past the end hands out nothing when it goes on, and wipes within seconds', async (t) => {
  const w = await world(t);
  const { grant, outcome, profile } = await w.adopt({ seconds: 5 });
  assert.equal((await w.credential(grant)).status, 0);
  const pid = await w.pid();
  process.kill(pid, 'SIGSTOP');
  // Asked while it is stopped and before the end; answered, if at all, after it.
  const asked = w.credential(grant);
  const end = Date.parse(outcome.grant?.expiresAt ?? '');
  await eventually(() => Date.now() > end);
  assert.ok(existsSync(profile?.places.config ?? ''));
  process.kill(pid, 'SIGCONT');
  const { status, stdout } = await asked;
  assert.notEqual(status, 0);
  assert.equal(stdout, '');
  await eventually(() => !existsSync(profile?.places.config ?? ''), { deadlineMs: 10_000 });
});

const FAKETIME = ['x86_64-linux-gnu', 'aarch64-linux-gnu']
  .map((triple) => `/usr/lib/${triple}/faketime/libfaketimeMT.so.1`)
  .find((path) => existsSync(path));
const skip = FAKETIME === undefined ? 'needs libfaketime' : false;

/** A keeper whose wall clock, and nothing else, follows what `set` says. */
async function onSetClock(t: TestContext, w: World): Promise<(offset: string) => void> {
  const file = join(w.home.path, 'faketime');
  writeFileSync(file, '+0');
  const env = {
    LD_PRELOAD: FAKETIME ?? '',
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  };
  const child = await startKeeper(w.home, w.paths, [], env);
  t.after(() => child.kill('SIGKILL'));
  return (offset) => writeFileSync(file, offset);
}

for (const offset of ['-3600', '-365d']) {
  test(`the wall clock set back by ${offset} puts no end off: the boot clock still counts`, { skip }, async (t) => {
    const w = await world(t);
    const set = await onSetClock(t, w);
    const { grant, profile } = await w.adopt({ seconds: 6 });
    const keeper = await w.keeper();
    await keeper.credential(grant, { format: 'aws' });
    set(offset);
    await eventually(async () => ((await keeper.list())[0]?.clockDriftSeconds ?? 0) <= -3_500);
    await eventually(() => !existsSync(profile?.places.config ?? ''), { deadlineMs: 15_000 });
    await assert.rejects(keeper.credential(grant, { format: 'aws' }), { code: 'ERR_GRANT_ENDED' });
  });
}

for (const offset of ['+3600', '+365d']) {
  test(
    `the wall clock set forward by ${offset} ends it early here, without harm to the keeper`,
    { skip },
    async (t) => {
      const w = await world(t);
      const set = await onSetClock(t, w);
      const { grant, profile } = await w.adopt({ seconds: 600 });
      const keeper = await w.keeper();
      await keeper.credential(grant, { format: 'aws' });
      set(offset);
      await assert.rejects(keeper.credential(grant, { format: 'aws' }), { code: 'ERR_GRANT_ENDED' });
      await eventually(() => !existsSync(profile?.places.config ?? ''), { deadlineMs: 15_000 });
      await eventually(async () => (await keeper.list()).length === 0);
    },
  );
}
