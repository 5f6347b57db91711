/**
 * Who is told of emergency access, of what, and with what: real service and policies on a real SQLite file.
 * @module
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { NoticeRoute } from '../../../src/broker/notices/route.ts';
import type { Notice } from '../../../src/core/notice.ts';
import { wordsOf } from '../../../src/notify/words.ts';
import {
  ALICE,
  emergencyBroker,
  type EmergencyBroker,
  EMERGENCY_POLICY,
  endOf,
  glass,
  grantOf,
  LEAD,
  OLGA,
  OTTO,
  refusal,
  STRANGER,
  until,
} from './emergencies.ts';
import { all, telling, type TellingBroker, WITH_WORKER } from './telling.ts';
import { type Setting } from './world.ts';

type Told = EmergencyBroker & Pick<TellingBroker, 'told' | 'kinds' | 'calls'>;

const of = (name: string, ...groups: readonly string[]): NoticeRoute => ({ ...all(name), groups: new Set(groups) });
const ROUTES = [all('everything'), of('to leads', 'leads'), of('to dba', 'dba'), of('to on-call', 'on-call')];

async function noisy(t: TestContext, routes: NoticeRoute[] = ROUTES, setting: Setting = WITH_WORKER): Promise<Told> {
  let telling_: TellingBroker | null = null;
  const w = await emergencyBroker(t, setting, async (given) => {
    telling_ = await telling(t, routes, given);
    return telling_;
  });
  assert.ok(telling_ !== null);
  const { told, kinds, calls }: TellingBroker = telling_;
  return { ...w, told, kinds, calls };
}

/** Who was told of what, in the order of the story. */
function story(w: Told): readonly string[] {
  return w.told().map(({ notifier, notice }) => `${notice.kind} ${notifier}`);
}

function noticeOf(w: Told, kind: Notice['kind']): Notice {
  const found = w.told().find(({ notice }) => notice.kind === kind);
  assert.ok(found !== undefined, `nobody was told of ${kind}`);
  return found.notice;
}

const text = (notice: Notice): string => {
  const { headline, facts } = wordsOf(notice);
  return [headline, ...facts.map(({ label, value }) => `${label}: ${value}`)].join('\n');
};

test('those whom an ordinary rule would have asked are told as it is given, loudly, with the way to end it', async (t) => {
  const w = await noisy(t);
  const outcome = await w.broker.submit(ALICE, glass(), null);
  assert.deepEqual(story(w).slice(0, 2), ['break-glass everything', 'break-glass to leads']);
  assert.equal(
    story(w).some((line) => line.endsWith('to dba') || line.endsWith('to on-call')),
    false,
  );
  const notice = noticeOf(w, 'break-glass');
  assert.equal(notice.grant?.id, grantOf(outcome));
  assert.equal(notice.id, `${outcome.request.id}_break-glass_1`);
  assert.deepEqual([notice.approvers, notice.request.tier, notice.request.risk], [['leads'], 'break-glass', 'medium']);
  assert.deepEqual(notice.request.incident, { source: 'pager', reference: 'INC-1' });
  assert.equal(notice.url, `https://jit.example/web/requests/${outcome.request.id}`);
  const words = text(notice);
  assert.match(words, /^BREAK-GLASS: emergency access WITHOUT APPROVAL/);
  assert.match(words, /incident: INC-1 \(pager\)/);
  assert.match(words, new RegExp(`end it: on its page, or: jit revoke ${grantOf(outcome)}`));
});

test('what a source says freely is told to nobody, and no secret is', async (t) => {
  const w = await noisy(t);
  const outcome = await w.broker.submit(ALICE, glass(), null);
  await w.broker.credentials(ALICE, grantOf(outcome));
  await w.broker.revoke(ALICE, grantOf(outcome), 'completed');
  await endOf(w, grantOf(outcome));
  const all_ = JSON.stringify(w.told());
  for (const word of ['@everyone', 'evil.example', 'the shop is down', 'canary', w.incident.id]) {
    assert.equal(all_.includes(word), false, word);
  }
});

test('a reference that wants to be more than text is none', async (t) => {
  const w = await noisy(t);
  w.source.opens({ reference: '<https://evil.example|INC-7>', responders: w.incident.responders });
  await w.broker.submit(ALICE, glass('pager-id-2'), null);
  assert.match(text(noticeOf(w, 'break-glass')), /incident: <https\[:\]\/\/evil\[\.\]example\|INC-7> \(pager\)/);
});

test('where no ordinary rule would have asked people, or one that asks anybody, all who approve are told', async (t) => {
  for (const rule of [
    '',
    '@id("any") @tier("manual") permit(principal, action == Jit::Action::"Request", resource);',
  ]) {
    const policy = EMERGENCY_POLICY.replace(/@id\("people"\)[^;]*;/, rule);
    const w = await noisy(t, ROUTES, { policy });
    await w.broker.submit(ALICE, glass(), null);
    const told = story(w).filter((line) => line.startsWith('break-glass'));
    assert.deepEqual(
      told,
      ROUTES.map(({ name }) => `break-glass ${name}`),
      rule,
    );
    assert.equal(noticeOf(w, 'break-glass').approvers, null);
  }
});

test('where only notifiers of other groups are there, they are told: better those than nobody', async (t) => {
  const w = await noisy(t, [of('to dba', 'dba'), all('ends only', ['ended'])]);
  await w.broker.submit(ALICE, glass(), null);
  assert.deepEqual(
    story(w).filter((line) => line.startsWith('break-glass')),
    ['break-glass to dba'],
  );
});

test('a sealed one is told louder when it waits, to those who confirm it as well, and again when it is taken up', async (t) => {
  const w = await noisy(t);
  w.source.down();
  const { request } = await w.broker.submit(ALICE, glass(), null);
  const asked = ['break-glass everything', 'break-glass to leads', 'break-glass to on-call'];
  assert.deepEqual(story(w), asked);
  const waits = text(noticeOf(w, 'break-glass'));
  assert.match(waits, /^BREAK-GLASS: emergency access WAITS FOR PEOPLE/);
  assert.match(waits, /needs: 2 of on-call/);
  assert.match(waits, /incident: INC-1 \(pager\)/);
  assert.match(waits, /its incident cannot be verified now/);
  const { hash, policy } = request;
  for (const who of [OLGA, OTTO]) await w.broker.approve(who, request.id, { hash, policy, attended: true });
  await w.broker.issue(ALICE, request.id);
  const opened = w.told().filter(({ notice }) => notice.kind === 'break-glass' && notice.grant !== null);
  assert.deepEqual(
    opened.map(({ notifier }) => notifier),
    ['everything', 'to leads', 'to on-call'],
  );
  assert.deepEqual(opened[0]?.notice.by, ['olga', 'otto']);
  assert.ok(story(w).includes('approved everything'));
});

test('a refusal is no noise', async (t) => {
  const w = await noisy(t);
  await refusal(w.broker.submit(STRANGER, glass(), null));
  assert.deepEqual(story(w), []);
});

test('when it is over the same people are told that a review is open, and how to close it', async (t) => {
  const w = await noisy(t);
  const outcome = await w.broker.submit(ALICE, glass(), null);
  w.source.closes(w.incident.id);
  await w.says(w.incident.id, 'closed');
  await endOf(w, grantOf(outcome));
  const after = story(w).filter((line) => /^(ended|review-open)/.test(line));
  assert.deepEqual(after, ['ended everything', 'ended to leads', 'review-open everything', 'review-open to leads']);
  const notice = noticeOf(w, 'review-open');
  assert.match(text(notice), new RegExp(`review it: on its page, or: jit review ${outcome.request.id}`));
  assert.equal(notice.grant?.reason, 'incident-closed');
});

test('of what has been reviewed while its end was under way nobody is asked again', async (t) => {
  const w = await noisy(t);
  const outcome = await w.broker.submit(ALICE, glass(), null);
  const { promise: answer, resolve: go } = Promise.withResolvers<void>();
  w.cloud.onCall = async (verb) => (verb === 'revoke' ? answer : undefined);
  await w.broker.revoke(LEAD, grantOf(outcome), 'revoked');
  const { id, hash } = outcome.request;
  await w.broker.closeReview(LEAD, id, { hash, verdict: 'justified', comment: 'seen' });
  go();
  await endOf(w, grantOf(outcome));
  assert.ok(w.kinds().includes('ended'));
  assert.equal(w.kinds().includes('review-open'), false);
});

test('where the rule warns, the holder is told when it ends, to the second', async (t) => {
  const w = await noisy(t);
  const outcome = await w.broker.submit(ALICE, glass('INC-1', 's3:RestoreObject'), null);
  w.source.closes(w.incident.id);
  await w.says(w.incident.id, 'closed');
  await until(() => w.kinds().includes('incident-closing'));
  const notice = noticeOf(w, 'incident-closing');
  const state = (await w.store.grant(grantOf(outcome)))?.grant.state;
  assert.ok(state?.name === 'active');
  assert.equal(notice.grant?.expiresAt, state.expiresAt);
  const second = new Date(state.expiresAt).toISOString().slice(0, 19).replace('T', ' ');
  assert.match(text(notice), new RegExp(`ends: ${second} UTC`));
});

test('a notice is stored with what it is about: what is not stored is told to nobody', async (t) => {
  const w = await noisy(t);
  const { commit } = w.store;
  w.store.commit = async () => Promise.reject(new Error('the disk is full'));
  await assert.rejects(w.broker.submit(ALICE, glass(), null), /the disk is full/);
  w.store.commit = commit;
  assert.deepEqual([story(w), w.calls.stored], [[], 0]);
});

test('ordinary access is told as before', async (t) => {
  const w = await noisy(t, ROUTES, { policy: EMERGENCY_POLICY });
  await w.broker.submit(ALICE, { ...glass(), incident: undefined }, null);
  assert.deepEqual(story(w), ['approval-needed everything', 'approval-needed to leads']);
  assert.equal(noticeOf(w, 'approval-needed').request.incident, null);
});
