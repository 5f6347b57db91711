/**
 * From the configuration to a message in Slack and back to a vote: real files, a real store, real HTTP on both sides.
 * @module
 */
import assert from 'node:assert/strict';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { notifySchema } from '../../../src/broker/config/notify.ts';
import { composeNotice } from '../../../src/broker/notices/compose.ts';
import { openNotifiers, type OpenedNotifiers } from '../../../src/broker/notices/open.ts';
import { addressed } from '../../../src/broker/notices/route.ts';
import { readSecretFile } from '../../../src/broker/notices/secret-file.ts';
import { JitError } from '../../../src/core/errors.ts';
import type { RemoteVote } from '../../../src/core/notice.ts';
import type { PrincipalKey } from '../../../src/core/principal.ts';
import { clickBody, slackHeaders, startSlack } from '../../fakes/slack.ts';
import { startReceiver } from '../../outbound/receiver.ts';
import { sampleNotice } from '../../notify/samples.ts';
import { inFolder } from '../store/places.ts';
import { bot, req, sampleRequest, START, submission } from '../store/samples.ts';
import { settled, withWorld, type World } from './world.ts';

const isConfigError = (thrown: unknown): boolean =>
  thrown instanceof JitError && thrown.code === 'ERR_CONFIG' && !thrown.message.includes('canary');

test('a secret is read from a file that is only its own, and from no other', async () => {
  await inFolder(async (folder) => {
    const file = join(folder, 'secret');
    await writeFile(file, 'canary secret\n', { mode: 0o600 });
    assert.equal((await readSecretFile(file)).expose(), 'canary secret');
    await symlink(file, join(folder, 'link'));
    assert.equal((await readSecretFile(join(folder, 'link'))).expose(), 'canary secret');
    for (const mode of [0o640, 0o604, 0o660, 0o644]) {
      await chmod(file, mode);
      await assert.rejects(readSecretFile(file), isConfigError, mode.toString(8));
    }
    await chmod(file, 0o600);
    for (const text of [
      '',
      '\n',
      'canary\ncanary\n',
      ' canary',
      'canary ',
      'canary\u0000',
      'canäry',
      'x'.repeat(9_000),
    ]) {
      await writeFile(file, text);
      await assert.rejects(
        readSecretFile(file),
        (thrown: unknown) => thrown instanceof JitError && !thrown.message.includes('canary'),
        text.slice(0, 20),
      );
    }
    await mkdir(join(folder, 'folder'));
    for (const name of ['missing', 'folder']) await assert.rejects(readSecretFile(join(folder, name)), isConfigError);
  });
});

interface Setup {
  readonly opened: OpenedNotifiers;
  readonly votes: { voter: PrincipalKey; vote: RemoteVote }[];
}

async function open(folder: string, entries: Readonly<Record<string, object>>, world: World): Promise<Setup> {
  const votes: Setup['votes'] = [];
  const config = new Map(Object.entries(entries).map(([name, entry]) => [name, notifySchema.parse(entry)] as const));
  const opened = await openNotifiers({
    config,
    beside: (file) => join(folder, file),
    store: world.store,
    castVote: async (voter, vote) => {
      votes.push({ voter, vote });
      return { state: 'pending', why: '', missing: 1 };
    },
    now: world.now,
  });
  return { opened, votes };
}

test('a stored request is told in Slack, a click on it is a vote, and the decision changes the message', async () => {
  await inFolder(async (folder) => {
    const slack = await startSlack();
    const hooked = await startReceiver();
    try {
      await writeFile(join(folder, 'token'), slack.token, { mode: 0o600 });
      await writeFile(join(folder, 'signing'), slack.signingSecret, { mode: 0o600 });
      await writeFile(join(folder, 'hook'), `whsec_${Buffer.alloc(32, 9).toString('base64')}\n`, { mode: 0o600 });
      await withWorld(async (world) => {
        const people = [{ team: 'T0000001', user: 'U0000001', issuer: 'https://id.example', subject: 'grace' }];
        const chat = {
          type: 'slack',
          token: { file: 'token' },
          channel: 'C0000001',
          api: slack.api,
          allow_private_addresses: true,
          approve: 'buttons',
          signing_secrets: [{ file: 'signing' }],
          people,
          on: ['approval-needed'],
        };
        const audit = { type: 'webhook', url: hooked.url, allow_private_addresses: true, secrets: [{ file: 'hook' }] };
        const { opened, votes } = await open(folder, { chat, audit }, world);
        assert.deepEqual([...opened.hooks.keys()], ['chat']);
        const delivery = world.start(opened.notifiers);
        const change = submission({ number: 1, decision: { tier: 'manual', quorum: [{ group: null, approvers: 1 }] } });
        const { request, hash, decision } = change.request;
        const event = { at: START, request, hash, grant: null, risk: 'low', access: 'read', url: null } as const;
        const targets = new Map([['prod', { environment: 'production' }]]);
        const asked = composeNotice({ ...event, kind: 'approval-needed', serial: 1, decision, by: [] }, targets);
        await world.store.commit({ ...change, notices: [addressed(asked, opened.routes)] });
        delivery.wake();
        await settled(() => assert.deepEqual([slack.posts.length, hooked.received.length], [1, 1]));
        await settled(async () => assert.notEqual(await world.store.noticeReceipt('chat', request.id), null));
        const [post] = slack.posts;
        assert.ok(post !== undefined);
        const body = clickBody({ post, action: 'jit_approve', user: 'U0000001', team: 'T0000001' });
        const headers = slackHeaders(slack.signingSecret, body, world.now());
        await opened.hooks.get('chat')?.({ header: (name) => headers[name] ?? null, body: Buffer.from(body) });
        const { policy } = decision;
        const seen = { request: request.id, hash, policy, choice: 'approve', comment: null };
        assert.deepEqual(votes, [{ voter: { issuer: 'https://id.example', subject: 'grace' }, vote: seen }]);
        // Not among what `on` names, but a message with buttons has to lose them.
        const told = { ...decision, state: 'approved', why: 'approved by Grace' } as const;
        const approved = composeNotice(
          { ...event, kind: 'approved', serial: 2, decision: told, by: ['Grace'] },
          targets,
        );
        await world.store.commit({ entries: [], notices: [addressed(approved, opened.routes)] });
        delivery.wake();
        await settled(() => assert.match(JSON.stringify(slack.shown.get(post.ts)?.body), /access request: approved/));
        assert.doesNotMatch(JSON.stringify([...slack.shown.values()]), /jit_approve/);
        const everything = JSON.stringify([
          slack.seen,
          hooked.received.map((one) => one.body),
          world.lines,
          opened,
          await world.store.entries({ from: 0, limit: 100 }),
        ]);
        assert.doesNotMatch(everything, /canary|whsec_/);
      });
    } finally {
      await slack.end();
      await hooked.end();
    }
  });
});

test('secrets of the wrong form, and a webhook address that leads astray, stop the start', async () => {
  await inFolder(async (folder) => {
    await withWorld(async (world) => {
      const file = 'secret';
      for (const [text, entry] of [
        ['canary', { type: 'webhook', url: 'https://audit.example/', secrets: [{ file }] }],
        ['http://canary.example/', { type: 'teams', url: { file } }],
        ['https://127.0.0.1/canary', { type: 'teams', url: { file } }],
        ['canary canary', { type: 'teams', url: { file } }],
      ] as const) {
        await writeFile(join(folder, file), text, { mode: 0o600 });
        await assert.rejects(open(folder, { it: entry }, world), isConfigError, text);
      }
    });
  });
});

test('a notice goes to those who are told its kind and whose groups may decide', () => {
  const route = (name: string, groups: readonly string[] | null) => ({
    name,
    on: new Set(['approval-needed'] as const),
    groups: groups === null ? null : new Set(groups),
  });
  const routes = [route('all', null), route('sre', ['sre-leads']), route('dba', ['dba'])];
  const names = (
    quorum: { group: string | null; approvers: number }[],
    kind: 'approval-needed' | 'denied' = 'approval-needed',
  ) => addressed(sampleNotice(kind, { quorum }), routes).notifiers;
  assert.deepEqual(names([{ group: 'sre-leads', approvers: 1 }]), ['all', 'sre']);
  assert.deepEqual(
    names([
      { group: 'sre-leads', approvers: 1 },
      { group: 'dba', approvers: 1 },
    ]),
    ['all', 'sre', 'dba'],
  );
  assert.deepEqual(names([{ group: null, approvers: 1 }]), ['all', 'sre', 'dba'], 'anybody may decide');
  assert.deepEqual(names([]), ['all']);
  assert.deepEqual(names([{ group: 'sre-leads', approvers: 1 }], 'denied'), []);
});

test('a notice says who asked for whom and where, and knows nothing of groups and keys of people', () => {
  const request = { ...sampleRequest({ number: 1, requester: bot }) };
  const decision = { state: 'denied', tier: 'manual', why: 'no', policy: 'p1', quorum: [], deadline: null } as const;
  const state = { name: 'closed', reason: 'revoked', closedAt: START } as const;
  const grant = {
    id: 'gr_00000000000000000000000001',
    requestId: req(1),
    seconds: 600,
    renewals: 0,
    idleSeconds: null,
    state,
    legs: [],
  } as const;
  const told = {
    kind: 'ended',
    at: START,
    serial: 3,
    request,
    hash: 'h',
    decision,
    grant,
    by: [],
    risk: null,
    access: null,
    url: null,
  } as const;
  const notice = composeNotice(told, new Map());
  assert.equal(notice.request.requester.actsFor?.name, 'Ada Lovelace');
  assert.equal(notice.request.permissions[0]?.environment, '?');
  assert.deepEqual(notice.grant, { id: grant.id, expiresAt: null, reason: 'revoked' });
  assert.equal(notice.id, `${req(1)}_ended_3`);
  assert.doesNotMatch(JSON.stringify(notice), /on-call|personKey/);
});
