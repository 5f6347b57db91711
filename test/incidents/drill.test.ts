/**
 * Exercises: each person their own, few at a time, and never more of them in memory than a team holds in an hour.
 * @module
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { Principal } from '../../src/core/principal.ts';
import { type Drills, makeDrills } from '../../src/incidents/drill/source.ts';

const person = (subject: string): Principal => ({
  kind: 'user',
  issuer: 'https://idp.example',
  subject,
  name: subject,
  groups: [],
});
const ADA = person('ada');
const BOB = person('bob');

function drillsAt(clock: { now: number } = { now: 0 }): Drills {
  return makeDrills({ now: () => clock.now, random: (bytes) => randomBytes(bytes) });
}

const never = AbortSignal.any([]);

test("one person has three under way at most, and takes nobody else's place", async () => {
  const clock = { now: 0 };
  const drills = drillsAt(clock);
  const first = drills.begin(ADA);
  drills.begin(ADA);
  drills.begin(ADA);
  assert.throws(() => drills.begin(ADA), { code: 'ERR_DENIED', message: /3 of your drills/ });
  assert.equal(drills.begin(BOB).state, 'open');
  await drills.end(ADA, first.id);
  assert.equal(drills.begin(ADA).state, 'open');
  clock.now += 30 * 60_000;
  assert.equal(drills.begin(ADA).state, 'open', 'those that nobody ends are over by themselves');
});

test('twenty people at once are enough', () => {
  const drills = drillsAt();
  for (let each = 0; each < 20; each++) drills.begin(person(`p${each}`));
  assert.throws(() => drills.begin(ADA), { code: 'ERR_DENIED', message: /too many drills/ });
});

test('however often one is begun and ended, few are kept, and none that is under way goes', async () => {
  const drills = drillsAt();
  const kept = drills.begin(BOB);
  const ended: string[] = [];
  for (let each = 0; each < 1_000; each++) {
    const { id } = drills.begin(ADA);
    await drills.end(ADA, id);
    ended.push(id);
  }
  const known = await Promise.all(ended.map(async (id) => drills.source.look(id, never)));
  assert.ok(known.filter((each) => each !== null).length < 200);
  assert.equal(known.at(-1)?.state, 'closed');
  assert.equal((await drills.source.look(kept.id, never))?.state, 'open');
});

test("nobody ends what is somebody else's", async () => {
  const drills = drillsAt();
  const { id } = drills.begin(ADA);
  await assert.rejects(drills.end(BOB, id), { code: 'ERR_NOT_FOUND' });
  assert.equal((await drills.source.look(id, never))?.state, 'open');
});
