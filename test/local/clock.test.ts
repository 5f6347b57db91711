import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { deadline, judge, pause, readClocks, waitUntilOver } from '../../src/local/clock.ts';
import type { Clocks } from '../../src/local/clock.ts';
import { run } from './ground.ts';
import { skipUnlessRoot } from '../support/tools.ts';

const DAY = 86_400_000;
const start: Clocks = { wallMs: 1_800_000_000_000, bootMs: 50_000, bootId: 'a' };
const until = deadline(start.wallMs + 60_000, start);
const after = (wall: number, boot: number, bootId: string | null = 'a'): Clocks => ({
  wallMs: start.wallMs + wall,
  bootMs: start.bootMs + boot,
  bootId,
});

test('while both clocks agree, a deadline is live until its last millisecond and over at its end', () => {
  assert.deepEqual(judge(until, after(59_999, 59_999)), { state: 'live', remainingMs: 1, driftMs: 0 });
  assert.deepEqual(judge(until, after(60_000, 60_000)), { state: 'over', by: 'wall', driftMs: 0 });
});

test('a wall clock set back a second, a year or to the epoch does not prolong anything, and the drift shows it', () => {
  for (const back of [1_000, 365 * DAY, start.wallMs]) {
    assert.deepEqual(judge(until, after(60_000 - back, 60_000)), { state: 'over', by: 'boot', driftMs: -back });
    assert.deepEqual(judge(until, after(10_000 - back, 10_000)), {
      state: 'live',
      remainingMs: 50_000,
      driftMs: -back,
    });
  }
});

test('a wall clock set forward ends it early and says by which clock', () => {
  for (const forward of [3_600_000, 365 * DAY]) {
    assert.deepEqual(judge(until, after(forward + 1, 1)), { state: 'over', by: 'wall', driftMs: forward });
  }
});

test('time slept through counts: the boot clock goes on while the computer sleeps', () => {
  assert.equal(judge(until, after(60_001, 60_001)).state, 'over');
});

test('after a reboot the wall clock alone is not believed: over stays over, anything else is unsure', () => {
  assert.deepEqual(judge(until, after(10_000, -49_000, 'b')), { state: 'unsure', remainingMs: 50_000 });
  assert.deepEqual(judge(until, after(10_000, 900_000, 'b')), { state: 'unsure', remainingMs: 50_000 });
  assert.equal(judge(until, after(60_000, -49_000, 'b')).state, 'over');
});

test('without boot ids, a boot clock that ran backwards is a reboot', () => {
  const set: Clocks = { ...start, bootId: null };
  assert.equal(judge(deadline(until.endsAt, set), after(10_000, -1, null)).state, 'unsure');
  assert.equal(judge(deadline(until.endsAt, set), after(10_000, 9_000, null)).state, 'live');
});

test('property: whatever the wall clock does, nothing lives longer than its length, and what is over stays over', () => {
  const steps = fc.array(fc.record({ wall: fc.integer({ min: -DAY, max: DAY }), pass: fc.nat(30_000) }), {
    maxLength: 20,
  });
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 100_000 }), (moves, length) => {
      const end = deadline(start.wallMs + length, start);
      let now = start;
      for (const { wall, pass } of moves) {
        now = { wallMs: now.wallMs + pass + wall, bootMs: now.bootMs + pass, bootId: 'a' };
        const verdict = judge(end, now);
        if (now.bootMs - start.bootMs >= length) assert.equal(verdict.state, 'over');
        if (verdict.state === 'live') assert.ok(verdict.remainingMs > 0 && verdict.remainingMs <= length);
      }
    }),
  );
});

test('a deadline written to a file and read back is judged the same', () => {
  assert.deepEqual(judge(JSON.parse(JSON.stringify(until)), after(5, 5)), judge(until, after(5, 5)));
});

test('the real clocks go forward and name the boot', () => {
  const now = readClocks();
  assert.ok(Math.abs(now.wallMs - Date.now()) < 5_000);
  assert.ok(now.bootMs > 0 && readClocks().bootMs >= now.bootMs);
  if (process.platform === 'linux')
    assert.equal(now.bootId, readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
});

test(
  'the boot clock is the one that counts through suspend: it follows a shifted CLOCK_BOOTTIME',
  { skip: skipUnlessRoot('unshare') },
  async (t) => {
    const module = JSON.stringify(join(import.meta.dirname, '../../src/local/clock.ts'));
    const code = `import { readClocks } from ${module}; process.stdout.write(String(readClocks().bootMs));`;
    const args = ['-T', '--boottime', '100000', '--fork', process.execPath, '--input-type=module', '-e', code];
    const ended = await run('unshare', args);
    if (ended.status !== 0) return t.skip(`time namespaces are not permitted: ${ended.stderr}`);
    assert.ok(Number(ended.stdout) >= readClocks().bootMs + 99_000_000);
  },
);

test('waiting ends when either clock says so, and when a reading shows another boot', async () => {
  const readings = [after(59_990, 59_990), after(59_999, 59_999), after(0, 60_000)];
  const read = (): Clocks => readings.shift() ?? after(0, 60_000);
  assert.deepEqual(await waitUntilOver(until, read), { state: 'over', by: 'boot', driftMs: -60_000 });
  assert.equal((await waitUntilOver(until, () => after(1, 1, 'b'))).state, 'unsure');
});

test('a deadline beyond 2^31-1 ms does not fire at once', async () => {
  const far = deadline(start.wallMs + 100 * DAY, start);
  const stop = new AbortController();
  let readings = 0;
  const waiting = waitUntilOver(far, () => (++readings, start), stop.signal);
  const sleeping = pause(100 * DAY, stop.signal);
  setImmediate(() => {
    stop.abort();
  });
  await assert.rejects(waiting, { name: 'AbortError' });
  await assert.rejects(sleeping, { name: 'AbortError' });
  assert.equal(readings, 1);
});

test('pause sleeps no shorter than asked and ends at once for nothing', async () => {
  const before = performance.now();
  await pause(15);
  assert.ok(performance.now() - before >= 15);
  await pause(0);
  await pause(-1);
});
