/**
 * What an approver sees on a terminal of 80 columns and 24 lines, and what the requester sees meanwhile: terminal, programs,
 * broker and identity provider are real.
 * @module
 */
import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { startAcme } from '../support/acme.ts';
import { skipUnless } from '../support/tools.ts';
import { loggedIn, type User, user } from './shared.ts';
import { openTerminal, type Terminal } from './terminal.ts';

const JIT = `${process.execPath} ${resolve('bin/jit')}`;
const ASK =
  "s3:DeleteObject 'arn:aws:s3:::sandbox-reports/2026/*' --target prod-web --for 5m --reason 'last year is over' --ticket OPS-7";

test('an approver looks and decides while the requester waits', { skip: skipUnless('tmux') }, async (t) => {
  const office = await startAcme(t);
  const at = { idp: office.idp, url: office.broker.url, trust: {} };
  const desk = async (name: string): Promise<readonly [User, Terminal]> => {
    const who = user(t, at);
    await loggedIn(at, who, name);
    return [who, await openTerminal(t, who.home, who.env, { columns: 80, rows: 24 })];
  };
  const [[alice, hers], [bob, his]] = await Promise.all([desk('alice'), desk('bob')]);

  await hers.command(`clear; ${JIT} request ${ASK}; echo "status=$?"`);
  const waiting = await hers.shows(/waiting for approval by 1 of leads · \d+s · gives up in (10m|9m\d+s)/);
  assert.match(waiting, /^jit: work: it needs approval by 1 of leads$/m);
  const [, id = ''] = /^hint: for them to look and decide: jit approve (req_[0-9a-z]{26})$/m.exec(waiting) ?? [];

  await his.command(`clear; ${JIT} inbox`);
  const inbox = await his.shows(/^hint: look at one and decide: jit approve req_/m);
  for (const fact of [
    `id +${id}`,
    'who +alice\\.liddell',
    'access +s3:DeleteObject on ',
    'reason +last year is over',
  ]) {
    assert.match(inbox, new RegExp(`^${fact}`, 'm'));
  }

  await his.command(`clear; ${JIT} approve ${id}; echo "status=$?"`);
  const screen = await his.shows(/^\? let alice\.liddell do this for 5m\? \(y\/N\)/m);
  // All of it in view, above the question, without scrolling.
  for (const fact of [
    `request +${id}`,
    `who +alice\\.liddell \\(user alice of ${office.idp.issuer}\\)`,
    'access +s3:DeleteObject on arn:aws:s3:::sandbox-reports/2026/\\*',
    'for +5m, counted from when it is taken up',
    'reason +last year is over',
    'ticket +OPS-7',
    'idle +ends when idle for 15m',
    'target +prod-web',
    'level +write, within',
    'means +.*',
    'revocation +at once; access never outlives the end',
    'before +never asked for this before',
    'missing +1 of leads',
    'waits +(4h|3h\\d+m) more',
  ]) {
    assert.match(screen, new RegExp(`^${fact}$`, 'm'));
  }
  await his.keys('Enter');
  assert.match(await his.shows(/status=0/), /^jit: \S+: nothing was decided$/m);
  assert.equal(JSON.parse((await bob.jit('inbox', '--json')).stdout).items.length, 1);

  await his.command(`clear; ${JIT} deny ${id}; echo "status=$?"`);
  const why = await his.shows(/^\? why not\?/m);
  assert.match(why, /^reason +last year is over$/m);
  await his.keys('C-c');
  await his.shows(/status=130/);

  await his.command(`clear; ${JIT} approve ${id}; echo "status=$?"`);
  await his.shows(/^\? let alice\.liddell do this for 5m\? \(y\/N\)/m);
  await his.keys('y', 'Enter');
  assert.match(await his.shows(/status=0/), /is approved: approved by bob\.ross/);
  const granted = await hers.shows(/status=0/);
  assert.match(granted, /^profile +jit-s3-deleteobject-/m);
  assert.doesNotMatch(granted, /gives up in/, 'the line that counts is gone');

  // The exact permission is there too, and what somebody typed can neither clear the screen nor turn the text around.
  const on = ['s3:PutObject', 'arn:aws:s3:::sandbox-reports/*', '--target', 'ledger', '--for', '5m'];
  const asked = await alice.jit('request', ...on, '--reason', '\u001b[2Jnot \u202edeef', '--no-wait');
  const [other = ''] = /req_\w{26}/.exec(asked.stderr) ?? [];
  const tall = await openTerminal(t, bob.home, bob.env, { columns: 80, rows: 70 });
  await tall.command(`clear; ${JIT} approve ${other}`);
  const whole = await tall.shows(/\(y\/N\)/);
  assert.match(
    whole,
    /^permission\n {2}\{\n {4}"Version": "2012-10-17",\n {4}"Statement": \[\n {6}\{\n {8}"Effect": "Allow",$/m,
  );
  assert.match(whole, /^ {8}"Action": "s3:PutObject",$/m);
  assert.match(whole, /^reason +\S*\[2Jnot .*deef$/m);
  assert.doesNotMatch(whole, /\u202e/);
  assert.ok(whole.split('\n').every((line) => line.length <= 80));
});
