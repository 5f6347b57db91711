/**
 * Clouds that are down, refuse, or lose the broker's own right for long: service, worker and SQLite store are real, the clouds are
 * fakes and the clock is turned.
 * @module
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { STUCK_AFTER } from '../../../src/core/grant.ts';
import type { GrantId } from '../../../src/core/ids.ts';
import { eventually } from '../../support/eventually.ts';
import { tempFolder } from '../../support/home.ts';
import { cloudAt, CLOUDS, legAt, PLACES, viewOf } from '../service/several.ts';
import { ALICE, ask, type Setting, startBroker, type TestBroker } from '../service/world.ts';

const POLICY = '@id("all") @tier("auto") @max("8h") permit(principal, action == Jit::Action::"Request", resource);';
const CAP_MS = 300_000;
const HOUR_MS = 3_600_000;

interface Line {
  readonly level: 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A log that is kept. */
function recorder(): { readonly lines: Line[]; readonly log: NonNullable<Setting['log']> } {
  const lines: Line[] = [];
  const at =
    (level: Line['level']) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}): void =>
      void lines.push({ level, message, fields });
  return { lines, log: { info: () => undefined, warn: at('warn'), error: at('error') } };
}

async function start(t: TestContext, setting: Setting): Promise<TestBroker> {
  const w = await startBroker({ clouds: CLOUDS, policy: POLICY, ...setting });
  t.after(w.stop);
  return w;
}

async function granted(w: TestBroker, places: readonly string[]): Promise<GrantId> {
  const details = places.flatMap((place) => ask(undefined, { target: place }).authorization_details);
  const body = ask(undefined, { authorization_details: details, seconds: 8 * 3_600 });
  const { grant } = await w.broker.submit(ALICE, body, null);
  assert.equal(grant?.state, 'active');
  await w.broker.credentials(ALICE, grant.id);
  return grant.id;
}

/** Waits until nothing is due any more. @returns how long it is until something is, from now, in ms. */
async function settled(w: TestBroker): Promise<number> {
  return await eventually(async () => {
    const due = await w.store.nextDue([]);
    const left = (due ?? Infinity) - w.world.now();
    return w.worker.busy() === 0 && left > 0 ? left : null;
  });
}

/** Turns the clock from one thing that is due to the next. @returns the longest pause between two, in ms. */
async function pass(w: TestBroker, ms: number): Promise<number> {
  const end = w.world.now() + ms;
  let longest = 0;
  for (;;) {
    const left = await settled(w);
    longest = Math.max(longest, left);
    const step = Math.min(left, end - w.world.now());
    if (step <= 0) return longest;
    w.advance(step);
  }
}

const worksAt = (w: TestBroker, id: GrantId): readonly string[] =>
  PLACES.filter((place) => cloudAt(w, place).works(id, { target: place }));

const attemptsAt = (w: TestBroker, place: string, id: GrantId): number =>
  cloudAt(w, place).calls.filter((call) => call === `revoke ${place} ${id}`).length;

test('three clouds are down for an hour: each revocation is tried at least every 5 minutes, and 5 minutes after they are back all are gone (real SQLite, fake clouds, turned clock)', async (t) => {
  const w = await start(t, {});
  const ids = await Promise.all([
    ...Array.from({ length: 6 }, async () => granted(w, PLACES)),
    ...PLACES.map(async (place) => granted(w, [place])),
  ]);
  const kept = await granted(w, PLACES);
  for (const place of PLACES) cloudAt(w, place).revoking = ['breaks before'];
  for (const id of ids) await w.broker.revoke(ALICE, id, 'revoked');
  const pause = await pass(w, HOUR_MS);
  assert.ok(pause <= CAP_MS, `nothing was tried for ${pause} ms`);
  for (const id of ids) {
    const view = await viewOf(w, id);
    assert.equal(view.state, 'stuck');
    for (const { target: place } of view.legs) {
      // From 1 s doubled up to 5 minutes, for an hour.
      const attempts = attemptsAt(w, place, id);
      assert.ok(attempts >= 18 && attempts <= 25, `${attempts} attempts at ${place}`);
    }
  }
  // What the first cloud issued has ended by itself meanwhile: nothing of it lives longer than an hour.
  for (const id of ids) {
    const held = (await viewOf(w, id)).legs.map(({ target: place }) => place).filter((place) => place !== 'main');
    assert.deepEqual(worksAt(w, id), held, 'the clouds were not down');
  }

  for (const place of PLACES) cloudAt(w, place).revoking = ['well'];
  await pass(w, CAP_MS);
  for (const id of ids) {
    assert.deepEqual([worksAt(w, id), (await viewOf(w, id)).state], [[], 'closed']);
  }
  assert.deepEqual(worksAt(w, kept), ['postgres', 'kubernetes'], 'what nobody ended lives on');
});

test("the broker's own right is gone at two of three targets: stuck is seen, survives restarts, is retried for ever, and ends with the right (real SQLite file, fake clouds, turned clock)", async (t) => {
  const file = join(tempFolder(t), 'broker.db');
  const { lines, log } = recorder();
  const denied = ['postgres', 'kubernetes'] as const;
  let w = await startBroker({ clouds: CLOUDS, policy: POLICY, file, log });
  t.after(async () => w.stop());
  const id = await granted(w, PLACES);
  for (const place of denied) cloudAt(w, place).revoking = ['refuses'];
  await w.broker.revoke(ALICE, id, 'revoked');
  await pass(w, 60_000);

  const assertStuck = async (): Promise<void> => {
    const view = await viewOf(w, id);
    assert.equal(view.state, 'stuck');
    assert.deepEqual(
      view.legs.map(({ target: place, gone }) => [place, gone === null]),
      PLACES.map((place) => [place, place !== 'main']),
    );
    for (const place of denied) assert.equal(legAt(view, place).problem, 'no');
    assert.deepEqual(worksAt(w, id), denied);
    const listed = await w.broker.liveGrants(ALICE, 10);
    assert.deepEqual(
      listed.items.map(({ grant }) => grant?.state),
      ['stuck'],
      'it is no longer listed as live',
    );
  };
  await assertStuck();
  for (const place of denied) {
    const loud = lines.filter(({ level, fields }) => level === 'error' && fields['target'] === place);
    assert.ok(loud.length > 0, `nothing is said of ${place}`);
    assert.equal(loud[0]?.message, 'revocation is stuck, still trying');
    assert.deepEqual([loud[0]?.fields['grant'], loud[0]?.fields['attempts']], [id, STUCK_AFTER]);
  }

  for (const restart of [1, 2]) {
    await w.stop();
    w = await startBroker({ policy: POLICY, file, log, after: w });
    const before = denied.map((place) => attemptsAt(w, place, id));
    await assertStuck();
    const pause = await pass(w, HOUR_MS);
    assert.ok(pause <= CAP_MS, `nothing was tried for ${pause} ms after restart ${restart}`);
    for (const [index, place] of denied.entries()) {
      const more = attemptsAt(w, place, id) - (before[index] ?? 0);
      assert.ok(more >= 11 && more <= 16, `${more} attempts at ${place} in an hour after restart ${restart}`);
    }
    await assertStuck();
  }
  for (const place of denied) cloudAt(w, place).revoking = ['well'];
  await pass(w, CAP_MS);
  assert.deepEqual([worksAt(w, id), (await viewOf(w, id)).state], [[], 'closed']);
});

test('a target that is taken out of the configuration under a grant is revoked all the same (real SQLite file, fake clouds, turned clock)', async (t) => {
  const file = join(tempFolder(t), 'broker.db');
  const before = await startBroker({ clouds: CLOUDS, policy: POLICY, file });
  const id = await granted(before, PLACES);
  await before.stop();
  const w = await start(t, { file, after: before, without: ['postgres'] });
  assert.deepEqual([...w.world.providers.keys()], ['aws', 'kubernetes']);
  await w.broker.revoke(ALICE, id, 'revoked');
  await pass(w, 60_000);
  assert.deepEqual([worksAt(before, id), (await viewOf(w, id)).state], [[], 'closed']);
});
