/**
 * The keeper as a real process with real tools around it: one fetch for many, the end of a grant, death and rebirth.
 * @module
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { adoptionOf, openKeeper, peekKeeper } from '../../src/keeper/connect.ts';
import { openClient } from '../../src/client/client.ts';
import { credentialThroughKeeper } from '../../src/keeper/credential.ts';
import { runKeeper } from '../../src/keeper/run.ts';
import { Secret } from '../../src/core/secret.ts';
import { readClocks } from '../../src/local/clock.ts';
import { writeStaticCredentials } from '../../src/profiles/aws/write.ts';
import { eventually } from '../support/eventually.ts';
import { processesOf } from '../support/home.ts';
import { CANARY } from '../fakes/broker.ts';
import { JIT, world } from './world.ts';

const credentialCalls = (calls: readonly string[]): number =>
  calls.filter((call) => call.endsWith('/credentials')).length;

test('20 jit processes at once with a cold keeper make one call to the broker', async (t) => {
  const w = await world(t);
  const holder = await w.keeper();
  const outcome = w.broker.grant({ seconds: 300, credentialDelayMs: 2_000 });
  const { grant } = outcome;
  assert.ok(grant);
  const adopting = holder.adopt(adoptionOf(outcome, { broker: w.ref, profiles: [], delivery: 'process' }));
  await eventually(async () => (await holder.list()).length === 1);
  const ended = await Promise.all(Array.from({ length: 20 }, () => w.credential(grant.id)));
  for (const { status, stdout } of ended) {
    assert.equal(status, 0);
    const { Version, SecretAccessKey, Expiration } = JSON.parse(stdout) as Record<string, unknown>;
    assert.deepEqual([Version, SecretAccessKey], [1, CANARY]);
    assert.match(String(Expiration), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  }
  await adopting;
  assert.equal(new Set(ended.map(({ stdout }) => stdout)).size, 1);
  assert.equal(credentialCalls(w.broker.calls), 1);
});

test('at the end the profile is gone, the keeper forgets, and nobody gets a credential', async (t) => {
  const w = await world(t);
  const { grant, profile } = await w.adopt({ seconds: 5 });
  assert.equal((await w.credential(grant)).status, 0);
  const config = profile?.places.config ?? '';
  assert.match(readFileSync(config, 'utf8'), /credential_process/);
  await eventually(() => !existsSync(config), { deadlineMs: 15_000 });
  const keeper = await w.keeper();
  await assert.rejects(keeper.credential(grant, { format: 'aws' }), { code: 'ERR_GRANT_ENDED' });
  await eventually(async () => (await keeper.list()).length === 0);
  const counted = (w.broker.uses.get(grant) ?? [])
    .flatMap(({ uses }) => uses)
    .reduce((sum, { count }) => sum + count, 0);
  assert.equal(counted, 1);
});

test('a revocation at the broker wipes the profile at once, long before the end', async (t) => {
  const w = await world(t);
  const { grant, profile } = await w.adopt({ seconds: 3_600 });
  await w.credential(grant);
  await eventually(() => w.broker.calls.some((call) => call.includes('wait=30s')));
  w.broker.end(grant, 'revoked');
  await eventually(() => !existsSync(profile?.places.config ?? ''), { deadlineMs: 3_000 });
  await assert.rejects((await w.keeper()).credential(grant, { format: 'aws' }), { code: 'ERR_GRANT_ENDED' });
});

test('an unreachable broker does not stop a live grant from being served, and the end still comes', async (t) => {
  const w = await world(t);
  const { grant, profile } = await w.adopt({ seconds: 6 });
  await w.credential(grant);
  await w.broker.stop();
  const keeper = await w.keeper();
  await eventually(async () => (await keeper.list())[0]?.problem?.includes('cannot reach'));
  assert.equal((await w.credential(grant)).status, 0);
  await eventually(() => !existsSync(profile?.places.config ?? ''), { deadlineMs: 15_000 });
});

test('a killed keeper is started again by the next use, with the same grant and the wipe at its end', async (t) => {
  const w = await world(t);
  const { grant, profile } = await w.adopt({ seconds: 8 });
  await w.credential(grant);
  process.kill(await w.pid(), 'SIGKILL');
  await eventually(async () => (await peekKeeper(w.paths)) === null);
  const client = openClient(w.ref, { userAgent: 'test' });
  t.after(() => client.close());
  const again = await credentialThroughKeeper({
    grant,
    format: 'aws',
    keeper: w.keeper,
    broker: async () => ({ ref: w.ref, client }),
    profiles: async () => (profile === null ? [] : [profile]),
  });
  assert.match(again.expose().output, /"Version":1/);
  assert.equal((await w.credential(grant)).status, 0);
  await eventually(() => !existsSync(profile?.places.config ?? ''), { deadlineMs: 15_000 });
});

test('clients that start a keeper at the same moment end with one', async (t) => {
  const w = await world(t);
  const options = { paths: w.paths, launcher: JIT, env: w.home.env };
  const keepers = await Promise.all(Array.from({ length: 5 }, () => openKeeper(options)));
  await Promise.all(keepers.map((keeper) => keeper.list()));
  await eventually(() => processesOf(w.home.path).length === 1);
});

test('a credential that runs out before its grant is replaced ahead of time, and served meanwhile', async (t) => {
  const w = await world(t);
  const { grant } = await w.adopt({ seconds: 3_600, credentialSeconds: 30 });
  const first = await w.credential(grant);
  // 30 s is less than the margin of 60 s, so the first use of it asks for the next.
  const fresh = await eventually(async () => {
    const { stdout } = await w.credential(grant);
    return stdout === first.stdout ? null : stdout;
  });
  assert.match(fresh, /"Version":1/);
  assert.ok(credentialCalls(w.broker.calls) >= 2);
});

test('a grant of several targets needs one to be named', async (t) => {
  const w = await world(t);
  const { grant } = await w.adopt({ seconds: 300, targets: ['one', 'two'] });
  const keeper = await w.keeper();
  await assert.rejects(keeper.credential(grant, { format: 'aws' }), { code: 'ERR_TARGET' });
  await assert.rejects(keeper.credential(grant, { format: 'aws', target: 'three' }), { code: 'ERR_TARGET' });
  const { output } = (await keeper.credential(grant, { format: 'json', target: 'two' })).expose();
  const { schema, target } = JSON.parse(output) as Record<string, unknown>;
  assert.deepEqual([schema, target], ['jit.credential/v1', 'two']);
});

test('list says what status shows; release wipes now; unknown grants are named as such', async (t) => {
  const w = await world(t);
  const { grant, profile } = await w.adopt({ seconds: 300 });
  await w.credential(grant);
  const keeper = await w.keeper();
  const [held] = await keeper.list();
  assert.deepEqual(
    [held?.grant, held?.state, held?.profile, held?.uses, held?.about.operation, held?.about.targets, held?.problem],
    [grant, 'live', profile?.name, 1, 's3:GetObject', ['sandbox'], null],
  );
  assert.ok((held?.remainingMs ?? 0) > 290_000);
  await keeper.release(grant);
  assert.equal(existsSync(profile?.places.config ?? ''), false);
  assert.deepEqual(await keeper.list(), []);
  await keeper.release(grant);
  const never = `gr_${'0'.repeat(26)}` as const;
  await assert.rejects(keeper.credential(never, { format: 'aws' }), { code: 'ERR_NOT_FOUND' });
});

test('a wipe that fails is reported, shown, and done as soon as it can be', async (t) => {
  const w = await world(t);
  const { grant, profile } = await w.adopt({ seconds: 300 });
  const keeper = await w.keeper();
  const config = profile?.places.config ?? '';
  const text = readFileSync(config, 'utf8');
  // A line that no reader of the file accepts: jit does not rewrite what somebody is in the middle of editing.
  writeFileSync(config, `${text}[half`);
  await assert.rejects(keeper.release(grant), { code: 'ERR_LOCAL_FILE' });
  const [held] = await keeper.list();
  assert.equal(held?.state, 'wiping');
  assert.match(held?.problem ?? '', /config/);
  await assert.rejects(keeper.credential(grant, { format: 'aws' }), { code: 'ERR_GRANT_ENDED' });
  writeFileSync(config, text);
  await eventually(() => !existsSync(config));
  await eventually(async () => (await keeper.list()).length === 0);
});

test('the socket, its folder and the log are closed to others; no debugger port opens on SIGUSR1', async (t) => {
  const w = await world(t);
  await w.adopt({ seconds: 300 });
  assert.equal(statSync(w.paths.keeperSocket).mode & 0o777, 0o600);
  assert.equal(statSync(w.paths.run).mode & 0o077, 0);
  const log = `${w.paths.state}/keeper.log`;
  assert.equal(statSync(log).mode & 0o777, 0o600);
  const pid = await w.pid();
  process.kill(pid, 'SIGUSR1');
  assert.ok(await peekKeeper(w.paths));
  assert.doesNotMatch(readFileSync(log, 'utf8'), /[Dd]ebugger/);
  assert.match(readFileSync(`/proc/${pid}/limits`, 'utf8'), /Max core file size\s+0\s+0/);
  assert.doesNotMatch(readFileSync(`/proc/${pid}/environ`, 'latin1'), /NODE_OPTIONS|LD_PRELOAD/);
});

test('SIGTERM: uses are reported, keys in a file go, a profile that still tells the truth stays', async (t) => {
  const w = await world(t);
  const { grant, outcome, profile } = await w.adopt({ seconds: 300 });
  assert.ok(profile);
  await w.credential(grant);
  const aws = { accessKeyId: 'ASIA0123456789ABCDEF', secretAccessKey: CANARY, sessionToken: CANARY };
  await writeStaticCredentials(
    profile.places,
    { name: profile.name, grant, expiresAt: Date.parse(outcome.grant?.expiresAt ?? ''), credential: new Secret(aws) },
    { locks: w.paths.locks, now: Date.now },
  );
  process.kill(await w.pid(), 'SIGTERM');
  await eventually(() => processesOf(w.home.path).length === 0);
  assert.equal(existsSync(w.paths.keeperSocket), false);
  assert.match(readFileSync(profile.places.config, 'utf8'), new RegExp(grant));
  assert.equal(existsSync(profile.places.credentials), false);
  assert.equal(w.broker.uses.get(grant)?.[0]?.uses[0]?.count, 1);
});

test('a new keeper wipes at their end the profiles of a killed one, without being told of them', async (t) => {
  const w = await world(t);
  const { profile } = await w.adopt({ seconds: 6 });
  process.kill(await w.pid(), 'SIGKILL');
  await eventually(async () => (await peekKeeper(w.paths)) === null);
  assert.ok(existsSync(profile?.places.config ?? ''));
  assert.deepEqual(await (await w.keeper()).list(), []);
  await eventually(() => !existsSync(profile?.places.config ?? ''), { deadlineMs: 15_000 });
});

test('a keeper without grants ends by itself, and the next client starts another', async (t) => {
  const w = await world(t);
  const running = runKeeper({
    paths: w.paths,
    brokerLauncher: JIT,
    env: w.home.env,
    userAgent: 'test',
    read: readClocks,
    random: Math.random,
    log: () => undefined,
    idleMs: 300,
    signal: new AbortController().signal,
  });
  const early = await eventually(() => peekKeeper(w.paths));
  assert.equal(await running, 'done');
  assert.equal(existsSync(w.paths.keeperSocket), false);
  assert.equal(await peekKeeper(w.paths), null);
  await assert.rejects(early.list(), { code: 'ERR_KEEPER' });
  assert.deepEqual(await (await w.keeper()).list(), []);
});
