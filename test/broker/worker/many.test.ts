/**
 * Thousands of grants that end in one second while one of ten targets is dead: service, worker and SQLite store are real, the cloud
 * is a fake and the clock is turned.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { DEAD, LIFE_MS, manyGrants, TARGETS } from './many.ts';

/** The most that one target has in hand: its share, and one more that was claimed just before the first was full. */
const IN_HAND = 64;
const PATIENCE = { deadlineMs: 60_000 };

test('2,000 grants end in one second and one of ten targets hangs: the other nine drain, and of the tenth none is lost (real SQLite, fake cloud)', async (t) => {
  const { w, grants, revoked, revive } = await manyGrants(2_000);
  t.after(w.stop);
  t.after(revive);
  const at = (place: string): readonly string[] =>
    [...grants].flatMap(([id, where]) => (where === place ? [id] : [])).toSorted();
  const others = TARGETS.filter((place) => place !== DEAD);
  const open = async (): Promise<readonly string[]> => {
    const found = await w.store.grants({ states: ['active', 'revoking', 'stuck'], limit: 1_000 });
    return found.map(({ grant }) => grant.id).toSorted();
  };

  w.advance(LIFE_MS);
  await eventually(() => others.every((place) => revoked.get(place)?.size === at(place).length), PATIENCE);
  for (const place of others) assert.deepEqual([...(revoked.get(place) ?? [])].toSorted(), at(place));
  await eventually(async () => {
    assert.deepEqual(await open(), at(DEAD), 'exactly what is at the dead target is still open');
    return true;
  }, PATIENCE);
  assert.equal(revoked.get(DEAD)?.size, 0, 'the dead one answered');
  assert.ok(w.worker.busy() <= IN_HAND, `${w.worker.busy()} are in hand although only the dead one is left`);
  const calls = w.cloud.calls.filter((call) => call.startsWith('revoke') && !call.includes(` ${DEAD} `));
  assert.equal(calls.length, new Set(calls).size, 'one was revoked twice');

  revive();
  await eventually(async () => (await open()).length === 0, PATIENCE);
  assert.deepEqual([...(revoked.get(DEAD) ?? [])].toSorted(), at(DEAD));
});
