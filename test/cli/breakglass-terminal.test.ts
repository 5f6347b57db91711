/**
 * `jit breakglass` at a real terminal: terminal, launcher, keeper, embedded broker and sandbox are the real ones.
 * @module
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { skipUnless } from '../support/tools.ts';
import { ME, MINE, onDuty } from './emergencies.ts';
import { openTerminal } from './terminal.ts';

const JIT = resolve('bin/jit');
const skip = skipUnless('tmux');
const LARGE = { columns: 110, rows: 50 };

test(
  'the incident is chosen among those that are ours, the rest is asked for, and it is shown what will happen',
  { skip },
  async (t) => {
    const second = { id: 'INC-8', title: 'slow', severity: 2, onCall: [{ person: ME, tier: 1 }], responders: [ME] };
    const post = onDuty(t, [MINE, second, { id: 'INC-9', responders: ['kim'] }]);
    const terminal = await openTerminal(t, post.home, {}, LARGE);
    await terminal.command(`${JIT} breakglass s3:GetObject 'arn:aws:s3:::sandbox-reports/*'; echo "status=$?"`);
    const choice = await terminal.shows(/for which incident\?/);
    assert.match(choice, /INC-7: web is down \(open for .*, severity 1; responder\)/);
    assert.match(choice, /INC-8: slow \(open for .*, severity 2; responder, on call \(tier 1\)\)/);
    assert.doesNotMatch(choice, /INC-9/);
    await terminal.keys('Enter');
    await terminal.shows(/for how long\?/);
    await terminal.keys('5m', 'Enter');
    await terminal.shows(/what for\?/);
    await terminal.keys('look', 'Enter');
    const screen = await terminal.shows(/\? break the glass\? \(y\/N\)/);
    assert.match(screen, /"Action": "s3:GetObject"|"s3:GetObject"/);
    assert.match(screen, /^incident +INC-7 \(pager\): web is down$/m);
    assert.match(screen, /^you +responder$/m);
    assert.match(screen, /^until +in 5m \([\d:]+\) at the latest$/m);
    assert.match(screen, /^revocation +at once; access never outlives the end$/m);
    assert.match(screen, /^ends +as soon as INC-7 is closed/m);
    assert.match(screen, /^told +at once, everybody who would otherwise have to approve it/m);
    assert.match(screen, /^review +opened with it, for somebody else to close/m);
    await terminal.keys('y', 'Enter');
    const done = await terminal.shows(/status=0/);
    assert.match(done, /^profile +jit-inc-7-s3-getobject-/m);
    assert.match(done, /^incident +INC-7 \(pager\), with which it ends$/m);
  },
);

test(
  'Enter alone means no: status 5, nothing was asked for; Ctrl-C there is 130; --yes asks nothing',
  { skip },
  async (t) => {
    const post = onDuty(t, [MINE]);
    const terminal = await openTerminal(t, post.home, {}, LARGE);
    const line = `clear; ${JIT} breakglass s3:GetObject 'arn:aws:s3:::sandbox-reports/*' --incident INC-7 --for 5m --reason x`;
    await terminal.command(`${line}; echo "status=$?"`);
    await terminal.shows(/break the glass\?/);
    await terminal.keys('Enter');
    assert.match(await terminal.shows(/status=5/), /^jit: not confirmed, so nothing was asked for$/m);
    // What is on the screen from before must not be taken for the question.
    await terminal.command('clear; echo cleared');
    await terminal.shows(/^cleared$/m);
    await terminal.command(`${line.replace('clear; ', '')} -- true; echo "status=$?"`);
    await terminal.shows(/break the glass\?/);
    await terminal.keys('C-c');
    assert.match(await terminal.shows(/status=130/), /jit: interrupted; nothing was asked for/);
    await terminal.command(`clear; ${JIT} list --all --json | grep -c req_; ${JIT} review; echo done`);
    assert.match(await terminal.shows(/^done$/m), /^0$[^]*no review is open/m);
    assert.equal(existsSync(join(post.home.path, '.aws')), false);
    await terminal.command(`${line} --yes -- sh -c 'exit 4'; echo "status=$?"`);
    await terminal.shows(/status=4/);
  },
);

test(
  'what would be denied is denied without a question, and stands in the log; nothing to choose from is said',
  { skip },
  async (t) => {
    const post = onDuty(t, [{ ...MINE, severity: 4 }]);
    const terminal = await openTerminal(t, post.home, {}, LARGE);
    const ask = `breakglass s3:GetObject 'arn:aws:s3:::sandbox-reports/*' --for 5m --reason x`;
    await terminal.command(`clear; ${JIT} ${ask} --incident INC-7; echo "status=$?"`);
    const screen = await terminal.shows(/status=5/);
    assert.match(screen, /^jit: denied: .*severity/m);
    assert.doesNotMatch(screen, /break the glass/);
    const { items } = JSON.parse((await post.jit('list', '--all', '--json')).stdout);
    assert.deepEqual([items.length, items[0].request.state], [1, 'denied']);
    post.incidents([{ ...MINE, responders: ['kim'] }]);
    // For a moment the broker remembers what was there.
    const gone = async (): Promise<boolean> => (await post.jit('breakglass', '--json')).stdout.includes('"items":[]');
    await eventually(gone, { deadlineMs: 60_000 });
    await terminal.command(`clear; ${JIT} ${ask}; echo "status=$?"`);
    const none = await terminal.shows(/status=2/);
    assert.match(none, /^jit: there is no open incident of which you are a responder or on call$/m);
    assert.match(none, /^hint: name one with: --incident ID$/m);
  },
);
