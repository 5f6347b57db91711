/**
 * `jit console`: where there is no console it is refused by the real program, before anything is handed out; where there is
 * one, broker and keeper are stood in for, since nothing here can issue at AWS itself, and AWS's sign-in is a strict server.
 * @module
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { signInToConsole } from '../../src/cli/console/sign-in.ts';
import type { ConsoleOptions } from '../../src/cli/commands/console.ts';
import { JitError } from '../../src/core/errors.ts';
import type { LegView } from '../../src/wire/views.ts';
import { startFederation } from '../fakes/aws-console/server.ts';
import { eventually } from '../support/eventually.ts';
import { type Home, tempHome } from '../support/home.ts';
import { type Ended, run } from '../support/run.ts';
import { AWS_PART, ID, KEYS, legOf, NOW, type StandIns, standIns } from './aws-grant.ts';
import { succeeded } from './shared.ts';

const JIT = join(import.meta.dirname, '..', '..', 'bin', 'jit');
const HOST = 'console.aws.amazon.com';

test('the sandbox has no console, and neither has a grant that is over (launcher, keeper, broker and sandbox are real)', async (t) => {
  const { env } = tempHome(t);
  const jit = (...args: readonly string[]): Promise<Ended> => run(process.execPath, [JIT, ...args], { env });
  const ask = ['s3:GetObject', 'arn:aws:s3:::sandbox-reports/*', '--for', '10m', '--reason', 'x', '--json'];
  const id = String(JSON.parse(succeeded(await jit('request', ...ask)).stdout).grant.id);
  const refused = await jit('console', id);
  assert.deepEqual([refused.status, refused.stdout], [2, '']);
  assert.match(refused.stderr, /there is no console at sandbox \(sandbox: not AWS\)\nhint: /);
  const [held] = JSON.parse(succeeded(await jit('status', '--json')).stdout).grants;
  assert.equal(held.uses, 0, 'nothing was handed out for it');
  assert.equal((await jit('console', id, '--target', 'elsewhere')).status, 2);
  assert.equal((await jit('console', 'req_01hv3k9x7m2q5w8e4r6t0yabcd')).status, 2);
  assert.equal((await jit('console', 'gr_01hv3k9x7m2q5w8e4r6t0yabcd')).status, 9);
  succeeded(await jit('revoke', id));
  const over = await jit('console', id, '--json');
  assert.deepEqual([over.status, JSON.parse(over.stdout).code], [7, 'ERR_GRANT_ENDED']);
});

async function rig(t: TestContext, parts: StandIns = {}) {
  const known = [{ ...KEYS, chained: 'role by token' as const }];
  const federation = await startFederation(t, { keys: known, host: HOST, now: NOW });
  const { context, said, asked } = standIns(parts);
  const signIn = (options: Partial<ConsoleOptions> = {}): Promise<number> =>
    signInToConsole(
      context,
      { id: ID, target: null, destination: null, show: 'print', format: 'human', ...options },
      () => ({ federation: federation.url, host: HOST }),
    );
  return { federation, said, asked, signIn };
}

test('the address alone goes to stdout, and signs in; what to know of it goes to stderr', async (t) => {
  const url = new URL('https://jit.example.com/x');
  const { said, asked, signIn, federation } = await rig(t, { ref: { kind: 'url', name: 'work', url } });
  assert.equal(await signIn({ destination: 's3' }), 0);
  assert.match(said.stdout, /^http:\/\/\S+\n$/);
  const reply = await fetch(said.stdout.trim(), { redirect: 'manual' });
  assert.equal(reply.headers.get('location'), `https://eu-west-1.${HOST}/s3/home?region=eu-west-1`);
  assert.equal(new URL(said.stdout).searchParams.get('Issuer'), 'https://jit.example.com');
  assert.match(said.stderr, /whoever opens it is signed in, for 15m/);
  assert.match(said.stderr, /what you may do there ends in 30m \(.*\) at the latest, and sooner with the grant/);
  assert.deepEqual(asked, [[ID, { format: 'json', target: 'web-prod' }]]);
  assert.doesNotMatch(`${said.stdout}${said.stderr}`, /canary/);
  assert.equal(federation.seen.length, 2);
});

test('who works in the console is told that a grant with an idle limit does not see it', async (t) => {
  const resting = await rig(t);
  assert.equal(await resting.signIn(), 0);
  assert.doesNotMatch(resting.said.stderr, /does not see/);
  const idle = await rig(t, { idleSeconds: 900 });
  assert.equal(await idle.signIn(), 0);
  assert.match(
    idle.said.stderr,
    /jit does not see the console in use: without any other use the grant ends after 15m$/m,
  );
});

test('--json is one document with the address and both times', async (t) => {
  const { said, signIn } = await rig(t);
  assert.equal(await signIn({ format: 'json' }), 0);
  const { schema, grant, target, broker, destination, url, urlExpiresAt, expiresAt } = JSON.parse(said.stdout);
  assert.deepEqual([schema, grant, target, broker], ['jit.console/v1', ID, 'web-prod', 'embedded']);
  assert.equal(destination, `https://eu-west-1.${HOST}/console/home?region=eu-west-1`);
  assert.equal((await fetch(url, { redirect: 'manual' })).status, 302);
  assert.deepEqual([urlExpiresAt, expiresAt], ['2026-11-22T12:15:00Z', '2026-11-22T12:30:00Z']);
  assert.equal(said.stderr, '');
});

/** A program that stands in for the browser: it notes its arguments, and where it is sent. */
function browser(home: Home): { readonly path: string; readonly seen: () => string } {
  const path = join(home.path, 'browser');
  const visit = 'fetch(process.argv[1],{redirect:"manual"}).then((r)=>console.log(r.status,r.headers.get("location")))';
  writeFileSync(
    path,
    `#!/bin/sh\nprintf '%s\\n' "$@" >${path}.seen\nexec '${process.execPath}' -e '${visit}' "$1" >>${path}.seen\n`,
    { mode: 0o755 },
  );
  return { path, seen: () => readFileSync(`${path}.seen`, 'utf8') };
}

test('--open has the browser signed in, and the secret is in no output and in no argument', async (t) => {
  const home = tempHome(t);
  const { path, seen } = browser(home);
  for (const format of ['human', 'json'] as const) {
    const { said, signIn } = await rig(t, { env: { ...home.env, BROWSER: path } });
    assert.equal(await signIn({ show: 'open', format }), 0);
    const [argument, visited, ...more] = await eventually(() => {
      const lines = seen().split('\n');
      return lines.length > 2 ? lines : null;
    });
    assert.match(argument ?? '', /^http:\/\/127\.0\.0\.1:\d+\/[\w-]{22}$/);
    assert.match(visited ?? '', /^302 http:\/\/127\.0\.0\.1:\d+\/federation\?Action=login&.*SigninToken=/);
    assert.deepEqual(more, ['']);
    assert.doesNotMatch(`${said.stdout}${said.stderr}`, /SigninToken|canary/);
    if (format === 'human') assert.equal(said.stdout, '');
    else assert.deepEqual([JSON.parse(said.stdout).opened, JSON.parse(said.stdout).url], [true, undefined]);
  }
});

test('--open without a browser says how to get the address, and does not print it', async (t) => {
  const { said, signIn } = await rig(t);
  await assert.rejects(signIn({ show: 'open' }), {
    code: 'ERR_USAGE',
    message: 'there is no browser to open',
    hint: `print the address instead: jit console ${ID}`,
  });
  assert.equal(said.stdout, '');
});

test('of several targets the one of AWS is taken, of several of AWS one must be named', async (t) => {
  const cluster = legOf({ target: 'cluster', provider: 'kubernetes', tool: null });
  const mixed = await rig(t, { legs: [cluster, legOf()] });
  assert.equal(await mixed.signIn(), 0);
  const two = await rig(t, { legs: [legOf({ target: 'a' }), legOf({ target: 'b' })] });
  await assert.rejects(two.signIn(), { code: 'ERR_USAGE', hint: 'add one of: --target a, --target b' });
  assert.equal(await two.signIn({ target: 'b' }), 0);
  assert.deepEqual(two.asked, [[ID, { format: 'json', target: 'b' }]]);
});

test('where there is no console of AWS nothing is asked of the keeper, and no key is sent anywhere', async (t) => {
  const tool = {
    kind: 'aws',
    identity: 'issued',
    account: '123456789012',
    region: 'eu-west-1',
    endpoint: null,
  } as const;
  const cases: readonly (readonly [legs: readonly LegView[], message: RegExp])[] = [
    [[legOf({ provider: 'postgres', tool: null })], /only AWS has a console.*postgres/],
    [[legOf({ tool: null })], /does not know the target web-prod any more/],
    [[legOf({ sandbox: true })], /sandbox: not AWS/],
    [[legOf({ tool: { ...tool, endpoint: 'https://minio.example.com' } })], /not at AWS's own addresses/],
    [[legOf({ tool: { ...tool, identity: 'own' } })], /your own identity/],
  ];
  for (const [legs, message] of cases) {
    const { signIn, asked, federation } = await rig(t, { legs });
    await assert.rejects(signIn(), (thrown) => {
      assert.ok(thrown instanceof JitError);
      assert.deepEqual([thrown.code, thrown.facts.exit], ['ERR_TARGET', 2]);
      assert.match(thrown.message, message);
      return true;
    });
    assert.deepEqual([asked, federation.seen], [[], []]);
  }
  const { signIn, asked } = await rig(t);
  await assert.rejects(signIn({ destination: 'https://evil.example/' }), { code: 'ERR_USAGE' });
  assert.deepEqual(asked, []);
});

test('what the keeper holds must be of the same place, or its keys are not sent', async (t) => {
  const cases = [
    { target: 'web-prod', aws: { ...AWS_PART, endpoint: 'http://127.0.0.1:9' } },
    { target: 'web-prod', aws: { ...AWS_PART, region: 'cn-north-1' } },
    { target: 'web-prod', postgres: { user: 'x', password: 'y' } },
  ];
  for (const handedOut of cases) {
    const { signIn, federation } = await rig(t, { handedOut });
    await assert.rejects(signIn(), { code: 'ERR_TARGET' });
    assert.deepEqual(federation.seen, []);
  }
});
