/**
 * Renewed grants, and grants with an idle limit, in the hands of a real keeper process.
 * @module
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { adoptionOf } from '../../src/keeper/connect.ts';
import type { HeldGrant } from '../../src/keeper/protocol.ts';
import { extendProfiles } from '../../src/profiles/aws/extend.ts';
import { eventually } from '../support/eventually.ts';
import { startKeeper, type World, world } from './world.ts';

const textOf = (path: string | undefined): string =>
  path !== undefined && existsSync(path) ? readFileSync(path, 'utf8') : '';
const past = (moment: number): Promise<boolean> => eventually(() => Date.now() > moment, { deadlineMs: 20_000 });
const heldIn = async (w: World): Promise<HeldGrant | undefined> => (await (await w.keeper()).list())[0];

test('a renewed grant is not wiped at its old end, and is at the new one; profile, countdown and credentials follow', async (t) => {
  const w = await world(t);
  const { grant, outcome, profile } = await w.adopt({ seconds: 4, credentialSeconds: 60, idleSeconds: 900 });
  const config = profile?.places.config;
  const before = JSON.parse((await w.credential(grant)).stdout);
  const end = w.broker.renew(grant, 9);
  const shown = new Date(end).toISOString();
  await eventually(() => textOf(config).includes(`# jit ${grant} ends ${shown}, managed by jit`));
  const held = await eventually(() => heldIn(w));
  assert.equal(held.expiresAt, shown);
  assert.ok(held.remainingMs > 5_000 && held.remainingMs <= 9_000, String(held.remainingMs));
  assert.deepEqual([held.about.seconds, held.about.idleSeconds, held.problem], [9, 900, null]);
  const later = await eventually(async () => {
    const now = JSON.parse((await w.credential(grant)).stdout);
    return now.AccessKeyId === before.AccessKeyId ? null : now;
  });
  assert.ok(Date.parse(later.Expiration) > Date.parse(outcome.grant?.expiresAt ?? ''));
  await past(Date.parse(outcome.grant?.expiresAt ?? '') + 1_500);
  assert.equal((await w.credential(grant)).status, 0);
  assert.notEqual(textOf(config), '');
  await past(end);
  await eventually(() => textOf(config) === '', { deadlineMs: 3_000 });
  assert.equal((await w.credential(grant)).status, 7);
});

test('a keeper that cannot hear the broker is told the new end when the grant is handed over again', async (t) => {
  const w = await world(t);
  const { grant, outcome, profile } = await w.adopt({ seconds: 4 });
  const old = outcome.grant;
  assert.ok(old !== null);
  await w.credential(grant);
  await w.broker.stop();
  const end = Date.now() + 8_000;
  const renewed = { ...outcome, grant: { ...old, expiresAt: new Date(end).toISOString(), seconds: 8 } };
  const ways = { broker: w.ref, profiles: profile === null ? [] : [profile], delivery: 'process' } as const;
  const keeper = await w.keeper();
  await keeper.adopt(adoptionOf(renewed, ways));
  // What somebody read of it before the renewal must not bring the end back.
  await keeper.adopt(adoptionOf(outcome, ways));
  await past(Date.parse(old.expiresAt ?? '') + 1_500);
  assert.equal((await heldIn(w))?.state, 'live');
  assert.notEqual(textOf(profile?.places.config), '');
  await past(end);
  await eventually(() => textOf(profile?.places.config) === '', { deadlineMs: 3_000 });
});

test('wiped before word of its renewal came, a grant can be handed over anew; with its old end it cannot', async (t) => {
  const w = await world(t);
  const { grant, outcome } = await w.adopt({ seconds: 2 });
  const old = outcome.grant;
  assert.ok(old !== null);
  await w.adopt({ seconds: 60 });
  const keeper = await w.keeper();
  await eventually(async () => !(await keeper.list()).some((each) => each.grant === grant));
  const ways = { broker: w.ref, profiles: [], delivery: 'process' } as const;
  const unexpired = { ...outcome, grant: { ...old, seconds: 60 } };
  await assert.rejects(keeper.adopt(adoptionOf(unexpired, ways)), { code: 'ERR_GRANT_ENDED' });
  const expiresAt = new Date(Date.now() + 60_000).toISOString();
  const renewed = { ...outcome, grant: { ...old, expiresAt, seconds: 60 } };
  // The fake broker has ended it meanwhile and says so, after the keeper has taken it.
  await assert.rejects(keeper.adopt(adoptionOf(renewed, ways)), { code: 'ERR_GRANT_ENDED' });
  assert.ok(w.broker.calls.filter((call) => call === `POST /v1/grants/${grant}/credentials`).length >= 2);
});

test('a profile that a killed keeper left is wiped at the end that stands in it by then', async (t) => {
  const w = await world(t);
  const { grant, profile } = await w.adopt({ seconds: 4 });
  const end = Date.now() + 9_000;
  const config = profile?.places.config;
  process.kill(await w.pid(), 'SIGKILL');
  await startKeeper(w.home, w.paths);
  assert.ok(profile !== null);
  await extendProfiles(profile.places, grant, end, { locks: w.paths.locks });
  await past(end - 2_500);
  assert.notEqual(textOf(config), '');
  await past(end);
  await eventually(() => textOf(config) === '', { deadlineMs: 6_000 });
});

test('what is served of a grant with an idle limit ends early, by half the limit or a minute, and use is reported soon', async (t) => {
  const w = await world(t);
  for (const [idleSeconds, ahead] of [
    [120, 60_000],
    [600, 300_000],
    [undefined, 3_600_000],
  ] as const) {
    const { grant } = await w.adopt({ seconds: 3_600, ...(idleSeconds === undefined ? {} : { idleSeconds }) });
    const before = Date.now();
    const { Expiration } = JSON.parse((await w.credential(grant)).stdout);
    const left = Date.parse(Expiration) - before;
    assert.ok(left <= ahead + (Date.now() - before) && left > ahead - 10_000, `${idleSeconds}: ${left}`);
    if (idleSeconds !== 120) continue;
    // Half the limit until a tool comes back, and this until the broker hears of it, are less than the whole.
    await eventually(() => w.broker.uses.get(grant)?.length === 1, { deadlineMs: 30_000 });
    const endpoint = await w.adopt({ seconds: 3_600, idleSeconds }, 'endpoint');
    const token = readFileSync(endpoint.endpoint?.tokenFile ?? '', 'utf8').trim();
    const reply = await fetch(endpoint.endpoint?.url ?? '', { headers: { authorization: token } });
    const served: unknown = await reply.json();
    assert.ok(typeof served === 'object' && served !== null && 'Expiration' in served);
    assert.ok(Date.parse(String(served.Expiration)) <= Date.now() + 60_000);
  }
});
