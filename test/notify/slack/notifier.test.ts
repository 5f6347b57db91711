/**
 * Messages in Slack, sent to a server that behaves as Slack's documentation says.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Delivery, Notice, Notifier } from '../../../src/core/notice.ts';
import { Secret } from '../../../src/core/secret.ts';
import { makeCall } from '../../../src/outbound/call.ts';
import { makeSlackApi } from '../../../src/notify/slack/api.ts';
import { slackNotifier, type SlackSettings } from '../../../src/notify/slack/notifier.ts';
import { slackPeople } from '../../../src/notify/slack/people.ts';
import { type FakeSlack, type SlackPost, startSlack } from '../../fakes/slack.ts';
import { glassNotice, sampleNotice, START } from '../samples.ts';

const PEOPLE = [{ team: 'T0000001', user: 'U0000001', issuer: 'https://id.example', subject: 'ada' }];

async function withSlack(
  over: Partial<SlackSettings>,
  body: (
    slack: FakeSlack,
    tell: (notice: Notice, earlier?: string | null) => Promise<Delivery>,
    notifier: Notifier,
  ) => Promise<void>,
): Promise<void> {
  const slack = await startSlack();
  const place = { api: slack.api, reach: 'private', token: new Secret(slack.token) } as const;
  const call = makeSlackApi(place, { post: makeCall(), now: () => START });
  const settings = {
    name: 'chat',
    channel: 'C0000001',
    approve: 'buttons',
    people: slackPeople(PEOPLE),
    ...over,
  } as const;
  const notifier = slackNotifier(settings, call);
  try {
    await body(
      slack,
      async (notice, earlier = null) => notifier.deliver(notice, earlier, AbortSignal.timeout(2_000)),
      notifier,
    );
  } finally {
    await slack.end();
  }
}

function receiptOf(delivery: Delivery): string {
  assert.equal(delivery.kind, 'delivered');
  assert.ok(delivery.kind === 'delivered' && delivery.receipt !== null);
  return delivery.receipt;
}

const buttonsOf = (post: SlackPost | undefined): string[] =>
  [...JSON.stringify(post?.body).matchAll(/"action_id":"(\w+)"/g)].map((match) => match[1] ?? '');

test('a request becomes a message with buttons and a link, and is changed in place when it is decided', async () => {
  await withSlack({}, async (slack, tell) => {
    const receipt = receiptOf(await tell(sampleNotice()));
    const [asked] = slack.posts;
    assert.equal(asked?.method, 'chat.postMessage');
    assert.deepEqual(buttonsOf(asked), ['jit_approve', 'jit_deny', 'jit_open']);
    assert.match(JSON.stringify(asked.body), /deploy-web.*production.*roll out the new page/);
    const after = receiptOf(await tell(sampleNotice('approved'), receipt));
    assert.equal(slack.shown.size, 1);
    const now = slack.shown.get(asked.ts);
    assert.deepEqual(buttonsOf(now), ['jit_open']);
    assert.match(JSON.stringify(now?.body), /access request: approved.*Grace/);
    assert.doesNotMatch(after, /approval-needed/, 'its buttons are forgotten');
  });
});

test('grave requests, requests that are not shown whole, and other tiers have no buttons', async () => {
  await withSlack({}, async (slack, tell) => {
    const overs = [
      { risk: 'high' },
      { risk: null },
      { access: 'permissions' },
      { access: null },
      { tier: 'break-glass' },
      { tier: 'self-serve' },
      { reason: 'x'.repeat(700) },
    ] as const;
    for (const over of overs) {
      await tell(sampleNotice('approval-needed', over));
      assert.deepEqual(buttonsOf(slack.posts.at(-1)), ['jit_open'], JSON.stringify(over));
    }
  });
  await withSlack({ approve: 'page' }, async (slack, tell) => {
    await tell(sampleNotice());
    assert.deepEqual(buttonsOf(slack.posts.at(-1)), ['jit_open']);
  });
});

test('in an emergency each notice is a message of its own, without buttons that vote, and what is over is changed', async () => {
  await withSlack({}, async (slack, tell) => {
    const first = receiptOf(await tell(glassNotice()));
    const [given] = slack.posts;
    assert.match(JSON.stringify(given?.body), /BREAK-GLASS: emergency access WITHOUT APPROVAL/);
    assert.deepEqual(buttonsOf(given), ['jit_open']);
    await tell(glassNotice('incident-closing'), first);
    await tell(sampleNotice('ended'), first);
    await tell(glassNotice('review-open'), first);
    const shown = [...slack.shown.values()].map(({ body }) => JSON.stringify(body));
    assert.equal(shown.length, 3);
    assert.match(shown[0] ?? '', /access has ended/);
    assert.match(shown[1] ?? '', /ends.*2027-01-15 08:01:30 UTC/);
    assert.match(shown[2] ?? '', /a review is needed/);
  });
});

test('what is asked anew is a new message, and the old one loses its buttons', async () => {
  await withSlack({}, async (slack, tell) => {
    const first = receiptOf(await tell(sampleNotice()));
    const again = receiptOf(
      await tell({ ...sampleNotice(), id: `${sampleNotice().request.id}_approval-needed_2` }, first),
    );
    assert.notEqual(again, first);
    const [old, fresh] = [...slack.shown.values()];
    assert.deepEqual(buttonsOf(old), ['jit_open']);
    assert.match(JSON.stringify(old?.body), /asked anew/);
    assert.deepEqual(buttonsOf(fresh), ['jit_approve', 'jit_deny', 'jit_open']);
  });
});

test('a message that somebody has deleted is replaced', async () => {
  await withSlack({}, async (slack, tell) => {
    const receipt = receiptOf(await tell(sampleNotice()));
    slack.shown.clear();
    receiptOf(await tell(sampleNotice('denied'), receipt));
    assert.equal(slack.posts.at(-1)?.method, 'chat.postMessage');
  });
});

test('a stuck revocation is always a message of its own', async () => {
  await withSlack({}, async (slack, tell) => {
    const receipt = receiptOf(await tell(sampleNotice()));
    assert.deepEqual(await tell(sampleNotice('stuck'), receipt), { kind: 'delivered', receipt: null });
    assert.equal(slack.shown.size, 2);
  });
});

test('a requester is told in person if listed, also for what their agent asked, and nobody else is', async () => {
  await withSlack({ channel: null }, async (slack, tell) => {
    assert.deepEqual(await tell(sampleNotice('approved')), { kind: 'delivered', receipt: null });
    assert.equal(slack.posts[0]?.channel, 'U0000001');
    const { requester } = sampleNotice().request;
    const agent = { ...requester, kind: 'agent', subject: 'bot', actsFor: requester } as const;
    await tell(sampleNotice('approved', { requester: agent }));
    assert.equal(slack.posts.length, 2);
    await tell(sampleNotice('approved', { requester: { ...requester, subject: 'ADA' } }));
    await tell(sampleNotice('approved', { requester: { ...requester, issuer: 'https://other.example' } }));
    assert.equal(slack.posts.length, 2);
  });
});

test('a rate limit is waited for as long as Slack asks, faults pass, and what is configured wrongly is final', async () => {
  await withSlack({}, async (slack, tell) => {
    slack.next.push({ status: 429, headers: { 'retry-after': '30' } });
    assert.deepEqual(await tell(sampleNotice()), {
      kind: 'later',
      afterMs: 30_000,
      problem: 'it answered with status 429',
    });
    for (const error of ['ratelimited', 'internal_error', 'service_unavailable', 'request_timeout']) {
      slack.next.push({ error });
      assert.equal((await tell(sampleNotice())).kind, 'later', error);
    }
    slack.next.push({ status: 503 });
    assert.equal((await tell(sampleNotice())).kind, 'later');
    for (const error of [
      'channel_not_found',
      'not_in_channel',
      'is_archived',
      'invalid_auth',
      'token_revoked',
      'invalid_blocks',
    ]) {
      slack.next.push({ error });
      assert.deepEqual(await tell(sampleNotice()), { kind: 'refused', problem: `Slack says ${error}` });
    }
    slack.next.push({ error: 'x\n<script>' });
    assert.deepEqual(await tell(sampleNotice()), { kind: 'refused', problem: 'Slack refuses it' });
    slack.channels.clear();
    assert.deepEqual(await tell(sampleNotice()), { kind: 'refused', problem: 'Slack says channel_not_found' });
  });
});

test('the token goes into the header and nowhere else', async () => {
  await withSlack({}, async (slack, tell, notifier) => {
    const told = [await tell(sampleNotice())];
    slack.next.push({ error: 'invalid_auth' });
    told.push(await tell(sampleNotice()));
    assert.equal(slack.posts.length, 1, 'it was good');
    assert.doesNotMatch([...slack.seen, JSON.stringify([told, notifier])].join(), /canary/);
  });
});
