/**
 * `jit approve` where nobody is asked, and where somebody is, by the worked example of policies: real programs, terminal, broker and identity provider.
 * @module
 */
import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { startAcme } from '../support/acme.ts';
import { skipUnless } from '../support/tools.ts';
import { loggedIn, type User, user } from './shared.ts';
import { openTerminal } from './terminal.ts';

const JIT = `${process.execPath} ${resolve('bin/jit')}`;
const WRITE = [
  's3:PutObject',
  'arn:aws:s3:::sandbox-reports/*',
  '--for',
  '5m',
  '--reason',
  'mend the report',
  '--target',
];

test(
  'without a rule for it no script approves, on a terminal neither; a person who looks does',
  { skip: skipUnless('tmux') },
  async (t) => {
    const { idp, broker } = await startAcme(t);
    const at = { idp, url: broker.url, trust: {} };
    const home = async (name: string): Promise<User> => {
      const who = user(t, at);
      await loggedIn(at, who, name);
      return who;
    };
    const [alice, bob] = await Promise.all([home('alice'), home('bob')]);
    const asked = await alice.jit('request', ...WRITE, 'prod-web', '--no-wait', '--json');
    const id = String(JSON.parse(asked.stdout).subject);

    const told = /^jit: work: denied: nobody was asked for this approval, and policy wants that here$/m;
    const hint =
      /^hint: approve it without --yes on a terminal, or on its page; .*@unattended\("yes"\) on each permit on Approve/m;
    const piped = await bob.jit('approve', id, '--yes');
    assert.equal(piped.status, 5, piped.stderr);
    assert.match(piped.stderr, told);
    assert.match(piped.stderr, hint);
    const document = await bob.jit('approve', id, '--yes', '--json');
    const { code, exit } = JSON.parse(document.stdout);
    assert.deepEqual([document.status, code, exit], [5, 'ERR_DENIED', 5]);
    assert.equal((await bob.jit('approve', id)).status, 2);

    const screen = await openTerminal(t, bob.home, bob.env, { columns: 100, rows: 50 });
    await screen.command(`clear; ${JIT} approve ${id} --yes; echo "status=$?"`);
    assert.match(await screen.shows(/status=5/), told);
    assert.deepEqual(broker.entries('request.voted'), []);
    await screen.command(`clear; ${JIT} approve ${id}; echo "status=$?"`);
    await screen.shows(/^\? let alice\.liddell do this for 5m\? \(y\/N\)/m);
    await screen.keys('y', 'Enter');
    assert.match(await screen.shows(/status=0/), /is approved: approved by bob\.ross/);
    assert.deepEqual(
      broker.entries('request.voted').map(({ data }) => data['attended']),
      [true],
    );

    // The rule beside the example is one for scripts, too.
    const again = await alice.jit('request', ...WRITE, 'ledger', '--no-wait', '--json');
    const scripted = await bob.jit('approve', String(JSON.parse(again.stdout).subject), '--yes', '--json');
    assert.equal(scripted.status, 0, scripted.stderr);
    assert.equal(broker.entries('request.voted').at(-1)?.data['attended'], false);
  },
);
