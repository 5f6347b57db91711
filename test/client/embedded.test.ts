/**
 * Starting the embedded broker on demand: by several clients at once, and when it cannot start.
 * @module
 */
import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { openClient } from '../../src/client/client.ts';
import { scrubbed } from '../../src/client/daemon.ts';
import { ensureEmbedded } from '../../src/client/embedded.ts';
import { localPaths } from '../../src/local/paths.ts';
import { JitError } from '../../src/core/errors.ts';
import { eventually } from '../support/eventually.ts';
import { type Home, processesOf, tempFolder, tempHome } from '../support/home.ts';

const pathsOf = (home: Home) => localPaths(home.env, process.platform, process.geteuid?.() ?? 0);

test('four clients at once end with one broker, which answers all of them', async (t) => {
  const home = tempHome(t);
  const paths = pathsOf(home);
  let waits = 0;
  const start = () =>
    ensureEmbedded({ paths, launcher: resolve('bin/jit-broker'), env: home.env, onWait: () => (waits += 1) });
  const [ref] = await Promise.all([start(), start(), start(), start()]);
  assert.ok(ref);
  assert.ok(waits >= 1);
  await eventually(() => processesOf(home.path).length === 1);
  const client = openClient(ref, { userAgent: 'test' });
  t.after(() => client.close());
  assert.equal((await client.health()).status, 'ok');
  const before = waits;
  await start();
  assert.equal(waits, before);
  assert.equal(statSync(join(paths.state, 'broker.log')).mode & 0o777, 0o600);
});

test('a killed broker is started again', async (t) => {
  const home = tempHome(t);
  const paths = pathsOf(home);
  const start = () => ensureEmbedded({ paths, launcher: resolve('bin/jit-broker'), env: home.env });
  const client = openClient(await start(), { userAgent: 'test' });
  t.after(() => client.close());
  for (const pid of processesOf(home.path)) process.kill(pid, 'SIGKILL');
  await assert.rejects(client.health(), { code: 'ERR_BROKER_UNREACHABLE' });
  await start();
  assert.equal((await client.health()).status, 'ok');
});

test('one that dies at once is reported with the end of its log, escaped', async (t) => {
  const home = tempHome(t);
  const launcher = join(tempFolder(t), 'jit-broker.cjs');
  writeFileSync(launcher, `console.error('port is \\u001b[2J taken'); process.exit(3);`);
  await assert.rejects(ensureEmbedded({ paths: pathsOf(home), launcher, env: home.env }), (error: unknown) => {
    assert.ok(error instanceof JitError);
    assert.equal(error.code, 'ERR_BROKER_UNREACHABLE');
    assert.match(error.message, /the embedded broker did not start \(status 3\)/);
    assert.match(error.hint ?? '', /port is \\x1b\[2J taken/);
    return true;
  });
});

test('waiting for it can be interrupted', async (t) => {
  const home = tempHome(t);
  const launcher = join(tempFolder(t), 'jit-broker.cjs');
  writeFileSync(launcher, 'setTimeout(() => {}, 60_000);');
  const abort = new AbortController();
  const starting = ensureEmbedded({
    paths: pathsOf(home),
    launcher,
    env: home.env,
    signal: abort.signal,
    onWait: () => setTimeout(() => abort.abort(new JitError({ code: 'ERR_INTERRUPTED', message: 'interrupted' })), 50),
  });
  await assert.rejects(starting, { code: 'ERR_INTERRUPTED' });
});

test('what reaches a background process of the environment', async (t) => {
  const home = tempHome(t);
  const launcher = join(tempFolder(t), 'jit-broker.cjs');
  writeFileSync(
    launcher,
    'console.log(JSON.stringify({ env: process.env, args: process.argv.slice(2), cwd: process.cwd() })); process.exit(1);',
  );
  const paths = pathsOf(home);
  const env = {
    ...home.env,
    NODE_OPTIONS: '--no-warnings',
    LD_PRELOAD: '/nonexistent.so',
    GITHUB_TOKEN: 'secret',
    AWS_PROFILE: 'mine',
    NODE_EXTRA_CA_CERTS: '/etc/ca.pem',
  };
  await assert.rejects(ensureEmbedded({ paths, launcher, env }), { code: 'ERR_BROKER_UNREACHABLE' });
  const lines = readFileSync(join(paths.state, 'broker.log'), 'utf8').split('\n');
  const seen = JSON.parse(lines.find((line) => line.startsWith('{')) ?? '') as {
    env: Record<string, string>;
    args: string[];
    cwd: string;
  };
  assert.deepEqual([seen.args, seen.cwd], [['serve', '--embedded'], '/']);
  assert.deepEqual(
    [
      seen.env['NODE_OPTIONS'],
      seen.env['LD_PRELOAD'],
      seen.env['GITHUB_TOKEN'],
      seen.env['AWS_PROFILE'],
      seen.env['HOME'],
    ],
    [undefined, undefined, undefined, 'mine', home.path],
  );
  // The keeper does not even get those.
  assert.equal(scrubbed(env)['AWS_PROFILE'], undefined);
  assert.equal(scrubbed(env)['NODE_EXTRA_CA_CERTS'], '/etc/ca.pem');
});

test('a session with another XDG_RUNTIME_DIR, or none, finds the broker that already runs', async (t) => {
  const home = tempHome(t);
  const paths = pathsOf(home);
  const launcher = resolve('bin/jit-broker');
  const first = await ensureEmbedded({ paths, launcher, env: home.env });
  const { XDG_RUNTIME_DIR: _, ...cron } = home.env;
  const elsewhere = localPaths(cron, process.platform, process.geteuid?.() ?? 0);
  assert.notEqual(elsewhere.brokerSocket, paths.brokerSocket);
  const second = await ensureEmbedded({ paths: elsewhere, launcher, env: cron });
  assert.deepEqual(second, first);
});
