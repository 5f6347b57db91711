/**
 * `kill -9` of client, keeper and broker at the system calls of a whole request, with real processes under strace.
 * By default a spread of them; JIT_FAULT=full takes every one.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tempHome } from '../support/home.ts';
import { skipUnless } from '../support/tools.ts';
import { assertRecovers, type KillPoint, killPoints, playWithKill, type Role, setScene } from './scene.ts';

const SAMPLE = 8;
const skip = skipUnless('strace');

function spread(points: readonly KillPoint[]): readonly KillPoint[] {
  if (process.env['JIT_FAULT'] === 'full' || points.length <= SAMPLE) return points;
  return Array.from(
    { length: SAMPLE },
    (_, index) => points[Math.floor(((index + 0.5) * points.length) / SAMPLE)],
  ).filter((point) => point !== undefined);
}

for (const role of ['broker', 'keeper', 'client', 'starting client'] as const satisfies readonly Role[]) {
  test(
    `${role} killed at any system call of a request leaves nothing behind (real processes, strace)`,
    { skip },
    async (t) => {
      const scene = setScene(tempHome(t));
      const points = await killPoints(scene, role);
      await assertRecovers(scene);
      assert.ok(points.length > 10, `only ${points.length} system calls were seen`);
      for (const point of spread(points)) {
        await t.test(`${point.syscall} ${point.nth}`, async () => {
          await playWithKill(scene, role, point);
          await assertRecovers(scene);
        });
      }
    },
  );
}
