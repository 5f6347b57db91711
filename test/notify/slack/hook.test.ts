/**
 * Clicks in Slack, signed as Slack signs them, on messages that were really sent.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { JitError } from '../../../src/core/errors.ts';
import type { HookCall } from '../../../src/core/hook.ts';
import type { CastVote, Notice, RemoteVote } from '../../../src/core/notice.ts';
import type { PrincipalKey } from '../../../src/core/principal.ts';
import { Secret } from '../../../src/core/secret.ts';
import { makeCall } from '../../../src/outbound/call.ts';
import { makeSlackApi } from '../../../src/notify/slack/api.ts';
import { slackHook } from '../../../src/notify/slack/hook.ts';
import { slackNotifier } from '../../../src/notify/slack/notifier.ts';
import { slackPeople } from '../../../src/notify/slack/people.ts';
import { clickBody, type FakeSlack, type SlackPost, slackHeaders, startSlack } from '../../fakes/slack.ts';
import { sampleNotice, START } from '../samples.ts';

const GRACE = { issuer: 'https://id.example', subject: 'grace' };
const PEOPLE = slackPeople([{ team: 'T0000001', user: 'U0000001', ...GRACE }]);
const OLD_UNTIL = START + 3_600_000;

interface World {
  readonly slack: FakeSlack;
  readonly votes: { voter: PrincipalKey; vote: RemoteVote }[];
  /** Sends a notice, remembers its receipt. @returns the message. */
  send(notice: Notice): Promise<SlackPost>;
  /** Signs and calls. */
  call(body: string, headers?: Record<string, string>): Promise<void>;
  /** What was said to the person who clicked, waited for. */
  replies(count: number): Promise<readonly string[]>;
  vote: CastVote;
  at: number;
}

async function withHook(body: (world: World) => Promise<void>): Promise<void> {
  const slack = await startSlack();
  try {
    await body(makeWorld(slack));
  } finally {
    await slack.end();
  }
}

function makeWorld(slack: FakeSlack): World {
  const clock = { at: START };
  const receipts = new Map<string, string>();
  const votes: World['votes'] = [];
  const now = (): number => clock.at;
  const place = { api: slack.api, reach: 'private', token: new Secret(slack.token) } as const;
  const api = makeSlackApi(place, { post: makeCall(), now });
  const notifier = slackNotifier({ name: 'chat', channel: 'C0000001', approve: 'buttons', people: PEOPLE }, api);
  const hook = slackHook({
    secrets: [
      { secret: new Secret(slack.signingSecret), until: null },
      { secret: new Secret('the-old-secret'), until: OLD_UNTIL },
    ],
    people: PEOPLE,
    receiptOf: async (request) => receipts.get(request) ?? null,
    castVote: async (voter, vote) => {
      votes.push({ voter, vote });
      return world.vote(voter, vote);
    },
    call: api,
    now,
  });
  const world: World = {
    slack,
    votes,
    get at() {
      return clock.at;
    },
    set at(value) {
      clock.at = value;
    },
    vote: async () => ({ state: 'approved', why: 'approved by Grace', missing: 0 }),
    send: async (notice) => {
      const { id } = notice.request;
      const told = await notifier.deliver(notice, receipts.get(id) ?? null, AbortSignal.timeout(2_000));
      if (told.kind === 'delivered' && told.receipt !== null) receipts.set(id, told.receipt);
      const post = slack.posts.at(-1);
      assert.ok(post !== undefined);
      return post;
    },
    call: async (text, headers = slackHeaders(slack.signingSecret, Buffer.from(text, 'latin1'), world.at)) => {
      const call: HookCall = { header: (name) => headers[name] ?? null, body: Buffer.from(text, 'latin1') };
      await hook(call);
    },
    replies: async (count) => {
      const deadline = Date.now() + 5_000;
      const said = (): SlackPost[] => slack.posts.filter(({ method }) => method === 'chat.postEphemeral');
      while (said().length < count && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10));
      return said().map(
        (post) => `${post.channel} ${String(post.body['user'])} ${JSON.stringify(post.body['blocks'])}`,
      );
    },
  };
  return world;
}

const click = { action: 'jit_approve', user: 'U0000001', team: 'T0000001' } as const;
const refused = (code: string) => (thrown: unknown) => thrown instanceof JitError && thrown.code === code;

test('a click is a vote of the mapped person for exactly what the message showed, and only they are told what became of it', async () => {
  await withHook(async (world) => {
    const post = await world.send(sampleNotice());
    await world.call(clickBody({ ...click, post }));
    const { id: request, hash, policy } = sampleNotice().request;
    assert.deepEqual(world.votes, [
      { voter: GRACE, vote: { request, hash, policy, choice: 'approve', comment: null } },
    ]);
    const [reply] = await world.replies(1);
    assert.match(reply ?? '', /^C0000001 U0000001 .*The request is approved: approved by Grace/);
  });
});

test('the reply tells the truth: votes that are missing, decisions that were faster, refusals with their reason', async () => {
  await withHook(async (world) => {
    const post = await world.send(sampleNotice());
    const outcomes: [CastVote, RegExp][] = [
      [async () => ({ state: 'pending', why: '', missing: 1 }), /pending: 1 more approval is needed/],
      [async () => ({ state: 'pending', why: '', missing: 2 }), /pending: 2 more approvals are needed/],
      [
        async () => ({ state: 'denied', why: 'Mallory denied it: <!channel> evil.com', missing: 0 }),
        /denied: Mallory denied it: &lt;!channel&gt; evil\[\.\]com/,
      ],
      [
        async () => ({ state: 'timed-out', why: 'nobody decided in time', missing: 0 }),
        /timed-out: nobody decided in time/,
      ],
      [
        async () =>
          Promise.reject(new JitError({ code: 'ERR_DENIED', message: 'you may not approve your own request' })),
        /does not count: you may not approve your own request/,
      ],
      [
        async () =>
          Promise.reject(
            new JitError({ code: 'ERR_CONFLICT', message: 'the policy has changed', hint: 'look at it again' }),
          ),
        /does not count: the policy has changed \(look at it again\)/,
      ],
      [async () => Promise.reject(new TypeError('canary-detail')), /Something went wrong/],
    ];
    for (const [at, [vote, expected]] of outcomes.entries()) {
      world.vote = vote;
      // Another second for each, since a repeated signature is a replay.
      world.at = START + at * 1_000;
      await world.call(clickBody({ ...click, post, action: 'jit_deny' }));
      const reply = (await world.replies(at + 1)).at(-1) ?? '';
      assert.match(reply, expected);
      assert.doesNotMatch(reply, /canary/);
    }
    assert.deepEqual(
      new Set(world.votes.map(({ vote }) => `${vote.choice} ${vote.comment}`)),
      new Set(['deny denied in Slack']),
    );
  });
});

test('whoever is not mapped by workspace and user has no vote: another user, a guest, another workspace, the same name', async () => {
  await withHook(async (world) => {
    const post = await world.send(sampleNotice());
    const strangers = [
      { user: 'U0000002', team: 'T0000001' },
      { user: 'U0000001', team: 'T0000002' },
      // Somebody of a connected workspace clicks in a shared channel.
      { user: 'U0000001', team: 'T0000002', appTeam: 'T0000001' },
      // The payload says that the app is in another workspace than the user.
      { user: 'U0000001', team: 'T0000001', appTeam: 'T0000002' },
    ];
    world.slack.channels.add('C0000001');
    for (const [at, who] of strangers.entries()) {
      await world.call(clickBody({ ...click, ...who, post }));
      assert.match((await world.replies(at + 1)).at(-1) ?? '', /does not know who you are in Slack/);
    }
    await world.call(
      clickBody(
        { ...click, user: 'U0000003', post },
        { user: { id: 'U0000003', name: 'grace', username: 'grace', team_id: 'T0000001', email: 'grace@example.com' } },
      ),
    );
    await world.replies(strangers.length + 1);
    assert.deepEqual(world.votes, []);
  });
});

test('an app of a whole organisation has no workspace of its own: the one of the user counts', async () => {
  await withHook(async (world) => {
    const post = await world.send(sampleNotice());
    await world.call(clickBody({ ...click, post }, { team: null, is_enterprise_install: true }));
    assert.equal(world.votes.length, 1);
  });
});

test('an old message, a copy elsewhere, a message about something else and a made-up button vote for nothing', async () => {
  await withHook(async (world) => {
    const first = await world.send(sampleNotice());
    const again = sampleNotice(
      'approval-needed',
      { policy: 'p2' },
      { id: `${sampleNotice().request.id}_approval-needed_2` },
    );
    await world.send(again);
    const fresh = world.slack.posts.findLast(({ method }) => method === 'chat.postMessage');
    assert.ok(fresh !== undefined);
    const bodies = [
      clickBody({ ...click, post: first }),
      clickBody({ ...click, post: { ...fresh, ts: first.ts } }),
      clickBody({ ...click, post: { ...fresh, channel: 'C0000009' } }),
      clickBody({ ...click, post: fresh }, { actions: [{ action_id: 'jit_approve', type: 'button', value: 'req_x' }] }),
      clickBody(
        { ...click, post: fresh },
        { actions: [{ action_id: 'jit_approve', type: 'button', value: `${again.request.id}_approval-needed_9` }] },
      ),
    ];
    world.slack.channels.add('C0000009');
    for (const [at, body] of bodies.entries()) {
      await world.call(body);
      assert.match((await world.replies(at + 1)).at(-1) ?? '', /out of date/);
    }
    assert.deepEqual(world.votes, []);
    await world.send(sampleNotice('cancelled'));
    await world.call(clickBody({ ...click, post: fresh }));
    assert.match((await world.replies(bodies.length + 1)).at(-1) ?? '', /out of date/);
    assert.deepEqual(world.votes, []);
  });
});

test('a call with a bad, missing, old, early or repeated signature is refused before anything is read', async () => {
  await withHook(async (world) => {
    const post = await world.send(sampleNotice());
    const body = clickBody({ ...click, post });
    const good = slackHeaders(world.slack.signingSecret, body, START);
    const signature = good['x-slack-signature'] ?? '';
    const bad: Record<string, string>[] = [
      {},
      { ...good, 'x-slack-signature': '' },
      { ...good, 'x-slack-signature': signature.slice(0, -1) },
      { ...good, 'x-slack-signature': `${signature}0` },
      { ...good, 'x-slack-signature': `v0=${signature.slice(3).toUpperCase()}` },
      { ...good, 'x-slack-signature': signature.replace('v0=', 'v1=') },
      { ...good, 'x-slack-signature': `v0=${'0'.repeat(64)}` },
      { ...good, 'x-slack-request-timestamp': String(START / 1_000 + 1) },
      { ...good, 'x-slack-request-timestamp': `${START / 1_000}.0` },
      { ...good, 'x-slack-request-timestamp': '-1' },
      slackHeaders(world.slack.signingSecret, body, START - 301_000),
      slackHeaders(world.slack.signingSecret, body, START + 301_000),
      slackHeaders('another secret', body, START),
      slackHeaders(world.slack.signingSecret, `${body}&`, START),
    ];
    for (const headers of bad)
      await assert.rejects(world.call(body, headers), refused('ERR_NOT_SIGNED_IN'), JSON.stringify(headers));
    assert.deepEqual(world.votes, []);
    await world.call(body, good);
    for (const later of [0, 1_000, 299_000, 300_000]) {
      world.at = START + later;
      await assert.rejects(world.call(body, good), refused('ERR_NOT_SIGNED_IN'));
    }
    assert.equal(world.votes.length, 1);
  });
});

test('two secrets are good while they change over, and the old one stops at its time', async () => {
  await withHook(async (world) => {
    const post = await world.send(sampleNotice());
    const body = clickBody({ ...click, post });
    await world.call(body, slackHeaders('the-old-secret', body, START));
    await world.call(body, slackHeaders(world.slack.signingSecret, body, START));
    world.at = OLD_UNTIL;
    await assert.rejects(
      world.call(body, slackHeaders('the-old-secret', body, OLD_UNTIL)),
      refused('ERR_NOT_SIGNED_IN'),
    );
    await world.call(body, slackHeaders(world.slack.signingSecret, body, OLD_UNTIL));
    assert.equal(world.votes.length, 3);
  });
});

test('signed calls that are no click on a vote do nothing, and signed nonsense is refused', async () => {
  await withHook(async (world) => {
    const post = await world.send(sampleNotice());
    const payload = (value: object): string => new URLSearchParams({ payload: JSON.stringify(value) }).toString();
    await world.call(clickBody({ ...click, post, action: 'jit_open' }));
    await world.call(payload({ type: 'view_submission', user: { id: 'U0000001' } }));
    await world.call(clickBody({ ...click, post }, { actions: [] }));
    const two = [
      { action_id: 'jit_approve', value: 'a' },
      { action_id: 'jit_deny', value: 'a' },
    ];
    await world.call(clickBody({ ...click, post }, { actions: two }));
    await world.call(clickBody({ ...click, post }, { actions: [{ action_id: '__proto__', value: 'a' }] }));
    await world.call(clickBody({ ...click, post }, { container: { type: 'view', view_id: 'V1' } }));
    for (const body of [
      '',
      'payload=',
      'payload=%7B',
      'payload=1',
      'payload=[]',
      'x=1',
      'payload={}&payload={}',
      '\xff\xfe',
      `payload=${'['.repeat(500)}`,
      payload({ type: 1 }),
    ]) {
      await assert.rejects(world.call(body), refused('ERR_BODY'), body);
    }
    assert.deepEqual(world.votes, []);
    assert.deepEqual(
      world.slack.posts.filter(({ method }) => method === 'chat.postEphemeral'),
      [],
    );
  });
});

test('random bodies and headers never get further than a refusal', async () => {
  await withHook(async (world) => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), fc.boolean(), async (text, isSigned) => {
        const latin = Buffer.from(text).toString('latin1');
        const headers = isSigned
          ? slackHeaders(world.slack.signingSecret, Buffer.from(latin, 'latin1'), (world.at += 1_000))
          : {};
        await assert.rejects(world.call(latin, headers), refused(isSigned ? 'ERR_BODY' : 'ERR_NOT_SIGNED_IN'));
      }),
      { numRuns: 300 },
    );
    assert.deepEqual(world.votes, []);
  });
});

test('a vote that takes long, and a Slack that does not answer, hold up no reply', async () => {
  await withHook(async (world) => {
    const post = await world.send(sampleNotice());
    let finish: () => void = () => undefined;
    world.vote = async () =>
      new Promise((resolve) => {
        finish = () => resolve({ state: 'pending', why: '', missing: 1 });
      });
    await world.call(clickBody({ ...click, post }));
    assert.deepEqual(await world.replies(0), []);
    finish();
    assert.equal((await world.replies(1)).length, 1);
  });
});

test('the address that Slack sends along for replies is never called', async () => {
  await withHook(async (world) => {
    const post = await world.send(sampleNotice());
    const other = await startSlack();
    try {
      await world.call(clickBody({ ...click, post }, { response_url: `${other.api}/steal` }));
      await world.replies(1);
      assert.deepEqual(other.seen, []);
    } finally {
      await other.end();
    }
  });
});
