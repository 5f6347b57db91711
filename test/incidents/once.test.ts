/**
 * Events that are told at least once are heard once.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeOnce } from '../../src/incidents/once.ts';

test('an event is heard once, however often it comes, and again only when it may be forgotten', async () => {
  let at = 0;
  const once = makeOnce(() => at, 1_000);
  const heard: string[] = [];
  const hear = async (event: string): Promise<void> => once(event, async () => void heard.push(event));
  await hear('a');
  for (at = 0; at < 1_000; at += 100) await hear('a');
  assert.deepEqual(heard, ['a']);
  at = 1_500;
  await hear('a');
  await hear('b');
  assert.deepEqual(heard, ['a', 'b']);
  at = 10_000;
  await hear('a');
  assert.deepEqual(heard, ['a', 'b', 'a']);
});

test('more events than there is room for are heard: the oldest are forgotten early, and none is lost', async () => {
  const once = makeOnce(() => 0, 1_000, 10);
  let heard = 0;
  for (let n = 0; n < 100; n++) await once(String(n), async () => void heard++);
  assert.equal(heard, 100);
  await once('99', async () => assert.fail('just heard'));
});

test('one that failed is as if it had never come, for all who brought it', async () => {
  const once = makeOnce(() => 0, 1_000);
  const fails = async (): Promise<void> => Promise.reject(new RangeError('no'));
  const both = await Promise.allSettled([once('a', fails), once('a', async () => assert.fail('not twice at once'))]);
  assert.deepEqual(
    both.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  let heard = 0;
  await once('a', async () => void heard++);
  assert.equal(heard, 1);
});
