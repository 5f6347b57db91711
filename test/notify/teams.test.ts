/**
 * Microsoft Teams over real HTTP, and what the answer to a POST means.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret } from '../../src/core/secret.ts';
import { teamsMessage } from '../../src/notify/teams/card.ts';
import { teamsNotifier } from '../../src/notify/teams/notifier.ts';
import { verdictOf } from '../../src/notify/verdict.ts';
import { makeCall } from '../../src/outbound/call.ts';
import { withReceiver } from '../outbound/receiver.ts';
import { glassNotice, sampleNotice, START } from './samples.ts';

const ANSWERED = {
  kind: 'answered',
  status: 200,
  retryAfter: null,
  rateLimitReset: null,
  type: null,
  text: '',
} as const;
const soon = (): AbortSignal => AbortSignal.timeout(3_000);

test('a message that would be refused for ever is given up, everything else is tried again', () => {
  const verdicts = (statuses: readonly number[]): Set<string> =>
    new Set(statuses.map((status) => verdictOf({ ...ANSWERED, status }, START).kind));
  assert.deepEqual(verdicts([200, 201, 202, 204]), new Set(['delivered']));
  assert.deepEqual(verdicts([400, 410, 413, 414, 415, 422]), new Set(['refused']));
  assert.deepEqual(verdicts([0, 100, 304, 401, 403, 404, 408, 409, 429, 500, 502, 503, 504]), new Set(['later']));
});

test('Teams gets one card, and an answer that it does not take the card is told', async () => {
  await withReceiver(async (receiver) => {
    const settings = { name: 'teams', url: new Secret(`${receiver.url}?sig=canary`), reach: 'private' } as const;
    const notifier = teamsNotifier(settings, { post: makeCall(), now: () => START });
    receiver.next.push({ status: 202 }, { status: 429, headers: { 'retry-after': '7' } }, { status: 400 });
    assert.deepEqual(await notifier.deliver(sampleNotice(), null, soon()), { kind: 'delivered', receipt: null });
    const later = await notifier.deliver(sampleNotice(), null, soon());
    assert.deepEqual(later, { kind: 'later', afterMs: 7_000, problem: 'it answered with status 429' });
    const refused = await notifier.deliver(sampleNotice(), null, soon());
    assert.deepEqual(refused, { kind: 'refused', problem: 'it answered with status 400' });
    const [first] = receiver.received;
    assert.equal(first?.path, '/in?sig=canary');
    // Safe: the assertion fails for another shape.
    const { type, attachments } = JSON.parse(first.body) as {
      type: string;
      attachments: { contentType: string; content: { actions: object[] } }[];
    };
    assert.equal(type, 'message');
    assert.equal(attachments[0]?.contentType, 'application/vnd.microsoft.card.adaptive');
    assert.deepEqual(attachments[0].content.actions, [
      { type: 'Action.OpenUrl', title: 'Open at the broker', url: sampleNotice().url },
    ]);
    assert.doesNotMatch(JSON.stringify([first.body, later, refused, notifier]), /canary/);
  });
});

test('emergency access stands out in Teams, and nothing else does', () => {
  assert.match(JSON.stringify(teamsMessage(glassNotice())), /"text":"BREAK-GLASS[^}]*"color":"Attention"/);
  for (const notice of [sampleNotice(), glassNotice('review-open')]) {
    assert.doesNotMatch(JSON.stringify(teamsMessage(notice)), /Attention/);
  }
});
