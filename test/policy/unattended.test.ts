/**
 * Votes that nobody was asked for: only where every permit that gives the vote says so, whatever else is written.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Principal } from '../../src/core/principal.ts';
import { ask, JANE, load, PROD } from './questions.ts';

const APPROVE = 'action == Jit::Action::"Approve"';
const MAX: Principal = { ...JANE, subject: 'max', name: 'Max', groups: ['leads'] };
const LOUD = '@unattended("yes")';
const anybody = `permit (principal, ${APPROVE}, resource);`;
const leads = `permit (principal in Jit::Group::"leads", ${APPROVE}, resource);`;

const may = async (text: string, question = ask()): Promise<readonly [boolean, boolean]> => {
  const set = await load(text);
  return [set.approves(MAX, question), set.approves(MAX, question, 'unattended')];
};

test('an unattended vote counts where the permit says so, and an attended one needs no such word', async () => {
  assert.deepEqual(await may(anybody), [true, false]);
  assert.deepEqual(await may(`${LOUD} ${anybody}`), [true, true]);
  assert.deepEqual(await may(''), [false, false]);
});

test('each permit that lets somebody vote has to say so, wherever it stands; those that do not match count for nothing', async () => {
  for (const both of [`${LOUD} ${anybody}\n${leads}`, `${leads}\n${LOUD} ${anybody}`]) {
    assert.deepEqual(await may(both), [true, false]);
  }
  assert.deepEqual(await may(`${LOUD} ${anybody}\n${LOUD} ${leads}`), [true, true]);
  const others = `permit (principal in Jit::Group::"others", ${APPROVE}, resource);`;
  assert.deepEqual(await may(`${LOUD} ${anybody}\n${others}`), [true, true]);
  // Whether this one matches the engine alone can say.
  const sum = `permit (principal, ${APPROVE}, resource) when { context.seconds + 1 > 1 };`;
  assert.deepEqual(await may(`${LOUD} ${anybody}\n${sum}`), [true, false]);
});

test('every pair of permission and resource needs it, and a forbid wins as ever', async () => {
  const on = (which: string): string =>
    `permit (principal, ${APPROVE}, resource) when { context.resource == "${which}" };`;
  const two = ask({
    permission: { target: PROD.name, operation: 'x', actions: ['s3:GetObject'], resources: ['a', 'b'] },
  });
  assert.deepEqual(await may(`${LOUD} ${on('a')}\n${LOUD} ${on('b')}`, two), [true, true]);
  assert.deepEqual(await may(`${LOUD} ${on('a')}\n${on('b')}`, two), [true, false]);
  assert.deepEqual(await may(`${LOUD} ${anybody} forbid (principal, ${APPROVE}, resource);`), [false, false]);
});

test('anywhere else, and with any other word, the set is refused', async () => {
  for (const [text, problem] of [
    [`@unattended("no") ${anybody}`, /@unattended\("no"\): the only thing it can be is "yes"/],
    [`@unattended ${anybody}`, /@unattended\(""\): the only thing it can be is "yes"/],
    [`@unatended("yes") ${anybody}`, /unknown annotation @unatended, did you mean @unattended\?/],
    [`${LOUD} forbid (principal, ${APPROVE}, resource);`, /@unattended has a meaning only on a permit on Approve/],
    [
      `${LOUD} @tier("auto") permit (principal, action == Jit::Action::"Request", resource);`,
      /@unattended has a meaning only on a permit on Approve/,
    ],
    [
      `${LOUD} permit (principal, action == Jit::Action::"Revoke", resource);`,
      /@unattended has a meaning only on a permit on Approve/,
    ],
  ] as const) {
    await assert.rejects(load(text), { message: problem }, text);
  }
});
