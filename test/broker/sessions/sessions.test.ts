/**
 * Sessions over the real application, store and policies: what a stolen token is worth, rotation, and who is asked again.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Principal } from '../../../src/core/principal.ts';
import { sessionViewSchema, tokenViewSchema } from '../../../src/wire/sessions.ts';
import { ask } from '../service/world.ts';
import type { Answer, Caller } from '../../support/caller.ts';
import { ADA, sessionWorld, signIn, word } from './world.ts';

const code = ({ body }: Answer): unknown => body['code'];

async function signedIn(caller: Promise<Caller>): Promise<Caller> {
  const me = await caller;
  const answer = await signIn(me, { principal: ADA });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return me;
}

test('a proof of identity becomes a session of the key that made the call, and only its holder is served', async (t) => {
  const w = await sessionWorld(t);
  const me = await w.caller();
  const answer = await signIn(me, { principal: ADA });
  assert.equal(answer.status, 201);
  const { expires_in, session } = tokenViewSchema.parse(answer.body);
  assert.equal(expires_in, 600);
  assert.equal(session.principal.subject, 'ada');
  const current = await me.call('GET', '/v1/sessions/current');
  assert.equal(current.status, 200);
  assert.equal(sessionViewSchema.parse(current.body).id, session.id);
  assert.equal((await me.call('GET', '/v1/requests')).status, 200);
  assert.deepEqual(await w.story(), ['session.opened']);
});

test('the first answer gives the nonce, as RFC 9449 says', async (t) => {
  const w = await sessionWorld(t);
  const response = await w.app.request('/v1/sessions', {
    method: 'POST',
    headers: { host: 'broker.test', 'content-type': 'application/json' },
    body: JSON.stringify({ grant_type: 'refresh_token', refresh_token: 'x' }),
  });
  assert.equal(response.status, 401);
  assert.equal(response.headers.get('www-authenticate'), 'DPoP error="use_dpop_nonce"');
  assert.match(response.headers.get('dpop-nonce') ?? '', /^[\w.-]{20,}$/);
});

test('a stolen token is worth nothing: no proof, another key, a proof seen before, Bearer; each leaves an entry', async (t) => {
  const w = await sessionWorld(t);
  const me = await signedIn(w.caller());
  const path = '/v1/requests';
  const used = await me.proof('GET', path);
  const send = async (headers: Record<string, string>): Promise<number> => {
    const response = await w.app.request(path, { headers: { host: 'broker.test', ...headers } });
    const problem: { code: string; title: string; hint?: string } = JSON.parse(await response.text());
    if (response.status === 401) {
      assert.equal(problem.code, 'ERR_NOT_SIGNED_IN');
      assert.equal(problem.title, 'this broker does not know who is calling');
    }
    return response.status;
  };
  const authorization = `DPoP ${me.access}`;
  assert.equal(await send({ authorization, dpop: used }), 200);
  assert.equal(await send({ authorization, dpop: used }), 401);
  const thief = await w.caller();
  await thief.call('GET', '/v1/sign-in');
  thief.access = me.access;
  assert.equal((await thief.call('GET', path)).status, 401);
  assert.equal(await send({ authorization }), 401);
  assert.equal(await send({ authorization: `Bearer ${me.access}`, dpop: await me.proof('GET', path) }), 401);
  assert.equal(await send({ authorization, dpop: await me.proof('POST', path) }), 401);
  assert.equal(await send({ authorization, dpop: await me.proof('GET', path, { ath: undefined }) }), 401);
  const causes = ['replayed', 'another key', 'missing', 'another call', 'another token'];
  assert.deepEqual(await w.story(), ['session.opened', ...causes.map((cause) => `session.refused: ${cause}`)]);
  assert.equal((await me.call('GET', path)).status, 200, 'the holder is not locked out by a thief');
});

test('whoever repeats a stolen token does not fill the log', async (t) => {
  const w = await sessionWorld(t);
  const me = await signedIn(w.caller());
  for (let times = 0; times < 20; times++) {
    await w.app.request('/v1/requests', { headers: { host: 'broker.test', authorization: `DPoP ${me.access}` } });
  }
  assert.deepEqual(await w.story(), ['session.opened', 'session.refused: missing']);
  w.advance(61_000);
  await w.app.request('/v1/requests', { headers: { host: 'broker.test', authorization: `DPoP ${me.access}` } });
  assert.equal((await w.story()).length, 3);
});

test('unknown tokens of every shape get the one answer, and no entry', async (t) => {
  const w = await sessionWorld(t);
  const me = await signedIn(w.caller());
  const answers = new Set<string>();
  for (const access of [
    'x',
    'jit_at_',
    `jit_at_${'A'.repeat(43)}`,
    me.refresh ?? '',
    `${me.access}A`,
    '%00',
    '../..',
  ]) {
    const response = await w.app.request('/v1/requests', {
      headers: { host: 'broker.test', authorization: `DPoP ${access}`, dpop: await me.proof('GET', '/v1/requests') },
    });
    answers.add(`${response.status} ${await response.text()}`);
  }
  const none = await w.app.request('/v1/requests', { headers: { host: 'broker.test' } });
  answers.add(`${none.status} ${await none.text()}`);
  assert.equal(answers.size, 1);
  assert.deepEqual(await w.story(), ['session.opened']);
});

test('an ID token that was made for another key, or for none, opens nothing', async (t) => {
  const w = await sessionWorld(t);
  const thief = await w.caller();
  for (const nonce of ['x', null, (await w.caller()).thumbprint]) {
    assert.equal((await signIn(thief, { principal: ADA, nonce })).status, 401);
  }
  assert.deepEqual(await w.story(), []);
});

test('where the device flow is allowed an ID token without a nonce is taken, one for another key is not', async (t) => {
  const w = await sessionWorld(t, 'device');
  const me = await w.caller();
  assert.equal((await signIn(me, { principal: ADA, nonce: 'another' })).status, 401);
  assert.equal((await signIn(me, { principal: ADA, nonce: null })).status, 201);
});

test('a proof of identity is taken once, also when two come at the same moment', async (t) => {
  const w = await sessionWorld(t);
  const me = await w.caller();
  assert.equal((await signIn(me, { principal: ADA, once: 'same' })).status, 201);
  assert.equal((await signIn(me, { principal: ADA, once: 'same' })).status, 401);
  const [one, two] = [await w.caller(), await w.caller()];
  const both = await Promise.all([one, two].map(async (each) => signIn(each, { principal: ADA, once: 'race' })));
  assert.deepEqual(both.map(({ status }) => String(status)).toSorted(), ['201', '401']);
});

test('a refresh token gives new tokens once; its second use ends the session for everybody', async (t) => {
  const w = await sessionWorld(t);
  const me = await signedIn(w.caller());
  const [firstAccess, firstRefresh] = [me.access, me.refresh];
  assert.equal((await me.renew()).status, 201);
  assert.notEqual(me.refresh, firstRefresh);
  assert.equal((await me.call('GET', '/v1/requests')).status, 200);
  const renewed = { access: me.access, refresh: me.refresh };
  me.access = firstAccess;
  assert.equal((await me.call('GET', '/v1/requests')).status, 401, 'the token before is over');
  const reuse = await me.renew(firstRefresh);
  assert.equal(reuse.status, 401);
  assert.match(String(reuse.body['title']), /used twice/);
  me.access = renewed.access;
  assert.equal((await me.call('GET', '/v1/requests')).status, 401);
  assert.equal((await me.renew(renewed.refresh)).status, 401);
  assert.deepEqual(await w.story(), ['session.opened', 'session.renewed', 'session.ended']);
});

test('a stolen refresh token is worth nothing without its key, and does not end the session of its holder', async (t) => {
  const w = await sessionWorld(t);
  const me = await signedIn(w.caller());
  const thief = await w.caller();
  assert.equal((await thief.renew(me.refresh)).status, 401);
  assert.equal((await me.renew()).status, 201);
  assert.deepEqual(await w.story(), ['session.opened', 'session.refused: another key', 'session.renewed']);
});

test('two renewals with one refresh token at once: one is served, and the session is over', async (t) => {
  const w = await sessionWorld(t);
  const me = await signedIn(w.caller());
  const { refresh } = me;
  const both = await Promise.all([me.renew(refresh), me.renew(refresh)]);
  assert.deepEqual(both.map(({ status }) => String(status)).toSorted(), ['201', '401']);
  assert.equal((await me.call('GET', '/v1/requests')).status, 401);
});

test('an access token ends and is renewed; the session ends however often it was renewed', async (t) => {
  const w = await sessionWorld(t);
  const me = await signedIn(w.caller());
  w.advance(600_000);
  const late = await me.call('GET', '/v1/requests');
  assert.deepEqual([late.status, code(late)], [401, 'ERR_TOKEN_EXPIRED']);
  assert.equal(late.headers.get('www-authenticate'), 'DPoP error="invalid_token"');
  for (let passed = 600; passed < 3_600; passed += 500) {
    assert.equal((await me.renew()).status, 201, `after ${passed}s`);
    w.advance(500_000);
  }
  const over = await me.call('GET', '/v1/requests');
  assert.deepEqual([over.status, code(over)], [401, 'ERR_NOT_SIGNED_IN']);
  assert.equal(me.refresh, null, 'the last token lives as long as the session');
});

test('signing out ends the session at once, with both of its tokens', async (t) => {
  const w = await sessionWorld(t);
  const me = await signedIn(w.caller());
  const { access } = me;
  assert.equal((await me.call('POST', '/v1/sessions/end')).status, 204);
  assert.equal((await me.call('GET', '/v1/requests')).status, 401);
  assert.equal((await me.renew()).status, 401);
  me.access = access;
  assert.equal((await me.call('POST', '/v1/sessions/end')).status, 401);
  assert.equal((await w.story()).filter((each) => each === 'session.ended').length, 1);
});

test('an agent with a proof of its own acts for the person who signs in for it, and for nobody else', async (t) => {
  const w = await sessionWorld(t);
  const bot: Principal = { kind: 'agent', issuer: 'https://ci.test', subject: 'bot', name: 'bot', groups: [] };
  const me = await w.caller();
  const answer = await signIn(me, { principal: ADA }, { principal: bot });
  assert.equal(answer.status, 201);
  const { principal } = tokenViewSchema.parse(answer.body).session;
  assert.deepEqual([principal.kind, principal.subject, principal.actsFor?.subject], ['agent', 'bot', 'ada']);
  const [person, workload, nested]: Principal[] = [
    ADA,
    { ...bot, kind: 'workload' },
    { ...bot, actsFor: { ...ADA, kind: 'user' } },
  ];
  for (const actor of [person, workload, nested]) {
    if (actor !== undefined) assert.equal((await signIn(me, { principal: ADA }, { principal: actor })).status, 401);
  }
  assert.equal(
    (await signIn(me, { principal: bot }, { principal: bot })).status,
    401,
    'an agent lends its name to nobody',
  );
});

test("a sign-in for an agent takes both proofs or neither: one that was used leaves the other's holder unharmed", async (t) => {
  const w = await sessionWorld(t);
  const bot: Principal = { kind: 'agent', issuer: 'https://ci.test', subject: 'bot', name: 'bot', groups: [] };
  const me = await w.caller();
  const as = async (person: string, agent: string): Promise<number> =>
    (await signIn(me, { principal: ADA, once: person }, { principal: bot, once: agent })).status;
  assert.equal(await as('p1', 'a1'), 201);
  assert.deepEqual([await as('p2', 'a1'), await as('p1', 'a2')], [401, 401]);
  assert.equal(await as('p2', 'a2'), 201);
  assert.deepEqual(await w.story(), ['session.opened', 'session.opened']);
});

test('people see and end what an agent does for them; the agent sees nothing of theirs', async (t) => {
  const w = await sessionWorld(t);
  const bot: Principal = { kind: 'agent', issuer: 'https://ci.test', subject: 'bot', name: 'bot', groups: [] };
  const [ada, hers, eves] = [await w.caller(), await w.caller(), await w.caller()];
  await signIn(ada, { principal: ADA });
  await signIn(hers, { principal: ADA }, { principal: bot });
  await signIn(eves, { principal: { ...ADA, subject: 'eve' } }, { principal: bot });
  const idOf = ({ body }: Answer): string => JSON.parse(JSON.stringify(body)).grant.id;
  const fresh = async (of: Caller) => ({ 'jit-confirmation': await word(of) });
  const [own, made] = [
    idOf(await ada.call('POST', '/v1/requests', ask(), await fresh(ada))),
    idOf(await hers.call('POST', '/v1/requests', ask(), await fresh(hers))),
  ];
  assert.equal((await ada.call('GET', `/v1/grants/${made}`)).status, 200);
  assert.equal((await hers.call('GET', `/v1/grants/${own}`)).status, 404);
  assert.equal((await eves.call('GET', `/v1/grants/${made}`)).status, 404);
  assert.equal(
    (await ada.call('POST', `/v1/grants/${made}/credentials`, undefined, await fresh(ada))).status,
    404,
    "its credentials are the agent's",
  );
  assert.equal((await hers.call('POST', `/v1/grants/${made}/credentials`, undefined, await fresh(hers))).status, 200);
  const seen = JSON.stringify((await ada.call('GET', '/v1/grants?live=true')).body);
  assert.ok(seen.includes(own) && seen.includes(made));
  assert.ok(!JSON.stringify((await eves.call('GET', '/v1/grants?live=true')).body).includes(made));
  assert.equal((await ada.call('POST', `/v1/grants/${made}/revoke`, { reason: 'revoked' })).status, 200);
});

test('the store and the log hold no token', async (t) => {
  const w = await sessionWorld(t);
  const me = await signedIn(w.caller());
  const tokens = [me.access, me.refresh];
  await me.renew();
  tokens.push(me.access, me.refresh, await word(me));
  const lines = JSON.stringify(await w.store.entries({ from: 0, limit: 100 }));
  for (const each of tokens) assert.ok(each !== null && !lines.includes(each) && !lines.includes(each.slice(7)));
});
