/**
 * Rehearsals: launcher, keeper, embedded broker, sandbox and the aws program are the real ones.
 * @module
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { test, type TestContext } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { type Home, tempHome } from '../support/home.ts';
import { type Ended, run } from '../support/run.ts';
import { skipUnless } from '../support/tools.ts';
import { INCIDENT, MINE, onDuty, READ, TERMS } from './emergencies.ts';
import { succeeded } from './shared.ts';

const JIT = resolve('bin/jit');
const jit = async ({ env }: Pick<Home, 'env'>, ...args: readonly string[]): Promise<Ended> =>
  run(process.execPath, [JIT, ...args], { env });

const config = ({ path }: Home): string => {
  const file = join(path, '.aws', 'config');
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
};

interface Drill {
  readonly schema: string;
  readonly incident: { readonly reference: string; readonly source: string };
  readonly request: { readonly tier: string };
  readonly grant: string;
  readonly reader: string;
  readonly steps: readonly { readonly step: string; readonly at: string; readonly afterMs: number }[];
  readonly toRefusalMs: number;
  readonly toWipeMs: number;
  readonly held: boolean;
  readonly exit: number;
}

const drilled = async (home: Home): Promise<Drill> =>
  JSON.parse(succeeded(await jit(home, 'breakglass', '--drill', '--json')).stdout);

test(
  'a new broker is rehearsed with as it is: every step in its order, access refused and profile wiped soon after the close',
  { skip: skipUnless('aws') },
  async (t) => {
    const home = tempHome(t);
    const drill = await drilled(home);
    assert.deepEqual(
      [drill.schema, drill.held, drill.exit, drill.reader, drill.request.tier, drill.incident.source],
      ['jit.drill/v1', true, 0, 'aws', 'break-glass', 'drill'],
    );
    const names = drill.steps.map(({ step }) => step);
    assert.deepEqual(names, ['asked', 'granted', 'used', 'closed', 'refused', 'wiped']);
    const times = drill.steps.slice(0, 4).map(({ afterMs }) => afterMs);
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    );
    for (const ms of [drill.toRefusalMs, drill.toWipeMs]) assert.ok(ms >= 0 && ms < 5_000, String(ms));
    assert.equal(config(home), '');
    const { grant } = JSON.parse((await jit(home, 'show', drill.grant, '--json')).stdout);
    assert.equal(grant.reason, 'incident-closed');
    assert.match((await jit(home, 'list')).stderr, /no live grants/);
    const words = succeeded(await jit(home, 'breakglass', '--drill')).stdout;
    assert.match(words, /^granted +\d+ ms after it was asked for, with its profile$/m);
    assert.match(words, /^first use +\d+ ms after that, by the aws program, through the profile$/m);
    assert.match(words, /^access refused +\d+ ms after the close$/m);
    assert.match(words, /^profile wiped +\d+ ms after the close$/m);
    assert.match(words, /^result +every step held$/m);
  },
);

test('without the aws program jit reads by itself; many drills in a row hold up neither the next one nor a real emergency', async (t) => {
  const post = onDuty(t, [MINE]);
  // Of all programs only those that the launcher needs.
  const bin = join(post.home.path, 'bin');
  mkdirSync(bin);
  for (const name of ['sh', 'env']) symlinkSync(`/bin/${name}`, join(bin, name));
  symlinkSync(process.execPath, join(bin, 'node'));
  const home = { ...post.home, env: { ...post.home.env, PATH: bin } };
  for (let round = 0; round < 4; round += 1) {
    const drill = await drilled(home);
    assert.deepEqual([drill.held, drill.reader], [true, 'jit']);
  }
  succeeded(await post.jit(...READ, ...INCIDENT, ...TERMS));
});

test('no rule for drills, no sandbox by that name, and flags that mean nothing: refused, and nothing is open or live', async (t) => {
  const post = onDuty(t, [MINE]);
  const { jit: run_, home } = post;
  const rules = join(home.path, '.config', 'jit', 'rules', 'own.cedar');
  const [requests = ''] = readFileSync(rules, 'utf8').split('@id("read-in-emergency")');
  writeFileSync(rules, requests);
  const denied = await run_('breakglass', '--drill');
  assert.equal(denied.status, 5, denied.stdout);
  assert.match(denied.stderr, /^jit: denied: /m);
  assert.deepEqual(
    JSON.parse((await run_('breakglass', '--json')).stdout).items.length,
    1,
    'the drill is closed again',
  );
  assert.match((await run_('list')).stderr, /no live grants/);
  for (const args of [['--target', 'prod'], ['--for', '1m'], ['s3:GetObject']]) {
    assert.equal((await run_('breakglass', '--drill', ...args)).status, 2, args.join(' '));
  }
});

/** Starts a drill in which the aws program hangs, and interrupts it there, with its grant live. */
async function interrupted(t: TestContext): Promise<{ readonly home: Home; readonly ended: Ended }> {
  const bare = tempHome(t);
  const bin = join(bare.path, 'bin');
  mkdirSync(bin);
  const mark = join(bare.path, 'reading');
  writeFileSync(join(bin, 'aws'), `#!/bin/sh\necho > ${mark}\nexec sleep 60\n`, { mode: 0o700 });
  const home = { ...bare, env: { ...bare.env, PATH: `${bin}:${dirname(process.execPath)}:/usr/bin:/bin` } };
  const child = spawn(process.execPath, [JIT, 'breakglass', '--drill'], {
    env: home.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (part: string) => (stdout += part));
  child.stderr.setEncoding('utf8').on('data', (part: string) => (stderr += part));
  const closed = once(child, 'close');
  await eventually(() => existsSync(mark), { deadlineMs: 30_000 });
  assert.notEqual(config(home), '');
  child.kill('SIGINT');
  await closed;
  return { home, ended: { status: child.exitCode, signal: child.signalCode, stdout, stderr } };
}

test('Ctrl-C in the middle: status 130, the incident is closed, the grant is over and its profile gone', async (t) => {
  const { home, ended } = await interrupted(t);
  assert.equal(ended.status, 130, ended.stderr);
  assert.match(ended.stderr, /^jit: interrupted; DRILL-\w+ is closed, and nothing of it stays$/m);
  assert.equal(config(home), '');
  const { items } = JSON.parse(succeeded(await jit(home, 'list', '--all', '--json')).stdout);
  assert.deepEqual([items.length, items[0].grant.state, items[0].grant.reason], [1, 'closed', 'incident-closed']);
  assert.deepEqual(JSON.parse((await jit(home, 'breakglass', '--json')).stdout).items, []);
});
