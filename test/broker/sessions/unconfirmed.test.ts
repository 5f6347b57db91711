/**
 * Emergency calls while the identity provider is down, over the real application: who goes on without its word, for how long, and
 * who does not.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiRoutes } from '../../../src/broker/http/api.ts';
import type { Principal } from '../../../src/core/principal.ts';
import type { Caller } from '../../support/caller.ts';
import { ask } from '../service/world.ts';
import { BOB, breakGlass, codeOf, emergencyWorld, HOUR, made, MARK, SECONDS, STALE } from './emergency.ts';
import { ADA, confirm, signIn, word } from './world.ts';

test('a person who was vouched for two hours ago breaks glass: the log, the decision and its readers know on what', async (t) => {
  const w = await emergencyWorld(t);
  const me = await w.signedIn();
  const signedInAt = Math.floor(w.world.now());
  w.advance(2 * HOUR);
  const { request, grant } = made(await breakGlass(me));
  const [entry] = await w.entries('session.unconfirmed');
  const [opened] = await w.entries('session.opened');
  assert.equal(entry?.data['provider'], 'idp');
  assert.equal(entry.data['session'], opened?.data['session']);
  const { lastWord, until } = JSON.parse(JSON.stringify(entry.data['word']));
  assert.ok(Math.abs(Date.parse(lastWord) - signedInAt) < 5_000);
  assert.equal(Date.parse(until) - Date.parse(lastWord), SECONDS * 1_000);
  const why = 'identity provider idp is down, and last vouched for the requester 2h ago';
  const [decided] = await w.entries('request.decided');
  assert.ok(String(decided?.data['why']).endsWith(`; ${why}`), String(decided?.data['why']));
  assert.deepEqual(decided?.data['unconfirmed'], { provider: 'idp', lastWord, until });
  const seen = made(await me.call('GET', `/v1/requests/${request.id}`));
  assert.ok(JSON.stringify(seen.request).includes(why));
  const credentials = await me.call('POST', `/v1/grants/${grant?.id}/credentials`, undefined, MARK);
  assert.equal(credentials.status, 200, JSON.stringify(credentials.body));
  assert.deepEqual(
    (await w.entries('session.unconfirmed')).map((each) => [each.request, each.grant]),
    [
      [null, null],
      [null, grant?.id],
    ],
  );
});

test('the client is not believed: with a provider that answers, or that the broker cannot ask, the mark is worth nothing', async (t) => {
  const w = await emergencyWorld(t);
  const me = await w.signedIn();
  w.advance(60_000);
  for (const provider of [{ kind: 'answers' }, { kind: 'unknown' }] as const) {
    w.provider = provider;
    w.advance(10_000);
    const refused = await breakGlass(me);
    assert.equal(codeOf(refused), STALE);
    assert.match(String(refused.body['title']), /can reach identity provider idp|cannot tell whether/);
  }
  assert.equal(codeOf(await me.call('POST', '/v1/requests', ask('s3:GetObject', { incident: 'INC-7' }))), STALE);
  assert.deepEqual(await w.entries('session.unconfirmed'), []);
  assert.deepEqual(await w.entries('request.submitted'), []);
  w.provider = { kind: 'down', why: 'status 503' };
  w.advance(10_000);
  const unmarked = await me.call('POST', '/v1/requests', ask('s3:GetObject', { incident: 'INC-7' }));
  assert.equal(codeOf(unmarked), STALE, 'whoever does not say that there is no word needs one');
  assert.equal((await breakGlass(me)).status, 201);
});

test('a word of the provider, where there is one, is taken in an emergency as at any other time, and nobody is asked', async (t) => {
  const w = await emergencyWorld(t);
  const me = await w.signedIn();
  const { grant } = made(await breakGlass(me, { seconds: 3_600 }, { 'jit-confirmation': await word(me) }));
  assert.deepEqual([grant?.seconds, w.asked()], [3_600, 0]);
  assert.deepEqual(await w.entries('session.unconfirmed'), []);
});

test('by default nobody goes on without a word, and the provider is not even asked', async (t) => {
  const w = await emergencyWorld(t, 0);
  const me = await w.signedIn();
  const refused = await breakGlass(me);
  assert.equal(codeOf(refused), STALE);
  assert.match(String(refused.body['hint']), /emergencies\.sessions/);
  assert.equal(w.asked(), 0);
});

test('the last word counts for its time to the second, whoever renews the session meanwhile', async (t) => {
  const w = await emergencyWorld(t);
  const me = await w.signedIn();
  const [opened] = await w.entries('session.opened');
  assert.ok(opened !== undefined);
  w.advance(SECONDS * 1_000 - 60_000);
  assert.equal((await me.renew()).status, 201);
  assert.equal((await breakGlass(me, { seconds: 60 })).status, 201);
  w.advance(60_000);
  const late = await breakGlass(me);
  assert.equal(codeOf(late), STALE);
  assert.equal(
    late.body['title'],
    'identity provider idp last vouched for you 4h ago, and in an emergency that counts for 4h',
  );
  const asked = w.asked();
  assert.equal(codeOf(await breakGlass(me)), STALE);
  assert.equal(w.asked(), asked, 'nobody is asked for what cannot be');
  // With the provider back for a moment it counts from there.
  await word(me);
  w.advance(HOUR);
  assert.equal((await breakGlass(me)).status, 201);
});

test('nothing that is given on an old word lasts longer than it counts', async (t) => {
  const w = await emergencyWorld(t);
  const me = await w.signedIn();
  w.advance(SECONDS * 1_000 - 600_000);
  const { grant } = made(await breakGlass(me, { seconds: 3_600 }));
  assert.ok((grant?.seconds ?? 0) <= 600 && (grant?.seconds ?? 0) > 500, String(grant?.seconds));
  const [entry] = await w.entries('session.unconfirmed');
  const { until } = JSON.parse(JSON.stringify(entry?.data['word']));
  assert.ok(Date.parse(grant?.expiresAt ?? '') <= Date.parse(until) + 1_000);
  assert.equal(codeOf(await me.call('POST', `/v1/grants/${grant?.id}/renew`, { seconds: 3_600 }, MARK)), STALE);
});

test('credentials of a grant that a word was given for end with the last word where they are fetched without one', async (t) => {
  const w = await emergencyWorld(t, 600);
  const me = await w.signedIn();
  const { grant } = made(await breakGlass(me, { seconds: 3_600 }, { 'jit-confirmation': await word(me) }));
  const end = Date.parse(grant?.expiresAt ?? '');
  w.advance(60_000);
  const path = `/v1/grants/${grant?.id}/credentials`;
  const fetch = async (): Promise<number> => {
    const answer = await me.call('POST', path, undefined, MARK);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    const { credentials } = JSON.parse(JSON.stringify(answer.body));
    return Date.parse(credentials[0].expiration);
  };
  for (const expiration of [await fetch(), await fetch()]) {
    assert.ok(expiration < end - 40 * 60_000, 'both the ones that were made with the grant and those made anew');
    assert.ok(expiration <= w.world.now() + 541_000);
  }
  w.advance(600_000);
  assert.equal(codeOf(await me.call('POST', path, undefined, MARK)), STALE);
});

test('once the provider is back the next credentials need its word, and by it whoever left loses the grant', async (t) => {
  const w = await emergencyWorld(t);
  const me = await w.signedIn();
  w.advance(HOUR);
  const { grant } = made(await breakGlass(me));
  const path = `/v1/grants/${grant?.id}/credentials`;
  assert.equal((await me.call('POST', path, undefined, MARK)).status, 200);
  w.provider = { kind: 'answers' };
  w.advance(10_000);
  assert.equal(codeOf(await me.call('POST', path, undefined, MARK)), STALE);
  const left = await word(me, { principal: { ...ADA, groups: [] } });
  const denied = await me.call('POST', path, undefined, { 'jit-confirmation': left });
  assert.equal(codeOf(denied), '403 ERR_DENIED');
  const after = made(await me.call('GET', `/v1/grants/${grant?.id}`));
  assert.match(JSON.stringify(after.grant), /"state":"(?:revoking|closed)"/);
});

test('the groups are those of the latest word about the person, in whichever session it was given', async (t) => {
  const w = await emergencyWorld(t);
  const [laptop, desktop] = [await w.signedIn(), await w.signedIn()];
  w.advance(HOUR);
  await confirm(desktop, { principal: { ...ADA, groups: ['guests'] } });
  w.advance(HOUR);
  const denied = await breakGlass(laptop);
  assert.equal(codeOf(denied), '403 ERR_DENIED', 'this session was vouched for while she was in the group');
});

test('agents, also of a person who may, and workloads do not go on', async (t) => {
  const w = await emergencyWorld(t);
  const bot: Principal = { kind: 'agent', issuer: 'https://id.test', subject: 'bot', name: 'bot', groups: ['eng'] };
  const acting = await w.caller();
  assert.equal((await signIn(acting, { principal: ADA }, { principal: bot })).status, 201);
  const [alone, job] = [await w.signedIn(bot), await w.signedIn({ ...bot, kind: 'workload', subject: 'job' })];
  for (const me of [acting, alone, job]) {
    const refused = await breakGlass(me);
    assert.equal(codeOf(refused), STALE);
    assert.match(String(refused.body['title']), /only people/);
  }
  assert.equal(w.asked(), 0);
});

test("a session of somebody else's key, one that has ended and one whose token is over are what they are", async (t) => {
  const w = await emergencyWorld(t);
  const [me, thief] = [await w.signedIn(), await w.caller()];
  await thief.call('GET', '/v1/sign-in');
  thief.access = me.access;
  assert.equal(codeOf(await breakGlass(thief)), '401 ERR_NOT_SIGNED_IN');
  const dpop = await me.proof('POST', '/v1/requests');
  const send = async (): Promise<number> => {
    const headers = { host: 'broker.test', authorization: `DPoP ${me.access}`, dpop, ...MARK };
    const body = JSON.stringify(ask('s3:GetObject', { incident: 'INC-7' }));
    const sent = { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body };
    return (await w.app.request('/v1/requests', sent)).status;
  };
  assert.deepEqual([await send(), await send()], [201, 401], 'a proof counts once');
  assert.equal((await me.call('POST', '/v1/sessions/end')).status, 204);
  assert.equal(codeOf(await breakGlass(me)), '401 ERR_NOT_SIGNED_IN');
  const another = await w.signedIn();
  w.advance(12 * HOUR);
  assert.equal(codeOf(await breakGlass(another)), '401 ERR_NOT_SIGNED_IN');
  assert.equal((await w.entries('session.unconfirmed')).length, 1);
});

test('a session that its holder ends while the provider is being asked gives nothing', async (t) => {
  const w = await emergencyWorld(t);
  const me = await w.signedIn();
  await me.call('GET', '/v1/requests');
  const answer = w.hang();
  const asking = breakGlass(me);
  while (w.asked() === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal((await me.call('POST', '/v1/sessions/end')).status, 204);
  answer();
  assert.equal(codeOf(await asking), '401 ERR_NOT_SIGNED_IN');
  assert.deepEqual(await w.entries('request.submitted'), []);
});

test('a thousand calls in an outage ask the provider once; a few seconds later it is asked again', async (t) => {
  const w = await emergencyWorld(t);
  const me = await w.signedIn();
  await me.call('GET', '/v1/requests');
  const answer = w.hang();
  const all = Promise.all(Array.from({ length: 50 }, () => breakGlass(me)));
  while (w.asked() === 0) await new Promise((resolve) => setImmediate(resolve));
  answer();
  assert.deepEqual([...new Set((await all).map(codeOf))], ['201']);
  assert.equal(w.asked(), 1);
  w.provider = { kind: 'answers' };
  w.advance(3_000);
  assert.equal(codeOf(await breakGlass(me)), STALE);
});

test('while a word of the provider can still be used it is not down, whatever the broker finds', async (t) => {
  const w = await emergencyWorld(t);
  const [me, bob] = [await w.signedIn(), await w.signedIn(BOB)];
  await word(bob, { principal: BOB });
  assert.equal(codeOf(await breakGlass(me)), STALE);
  w.advance(29_000);
  assert.equal(codeOf(await breakGlass(me)), STALE);
  w.advance(2_000);
  assert.equal((await breakGlass(me)).status, 201);
});

test('incident source and provider both down: confirmed and taken up on old words, in a grant that ends with them', async (t) => {
  const w = await emergencyWorld(t, 900);
  const [me, bob, cyd] = [await w.signedIn(), await w.signedIn(BOB), await w.signedIn({ ...BOB, subject: 'cyd' })];
  w.source = 'silent';
  w.advance(60_000);
  const { request } = made(await breakGlass(me, { seconds: 1_800 }));
  assert.equal(request.state, 'pending');
  const seen = made(await bob.call('GET', `/v1/requests/${request.id}`));
  const vote = { hash: seen.request.hash, policy: seen.request.policy, attended: true };
  const path = `/v1/requests/${request.id}`;
  assert.equal(codeOf(await bob.call('POST', `${path}/approve`, vote)), STALE);
  assert.equal(made(await bob.call('POST', `${path}/approve`, vote, MARK)).request.state, 'pending');
  assert.equal(made(await cyd.call('POST', `${path}/approve`, vote, MARK)).request.state, 'approved');
  const taken = made(await me.call('POST', `${path}/issue`, {}, MARK));
  const { grant } = taken;
  assert.match(
    JSON.stringify(taken.request),
    /identity provider idp is down, and last vouched for the requester 1m ago"/,
  );
  assert.ok((grant?.seconds ?? 0) <= 840 && (grant?.seconds ?? 0) > 800, String(grant?.seconds));
  assert.deepEqual(
    (await w.entries('session.unconfirmed')).map((each) => each.request),
    [null, request.id, request.id, request.id],
  );
});

test('of what is none of their business nobody learns by the mark whether it is an emergency', async (t) => {
  const w = await emergencyWorld(t);
  const [me, eve] = [await w.signedIn(), await w.signedIn({ ...ADA, subject: 'eve', groups: [] })];
  const { request, grant } = made(await breakGlass(me));
  for (const path of [`/v1/grants/${grant?.id}/credentials`, `/v1/requests/${request.id}/issue`]) {
    assert.equal(codeOf(await eve.call('POST', path, undefined, MARK)), '404 ERR_NOT_FOUND');
  }
});

const AN_HOUR = '2026-11-22T03:00:00Z';

/** Bodies that every route takes; a route with a body that is not here fails the test. */
const BODIES: Readonly<Record<string, object>> = {
  '/v1/requests': ask(),
  '/v1/requests/{id}/approve': { hash: 'a'.repeat(64), policy: 'a'.repeat(64), attended: true },
  '/v1/requests/{id}/deny': { hash: 'a'.repeat(64), policy: 'a'.repeat(64), reason: 'no' },
  '/v1/requests/{id}/confirm': { hash: 'a'.repeat(64), policy: 'a'.repeat(64) },
  '/v1/requests/{id}/review': { hash: 'a'.repeat(64), verdict: 'justified', comment: 'all was well' },
  '/v1/grants/{id}/renew': { seconds: 60 },
  '/v1/grants/{id}/revoke': { reason: 'revoked' },
  '/v1/grants/{id}/use': { uses: [{ channel: 'process', count: 1, first: AN_HOUR, last: AN_HOUR }] },
  '/v1/revocations': { scope: 'mine' },
};

test('of all routes only four take the mark, and those only in an emergency', async (t) => {
  const w = await emergencyWorld(t);
  const me = await w.signedIn();
  const routes = apiRoutes(w.broker, async () => ({ operations: [], targets: [] })).filter(
    ({ method }) => method === 'POST',
  );
  const usual = made(await me.call('POST', '/v1/requests', ask(), { 'jit-confirmation': await word(me) }));
  w.advance(60_000);
  const emergency = made(await breakGlass(me));
  w.source = 'silent';
  const sealed = made(await breakGlass(me, { incident: 'desk/INC-9' }));

  /** The routes that want a word of the provider from such a call. */
  async function wanting(
    caller: Caller,
    about: 'usual' | 'emergency',
    headers: Record<string, string>,
  ): Promise<string[]> {
    const found: string[] = [];
    for (const { path, body } of routes) {
      const known = BODIES[path];
      assert.ok(body === undefined || known !== undefined, `a body for ${path}`);
      const at = about === 'usual' ? usual : path.endsWith('/issue') ? sealed : emergency;
      const id = path.startsWith('/v1/grants') ? at.grant?.id : at.request.id;
      const sent = path === '/v1/requests' && about === 'emergency' ? { ...known, incident: 'INC-7' } : known;
      const answer = await caller.call('POST', path.replace('{id}', id ?? ''), sent, headers);
      assert.notEqual(answer.body['code'], 'ERR_BODY', `${path}: ${JSON.stringify(answer.body)}`);
      if (codeOf(answer) === STALE) found.push(path);
    }
    return found.toSorted();
  }

  const all = await wanting(me, 'usual', {});
  const taking = [
    '/v1/grants/{id}/credentials',
    '/v1/requests',
    '/v1/requests/{id}/approve',
    '/v1/requests/{id}/issue',
  ];
  assert.ok(taking.every((path) => all.includes(path)) && all.length >= 7, all.join());
  assert.deepEqual(await wanting(me, 'usual', MARK), all);
  assert.deepEqual(await wanting(me, 'emergency', {}), all);
  assert.deepEqual(
    await wanting(me, 'emergency', MARK),
    all.filter((path) => !taking.includes(path)),
  );
});
