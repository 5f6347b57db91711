import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { steadyClock } from '../../src/jit-broker/clock.ts';

const YEAR_MS = 365 * 86_400_000;

test('a wall clock that is set back gains nothing: the broker goes on from where it was', async () => {
  let offset = 0;
  const now = steadyClock(() => Date.now() + offset);
  const before = now();
  offset = -YEAR_MS;
  await pause(30);
  const after = now();
  assert.ok(after >= before + 20, 'time stood still');
  assert.ok(after < before + 60_000, 'time jumped');
});

test('a process that stands still while its clock is made loses nothing of that time', async () => {
  const held = new Int32Array(new SharedArrayBuffer(4));
  let offset = 0;
  let first = true;
  const now = steadyClock(() => {
    const read = Date.now() + offset;
    if (first) Atomics.wait(held, 0, 0, 50);
    first = false;
    return read;
  });
  const before = now();
  offset = -YEAR_MS;
  await pause(30);
  assert.ok(now() >= before + 20);
});

test('a wall clock that is set forward is followed, and forgotten when it is set right again', () => {
  let offset = 0;
  const now = steadyClock(() => Date.now() + offset);
  const before = now();
  offset = YEAR_MS;
  assert.ok(now() >= before + YEAR_MS);
  offset = 0;
  assert.ok(now() < before + 60_000);
});
