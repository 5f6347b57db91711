/**
 * What only a terminal shows: questions, a line that counts, Ctrl-C and Ctrl-Z. The terminal, the program and, unless the
 * name says otherwise, the broker are real.
 * @module
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { localPaths } from '../../src/local/paths.ts';
import { ensurePrivateDir } from '../../src/local/private-dir.ts';
import { tempHome } from '../support/home.ts';
import { skipUnless } from '../support/tools.ts';
import { decider } from './decisions.ts';
import { openTerminal } from './terminal.ts';

const JIT = join(import.meta.dirname, '..', '..', 'bin', 'jit');
const ASK = `${JIT} request s3:GetObject 'arn:aws:s3:::sandbox-reports/*'`;
const skip = skipUnless('tmux');

test('what is missing is asked for, a wrong answer is explained, and the grant is shown', { skip }, async (t) => {
  const home = tempHome(t);
  const terminal = await openTerminal(t, home);
  await terminal.command(`${ASK}; echo "status=$?"`);
  await terminal.shows(/for how long\?/);
  await terminal.keys('5x', 'Enter');
  await terminal.shows(/that is not a duration; write it like 90s/);
  await terminal.keys('BSpace', 'm', 'Enter');
  await terminal.shows(/what for\?/);
  await terminal.keys('look', 'Enter');
  const screen = await terminal.shows(/status=0/);
  assert.match(screen, /^grant +gr_[0-9a-z]{26}$/m);
  assert.match(screen, /sandbox: not AWS/);
});

for (const [key, name] of [
  ['C-c', 'Ctrl-C'],
  ['C-d', 'Ctrl-D'],
] as const) {
  test(`${name} at a question: status 130, nothing started, and a terminal as before`, { skip }, async (t) => {
    const home = tempHome(t);
    const terminal = await openTerminal(t, home);
    await terminal.command(
      `cd; stty -a > before; ${ASK} --for 5m; echo "status=$?"; stty -a | cmp - before && echo same`,
    );
    await terminal.shows(/what for\?/);
    await terminal.keys(key);
    const screen = await terminal.shows(/status=130\nsame/);
    assert.match(screen, /jit: interrupted; nothing was asked for/);
    assert.equal(existsSync(join(home.path, '.local')), false);
  });
}

test('a stdout that is redirected holds data only; the questions are on the terminal', { skip }, async (t) => {
  const home = tempHome(t);
  const terminal = await openTerminal(t, home);
  await terminal.command(
    `cd; ${ASK} --for 5m > out; echo "status=$?"; grep -c . out; grep -q 'what for' out || echo clean`,
  );
  await terminal.shows(/what for\?/);
  await terminal.keys('look', 'Enter');
  await terminal.shows(/status=0\n\d+\nclean/);
});

test(
  'waiting shows a line that counts; Ctrl-C erases it, names what lives on, and has status 130 (broker: a stand-in)',
  { skip },
  async (t) => {
    const home = tempHome(t);
    const { run, brokerSocket } = localPaths(home.env, process.platform, process.geteuid?.() ?? 0);
    await ensurePrivateDir(run);
    // In the place of the embedded one, which is then not started.
    const broker = await decider(brokerSocket, {});
    t.after(() => broker.stop());
    const terminal = await openTerminal(t, home);
    await terminal.command(`${ASK} --for 5m --reason x --timeout 10m; echo "status=$?"`);
    await terminal.shows(/waiting for a decision on req_[0-9a-z]{26} · 2s · gives up in 9m5\ds/);
    await terminal.keys('C-c');
    const screen = await terminal.shows(/status=130/);
    assert.match(screen, /jit: interrupted; req_[0-9a-z]{26} lives on\nhint: take it up again with: jit wait req_/);
    assert.doesNotMatch(screen, /waiting for a decision/);
    assert.equal(broker.calls.filter(({ method }) => method === 'POST').length, 1);
    assert.equal(existsSync(join(home.path, '.aws')), false);
  },
);

test(
  'Ctrl-C under jit exec reaches the command once, jit outlives it, and the grant is given back',
  { skip },
  async (t) => {
    const home = tempHome(t);
    const terminal = await openTerminal(t, home);
    const script = 'trap "n=\\$((n+1))" INT; echo going; sleep 3; sleep 1; echo "interrupts=$n"; exit 4';
    await terminal.command(
      `${JIT} exec s3:ListBucket arn:aws:s3:::sandbox-reports --for 5m --reason x -- sh -c '${script}'; echo "status=$?"`,
    );
    await terminal.shows(/^going$/m);
    await terminal.keys('C-c');
    const screen = await terminal.shows(/status=4/);
    assert.match(screen, /interrupts=1/);
    await terminal.command(`${JIT} list --all --json | grep -c completed`);
    await terminal.shows(/^1$/m);
  },
);

test('Ctrl-Z stops jit exec with its command, and fg goes on with both', { skip }, async (t) => {
  const home = tempHome(t);
  const terminal = await openTerminal(t, home);
  await terminal.command('set -m');
  await terminal.command(
    `${JIT} exec s3:ListBucket arn:aws:s3:::sandbox-reports --for 5m --reason x -- sh -c 'echo going; sleep 2; echo done'; echo "status=$?"`,
  );
  await terminal.shows(/^going$/m);
  await terminal.keys('C-z');
  await terminal.shows(/[Ss]topped|status=14[78]/);
  await terminal.command('fg; echo "after=$?"');
  const screen = await terminal.shows(/after=0/);
  assert.match(screen, /^done$/m);
});
