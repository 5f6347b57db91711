/**
 * Access for an incident, in the hands of a real keeper process: it is gone with the incident, and whoever sits there is told by
 * a program of the desktop (a stand-in that writes down what it was told).
 * @module
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { adoptionOf } from '../../src/keeper/connect.ts';
import type { HeldGrant } from '../../src/keeper/protocol.ts';
import { eventually } from '../support/eventually.ts';
import { startKeeper, type World, world } from './world.ts';

const textOf = (path: string | undefined): string =>
  path !== undefined && existsSync(path) ? readFileSync(path, 'utf8') : '';
const heldIn = async (w: World): Promise<HeldGrant | undefined> => (await (await w.keeper()).list())[0];

/** A keeper of somebody who sits at a desktop. @returns what they were told. */
async function atDesk(w: World): Promise<() => string> {
  const folder = join(w.home.path, 'desk');
  const file = join(folder, 'told');
  mkdirSync(folder);
  writeFileSync(join(folder, 'notify-send'), `#!/bin/sh\necho "$*" >> ${file}\n`, { mode: 0o700 });
  await startKeeper(w.home, w.paths, [], { DISPLAY: ':0', PATH: `${folder}:${w.home.env['PATH'] ?? ''}` });
  return () => textOf(file);
}

test('an end that moves up because the incident is closed is the end: told before, wiped then, and refused with the reason', async (t) => {
  const w = await world(t);
  const told = await atDesk(w);
  const { grant, outcome, profile } = await w.adopt({ seconds: 600, incident: 'INC-7' });
  assert.equal((await w.credential(grant)).status, 0);
  assert.equal((await heldIn(w))?.about.incident, 'INC-7');
  const end = w.broker.cut(grant, 4);
  const held = await eventually(async () => {
    const now = await heldIn(w);
    return now?.expiresAt === new Date(end).toISOString() ? now : null;
  });
  assert.ok(held.remainingMs <= 4_000, String(held.remainingMs));
  // What was read of the grant before brings the old end back no more.
  await (
    await w.keeper()
  ).adopt(adoptionOf(outcome, { broker: w.ref, profiles: profile === null ? [] : [profile], delivery: 'process' }));
  assert.equal((await heldIn(w))?.expiresAt, held.expiresAt);
  const { Expiration } = JSON.parse((await w.credential(grant)).stdout);
  assert.ok(Date.parse(Expiration) <= end, Expiration);
  await eventually(() => /^--app-name=jit jit incident INC-7 is closed: your access ends in [345]s$/m.test(told()));
  assert.notEqual(textOf(profile?.places.config), '');
  // Not by the word of the broker: it is gone.
  await w.broker.stop();
  await eventually(() => textOf(profile?.places.config) === '', { deadlineMs: 10_000 });
  assert.ok(Date.now() >= end);
  const refused = await w.credential(grant);
  assert.equal(refused.status, 7);
  assert.match(refused.stderr, /the grant has ended: incident INC-7 is closed$/m);
  await eventually(() => told().includes('incident INC-7 is closed: your access has ended'));
});

test('ended with its incident it is wiped at once, and a name that would have to be escaped is not repeated', async (t) => {
  const w = await world(t);
  const told = await atDesk(w);
  const { grant, profile } = await w.adopt({ seconds: 600, incident: 'INC\u001b[2J $(id)' });
  w.broker.end(grant, 'incident-closed');
  await eventually(() => textOf(profile?.places.config) === '', { deadlineMs: 5_000 });
  assert.match((await w.credential(grant)).stderr, /the grant has ended: its incident is closed$/m);
  await eventually(() => told() === '--app-name=jit jit its incident is closed: your access has ended\n');
});

test('any other end of it says nothing of an incident, and nobody is told', async (t) => {
  const w = await world(t);
  const told = await atDesk(w);
  const { grant, profile } = await w.adopt({ seconds: 600, incident: 'INC-7' });
  w.broker.end(grant, 'revoked');
  await eventually(() => textOf(profile?.places.config) === '', { deadlineMs: 5_000 });
  assert.match((await w.credential(grant)).stderr, /the grant has ended$/m);
  assert.equal(told(), '');
});
