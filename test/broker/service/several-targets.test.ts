/**
 * One request over several targets of several providers: all of it is granted or nothing, and all of it ends. Real service,
 * worker and store; the clouds are fakes, and each fails in its own way.
 * @module
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { GrantId } from '../../../src/core/ids.ts';
import { eventually } from '../../support/eventually.ts';
import {
  PLACES,
  start,
  cloudAt,
  body,
  submitted,
  granted,
  viewOf,
  legAt,
  closed,
  working,
  set,
  entriesOf,
  code,
} from './several.ts';
import { ALICE } from './world.ts';

test('one request over three providers: every intent is durable before any cloud is called; one revocation ends all, each with its proof', async (t) => {
  const w = await start(t);
  const before: number[] = [];
  for (const place of PLACES) {
    cloudAt(w, place).onCall = async (verb, grant) => {
      if (verb !== 'issue') return;
      // What the broker has just made is the id of a grant.
      const known = await entriesOf(w, grant as GrantId);
      before.push(known.filter(({ type }) => type === 'grant.intended').length);
    };
  }
  const id = await granted(w);
  assert.deepEqual(before, [3, 3, 3]);
  assert.deepEqual(working(w, id), PLACES);
  const { credentials } = await w.broker.credentials(ALICE, id);
  assert.deepEqual(
    credentials.map((one) => one.target),
    PLACES,
  );
  await w.broker.revoke(ALICE, id, 'revoked');
  const over = await closed(w, id);
  assert.deepEqual(working(w, id), []);
  assert.equal(over.reason, 'revoked');
  for (const place of PLACES) {
    const { state, gone, name } = legAt(over, place);
    assert.equal(state, 'gone');
    assert.equal(gone?.proof, place === 'main' ? 'denied' : 'removed');
    assert.equal(name, id);
    assert(Date.parse(gone.at) <= w.world.now());
  }
  const story = await entriesOf(w, id);
  for (const place of PLACES) {
    const at = story.filter(({ data }) => data['target'] === place);
    const [intended, issued] = at;
    assert.deepEqual([intended?.type, intended?.data['name']], ['grant.intended', id]);
    assert.equal(issued?.type, 'grant.issued');
    assert.match(String(issued.data['granted']), /s3:GetObject/);
    assert.equal(at.at(-1)?.type, 'grant.gone');
    assert.equal(at.at(-1)?.data['proof'], place === 'main' ? 'denied' : 'removed');
  }
});

for (const [how, what] of [
  ['refuses', 'refuses'],
  ['busy', 'stays busy'],
  ['breaks before', 'breaks before it issued'],
  ['breaks after', 'breaks after it issued'],
] as const) {
  // Being busy takes its time, and is the same everywhere.
  for (const place of how === 'busy' ? (['main'] as const) : (['main', 'kubernetes'] as const)) {
    test(`${place} ${what}: nothing is left at any target, and no credential leaves`, async (t) => {
      const w = await start(t);
      set(w, place, { issue: how });
      const { id } = await submitted(w);
      const over = await closed(w, id);
      assert.equal(over.reason, 'failed');
      assert.deepEqual(working(w, id), []);
      assert.match(legAt(over, place).problem ?? legAt(over, place).gone?.proof ?? '', /./);
      for (const { state, gone } of over.legs) assert.deepEqual([state, gone === null], ['gone', false]);
      await assert.rejects(w.broker.credentials(ALICE, id), code('ERR_GRANT_ENDED'));
      assert.equal(
        (await entriesOf(w, id)).some(({ type }) => type === 'credential.delivered'),
        false,
      );
    });
  }
}

test('a target that is silent takes the others with it, and is revoked itself', async (t) => {
  const w = await start(t);
  inHaste(t);
  set(w, 'postgres', { issue: 'hangs' });
  const { id } = await submitted(w);
  const over = await closed(w, id);
  assert.equal(over.reason, 'failed');
  assert.deepEqual(working(w, id), []);
  assert.ok(
    cloudAt(w, 'postgres').calls.includes(`revoke postgres ${id}`),
    'what may have been issued was not revoked',
  );
});

/** A thirtieth of every deadline of a call. */
function inHaste(t: TestContext): void {
  const timeout = AbortSignal.timeout.bind(AbortSignal);
  t.mock.method(AbortSignal, 'timeout', (ms: number) => timeout(Math.ceil(ms / 30)));
}

test('a target that heeds no deadline is given up all the same; what it issues in the end is revoked', async (t) => {
  const w = await start(t);
  inHaste(t);
  set(w, 'postgres', { issue: 'is deaf' });
  const { id } = await submitted(w);
  assert.equal((await closed(w, id)).reason, 'failed');
  assert.deepEqual(working(w, id), []);
  // It may be gone again before anybody looks.
  const late = Promise.withResolvers<void>();
  cloudAt(w, 'postgres').onCall = async (verb) => {
    if (verb === 'revoke') late.resolve();
  };
  cloudAt(w, 'postgres').wake();
  await late.promise;
  await closed(w, id);
  assert.deepEqual(working(w, id), []);
});

test('revocations that are never answered use up no room: the same target is asked again, and in the end all are gone', async (t) => {
  const w = await start(t);
  // More than are asked at one target at once.
  const ids = await Promise.all(Array.from({ length: 40 }, async () => granted(w, body({ seconds: 3_600 }))));
  inHaste(t);
  set(w, 'postgres', { revoke: 'is deaf' });
  await w.broker.revokeMine(ALICE);
  await eventually(async () => {
    const views = await Promise.all(ids.map(async (id) => await viewOf(w, id)));
    return views.every((view) => legAt(view, 'postgres').problem === 'no answer in time');
  });
  set(w, 'postgres', {});
  w.advance(300_000);
  for (const id of ids) await closed(w, id);
  for (const id of ids) assert.deepEqual(working(w, id), []);
});

test('what comes from a slow target after another has refused is revoked when it comes', async (t) => {
  const w = await start(t);
  const [answered, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const slow = cloudAt(w, 'kubernetes');
  slow.onCall = async (verb) => {
    if (verb === 'issue') {
      answered.resolve();
      await released.promise;
    }
  };
  cloudAt(w, 'main').onCall = async (verb) => {
    if (verb === 'issue') await answered.promise;
  };
  set(w, 'main', { issue: 'refuses' });
  const outcome = submitted(w);
  const id = await eventually(async () => {
    const [item] = (await w.broker.requests(ALICE, 1)).items;
    return item?.grant?.reason === 'failed' ? item.grant.id : null;
  });
  // By now everything is taken back as far as anybody can know, the slow target included.
  await eventually(() => slow.calls.includes(`revoke kubernetes ${id}`));
  released.resolve();
  await outcome;
  await closed(w, id);
  await eventually(() => working(w, id).length === 0);
  assert.equal(slow.calls.filter((each) => each === `revoke kubernetes ${id}`).length, 2);
});

test('a broker that dies when one target has issued and another has not: its successor revokes at both', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'jit-several-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'broker.db');
  const first = await start(t, { file });
  const issued = Promise.withResolvers<void>();
  cloudAt(first, 'postgres').onIssued = () => issued.resolve();
  cloudAt(first, 'kubernetes').onCall = async () => {
    await issued.promise;
    await first.store.close();
  };
  await first.broker.submit(ALICE, body(), null).catch(() => undefined);
  for (const place of PLACES) cloudAt(first, place).onCall = () => undefined;
  const second = await start(t, { file, after: first });
  const [item] = (await second.broker.requests(ALICE, 1)).items;
  assert(item?.grant);
  const over = await closed(second, item.grant.id);
  assert.equal(over.reason, 'failed');
  assert.deepEqual(working(second, over.id), []);
});

test('credentials that are asked for again come from all targets or none; what one target gave waits for the others', async (t) => {
  const w = await start(t);
  const id = await granted(w);
  const issuedAt = (place: string): number => cloudAt(w, place).calls.filter((call) => call.startsWith('issue')).length;
  set(w, 'postgres', { issue: 'refuses' });
  await assert.rejects(w.broker.credentials(ALICE, id), code('ERR_CLOUD'));
  assert.equal((await viewOf(w, id)).state, 'active');
  assert.deepEqual(
    PLACES.map((place) => issuedAt(place)),
    [2, 2, 2],
  );
  set(w, 'postgres', {});
  const { credentials } = await w.broker.credentials(ALICE, id);
  assert.deepEqual(
    credentials.map((one) => one.target),
    PLACES,
  );
  assert.deepEqual(
    PLACES.map((place) => issuedAt(place)),
    [2, 3, 2],
  );
});

test('at its end, all of it ends by itself', async (t) => {
  const w = await start(t);
  const id = await granted(w);
  w.advance(601_000);
  const over = await closed(w, id);
  assert.equal(over.reason, 'expired');
  assert.deepEqual(working(w, id), []);
});

test('one dead target delays the end at no other: theirs is recorded at once, and the dead one is tried until it answers', async (t) => {
  const w = await start(t);
  const ids = await Promise.all(Array.from({ length: 8 }, async () => granted(w, body({ seconds: 3_600 }))));
  set(w, 'postgres', { revoke: 'breaks before' });
  await w.broker.revokeMine(ALICE);
  for (const id of ids) {
    await eventually(async () => {
      const view = await viewOf(w, id);
      return legAt(view, 'main').gone !== null && legAt(view, 'kubernetes').gone !== null;
    });
    const view = await viewOf(w, id);
    assert.match(view.state, /^(revoking|stuck)$/);
    assert.deepEqual([legAt(view, 'postgres').gone, legAt(view, 'postgres').state], [null, 'issued']);
  }
  await eventually(async () => (await viewOf(w, ids[0] ?? 'gr_')).legs.some(({ problem }) => problem !== null));
  assert.match(legAt(await viewOf(w, ids[0] ?? 'gr_'), 'postgres').problem ?? '', /the connection broke/);
  // An hour later it is back: five minutes, the longest pause, are enough for all.
  for (let minutes = 0; minutes < 50; minutes += 10) {
    w.advance(600_000);
    await eventually(async () =>
      (await viewOf(w, ids[0] ?? 'gr_')).legs.some(({ attempts }) => attempts > minutes / 10),
    );
  }
  set(w, 'postgres', {});
  w.advance(300_000);
  for (const id of ids) assert.equal(legAt(await closed(w, id), 'postgres').state, 'gone');
  for (const id of ids) assert.deepEqual(working(w, id), []);
});

test('a target that refuses for good keeps the grant visible as stuck, with what is gone and what is not', async (t) => {
  const w = await start(t);
  const id = await granted(w, body({ seconds: 3_600 }));
  set(w, 'kubernetes', { revoke: 'refuses' });
  await w.broker.revoke(ALICE, id, 'revoked');
  await eventually(async () => {
    w.advance(20_000);
    return (await viewOf(w, id)).state === 'stuck';
  });
  const stuck = await viewOf(w, id);
  assert.deepEqual(
    stuck.legs.map(({ target: place, state, gone }) => [place, state, gone === null]),
    [
      ['main', 'gone', false],
      ['postgres', 'gone', false],
      ['kubernetes', 'issued', true],
    ],
  );
  assert.equal(legAt(stuck, 'kubernetes').problem, 'no');
  assert.deepEqual(working(w, id), ['kubernetes']);
  assert.ok((await w.broker.liveGrants(ALICE, 10)).items.some(({ grant }) => grant?.id === id));
});
