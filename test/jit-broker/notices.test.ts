/**
 * People are told of requests and decide in Slack, with the program jit-broker, the certified oidc-provider, a mail server and the
 * official library of signed webhooks, each real; Slack is a stand-in that speaks as Slack does.
 * @module
 */
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { slackHeaders } from '../fakes/slack.ts';
import { type Received, startReceiver } from '../outbound/receiver.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/port.ts';
import { skipUnless } from '../support/tools.ts';
import {
  HOOK_SECRET,
  inStore,
  type Newsroom,
  PASSWORD,
  startNewsroom,
  UNKNOWN_USER,
  USERS,
  waiting,
} from './newsroom.ts';

const NEEDS = { skip: skipUnless('openssl') };
const SLOW = { deadlineMs: 90_000 };

/** What the receiver gets out of it. Throws where the signature is not good. */
function verified({ body, headers }: Received): { readonly type: string; readonly data: { readonly url: string } } {
  const plain = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
  new Webhook(HOOK_SECRET).verify(body, plain);
  return JSON.parse(body);
}

const typesOf = (received: readonly Received[]): string[] => received.map((each) => verified(each).type);

/** Everything that has left the broker for those who are told, its log, and what it keeps. */
function everything({ slack, hook, mails, broker }: Newsroom): string {
  const kept = inStore(broker, (database) => [
    database.prepare('SELECT line FROM entries').all(),
    database.prepare('SELECT * FROM notices').all(),
    database.prepare('SELECT * FROM notice_receipts').all(),
  ]);
  return JSON.stringify([slack.seen, hook?.received, mails, broker.log(), kept]);
}

test(
  'a request is told in Slack, to a webhook and by mail; a click there approves it, and each step is told',
  NEEDS,
  async (t) => {
    const w = await startNewsroom(t);
    const [alice] = [await w.signedIn('alice'), await w.signedIn('bob')];
    const { id, state } = await alice.ask('mend the report, see https://evil.example');
    assert.equal(state, 'pending');
    const url = `https://jit.example/web/requests/${id}`;
    const post = await w.message(id, /approval needed/);
    assert.ok(JSON.stringify(post.body).includes(url));
    await eventually(() => w.hook?.received.length === 1 && w.mails.length === 1, SLOW);
    const [received] = w.hook?.received ?? [];
    assert.ok(received !== undefined);
    const hooked = verified(received);
    assert.deepEqual([hooked.type, hooked.data.url], ['jit.approval-needed', url]);
    assert.match(w.mails[0] ?? '', /^leads@example\.com\n/);
    assert.ok(w.mails[0]?.includes(url));
    const page = await fetch(`${w.broker.url}/web/requests/${id}`, { redirect: 'manual' });
    assert.notEqual(page.status, 404, 'the page that is told of is there');

    assert.equal(await w.call(await w.click(post, 'jit_approve', USERS.bob)), 200);
    const [said] = await w.replies(USERS.bob, 1);
    assert.match(said ?? '', /The request is approved: approved by bob\[?\.\]?ross/);
    assert.equal(await alice.state(id), 'approved');
    const after = await w.message(id, /access request: approved/);
    assert.equal(after.ts, post.ts, 'the same message');
    assert.doesNotMatch(JSON.stringify(after.body), /jit_approve|jit_deny/);
    const [vote] = w.broker.entries('request.voted');
    assert.deepEqual([vote?.actor['subject'], vote?.data['choice'], vote?.data['attended']], ['bob', 'approve', true]);
    await eventually(() => w.mails.length === 2, SLOW);
    assert.match(w.mails[1] ?? '', /^alice@example\.com\n/);

    const issued = await alice.fresh(`/v1/requests/${id}/issue`);
    assert.equal(issued.status, 200, JSON.stringify(issued.body));
    const { grant } = JSON.parse(JSON.stringify(issued.body));
    const given = await alice.fresh(`/v1/grants/${grant.id}/credentials`);
    const { secretAccessKey, sessionToken } = JSON.parse(JSON.stringify(given.body)).credentials[0].secret;
    assert.equal((await alice.call('POST', `/v1/grants/${grant.id}/revoke`, { reason: 'completed' })).status, 200);
    await eventually(() => w.hook?.received.length === 4, SLOW);
    assert.deepEqual(typesOf(w.hook?.received ?? []), [
      'jit.approval-needed',
      'jit.approved',
      'jit.issued',
      'jit.ended',
    ]);
    await eventually(() => waiting(w.broker) === 0);

    const all = everything(w);
    assert.ok(all.includes(id));
    const [key] = HOOK_SECRET.split('_').slice(1);
    for (const secret of [
      secretAccessKey,
      sessionToken,
      w.slack.token,
      w.slack.signingSecret,
      PASSWORD,
      key,
      alice.access,
    ]) {
      assert.ok(typeof secret === 'string' && secret.length > 15);
      assert.ok(!all.includes(secret), `${secret.slice(0, 12)}… has got out`);
    }
  },
);

test(
  'clicks of those who may not, whom nobody knows or who have not signed in lately, and forged ones, count for nothing',
  NEEDS,
  async (t) => {
    const w = await startNewsroom(t);
    const dan = await w.signedIn('dan');
    await w.signedIn('alice');
    await w.signedIn('carol');
    const { id } = await dan.ask('mend the report');
    const post = await w.message(id, /approval needed/);
    const long = 13 * 3_600_000;
    inStore(w.broker, (database) =>
      database.exec(`UPDATE sessions SET verified_at = verified_at - ${long} WHERE subject = 'carol'`),
    );
    const stale = /not signed in to the broker lately.*open the request on its page and sign in there/;
    const cases: readonly (readonly [user: string, says: RegExp])[] = [
      // One of the leads, but the one who asks.
      [USERS.dan, /does not count: denied: you may not decide this one/],
      [USERS.alice, /does not count: there is no request/],
      [USERS.erin, stale],
      [USERS.carol, stale],
      [UNKNOWN_USER, /does not know who you are in Slack.*Use the page instead/],
    ];
    for (const [user, says] of cases) {
      assert.equal(await w.call(await w.click(post, 'jit_approve', user)), 200);
      const [said] = await w.replies(user, 1);
      assert.match(said ?? '', says);
    }
    const bob = await w.signedIn('bob');
    const good = await w.click(post, 'jit_approve', USERS.bob);
    for (const headers of [
      slackHeaders('canary-of-somebody-else', good.body, Date.now()),
      slackHeaders(w.slack.signingSecret, `${good.body} `, Date.now()),
      slackHeaders(w.slack.signingSecret, good.body, Date.now() - 301_000),
      { 'content-type': 'application/x-www-form-urlencoded' },
    ]) {
      assert.equal(await w.call({ body: good.body, headers }), 401);
    }
    const elsewhere = await fetch(`${w.broker.url}/v1/hooks/siem`, { method: 'POST', ...good });
    assert.equal(elsewhere.status, 404, 'a webhook is no way in');
    assert.deepEqual(w.broker.entries('request.voted'), []);
    assert.equal(await dan.state(id), 'pending');

    const denial = await w.click(post, 'jit_deny', USERS.bob);
    assert.equal(await w.call(denial), 200);
    assert.equal(await w.call(denial), 401, 'each signature once');
    assert.equal(w.broker.entries('request.voted').length, 1);
    assert.equal(await bob.state(id), 'denied');
    await w.message(id, /access request: denied/);
    assert.equal((await w.replies(USERS.bob, 1)).length, 1);
  },
);

test(
  'a notifier that was never up delays nobody, and is told once it is, also when the broker was killed meanwhile',
  NEEDS,
  async (t) => {
    const port = await freePort();
    const w = await startNewsroom(t, port);
    const [alice] = [await w.signedIn('alice'), await w.signedIn('bob')];
    const { id } = await alice.ask('mend the report');
    const post = await w.message(id, /approval needed/);
    assert.equal(await w.call(await w.click(post, 'jit_approve', USERS.bob)), 200);
    await eventually(async () => (await alice.state(id)) === 'approved');
    assert.equal((await alice.fresh(`/v1/requests/${id}/issue`)).status, 200);
    await eventually(() => /telling failed, it is tried again/.test(w.broker.log()));
    await w.broker.stop('SIGKILL');
    assert.ok(waiting(w.broker) > 0);
    await w.broker.start();
    const hook = await startReceiver(port);
    t.after(hook.end);
    await eventually(() => typesOf(hook.received).includes('jit.issued') && waiting(w.broker) === 0, SLOW);
    // Nobody is asked any more for what has been decided; one that waits for its next attempt holds up no other.
    assert.deepEqual([...new Set(typesOf(hook.received))].toSorted(), ['jit.approved', 'jit.issued']);
    assert.doesNotMatch(w.broker.log(), /canary|whsec_/);
  },
);

test('a secret that others can read stops the broker, which names the file and not what is in it', NEEDS, async (t) => {
  const w = await startNewsroom(t);
  await w.broker.stop();
  for (const name of ['slack-token', 'slack-signing', 'hook-secret', 'smtp-password']) {
    const file = join(w.secrets, name);
    chmodSync(file, 0o644);
    await assert.rejects(w.broker.start(), ({ message }: Error) => {
      assert.ok(message.includes(`${file}: others can read this secret`), message);
      assert.ok(message.includes(`chmod 600 ${file}`));
      assert.doesNotMatch(message, /canary|whsec_/);
      return true;
    });
    chmodSync(file, 0o600);
  }
  await w.broker.start();
});

test(
  'what waits for notifiers that are taken out of the configuration is dropped, also where none is left',
  NEEDS,
  async (t) => {
    const w = await startNewsroom(t, await freePort());
    const alice = await w.signedIn('alice');
    const { id } = await alice.ask('mend the report');
    await w.message(id, /approval needed/);
    await eventually(() => waiting(w.broker) === 1);
    await w.broker.stop();
    const file = join(w.broker.home.path, 'broker.yaml');
    const [head = '', ...rest] = readFileSync(file, 'utf8').split('notify:\n');
    assert.equal(rest.length, 1);
    writeFileSync(file, `${head}identity:\n${rest[0]?.split('identity:\n')[1]}`);
    await w.broker.start();
    await eventually(() => waiting(w.broker) === 0);
    assert.equal(await alice.state(id), 'pending');
  },
);
