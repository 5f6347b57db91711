/**
 * The word of the identity provider, over the real application, store and policies: one for each issuance, and for no other.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Principal } from '../../../src/core/principal.ts';
import { confirmViewSchema, sessionViewSchema } from '../../../src/wire/sessions.ts';
import { token } from '../../fakes/session-app.ts';
import { type Answer, type Caller, ID_TOKEN } from '../../support/caller.ts';
import { ask } from '../service/world.ts';
import { ADA, confirm, sessionWorld, signIn, type SessionWorld, word } from './world.ts';

const code = ({ status, body }: Answer): string => [status, body['code']].join(' ').trim();
const STALE = '401 ERR_IDENTITY_STALE';

async function signedIn(w: SessionWorld, principal: Principal = ADA): Promise<Caller> {
  const me = await w.caller();
  assert.equal((await signIn(me, { principal })).status, 201);
  return me;
}

const request = async (me: Caller, confirmation: string, more: Record<string, string> = {}): Promise<Answer> =>
  me.call('POST', '/v1/requests', ask(), { 'jit-confirmation': confirmation, ...more });

test('nothing is issued without a word of the identity provider, not even right after a sign-in; planning and looking go on', async (t) => {
  const w = await sessionWorld(t);
  const me = await signedIn(w);
  assert.equal(code(await me.call('POST', '/v1/requests', ask())), STALE);
  assert.equal((await me.call('POST', '/v1/requests?plan=true', ask())).status, 200);
  assert.equal((await me.call('GET', '/v1/requests')).status, 200);
  const confirmation = await word(me);
  assert.match(confirmation, /^jit_cf_[\w-]{43}$/);
  const granted = await request(me, confirmation);
  assert.equal(granted.status, 201, JSON.stringify(granted.body));
  const { grant } = JSON.parse(JSON.stringify(granted.body));
  const credentials = `/v1/grants/${grant.id}/credentials`;
  assert.equal(code(await me.call('POST', credentials)), STALE);
  const fresh = { 'jit-confirmation': await word(me) };
  assert.equal((await me.call('POST', credentials, undefined, fresh)).status, 200);
  assert.equal(code(await me.call('POST', credentials, undefined, fresh)), STALE, 'it was for one call');
});

test('a confirmation lets one call through, also when eight come with it at the same moment', async (t) => {
  const w = await sessionWorld(t);
  const me = await signedIn(w);
  await me.call('GET', '/v1/requests');
  for (let round = 0; round < 5; round++) {
    const confirmation = await word(me);
    const all = await Promise.all(Array.from({ length: 8 }, () => request(me, confirmation)));
    const codes = all.map(code).toSorted();
    assert.deepEqual(codes, ['201', ...Array.from({ length: 7 }, () => STALE)]);
  }
});

test('missing, made up, used, over, of another session or of another kind: one answer for all, and nobody loses theirs by it', async (t) => {
  const w = await sessionWorld(t);
  const [me, eve, again] = [await signedIn(w), await signedIn(w, { ...ADA, subject: 'eve' }), await signedIn(w)];
  const [used, mine, hers] = [await word(me), await word(me), await word(again)];
  assert.equal((await request(me, used)).status, 201);
  const over = await word(me);
  const answers = new Set<string>();
  const bad = [
    used,
    `jit_cf_${'A'.repeat(43)}`,
    mine.slice(0, -1),
    `${mine}A`,
    me.access ?? '',
    me.refresh ?? '',
    hers,
    '',
  ];
  for (const each of bad) {
    const { status, body } = await request(me, each);
    answers.add(`${status} ${JSON.stringify(body)}`);
  }
  assert.equal(code(await request(eve, mine)), STALE);
  assert.equal((await request(again, hers)).status, 201, 'it is still good where it belongs');
  assert.equal((await request(me, mine)).status, 201);
  w.advance(30_000);
  const { status, body } = await request(me, over);
  answers.add(`${status} ${JSON.stringify(body)}`);
  assert.equal(answers.size, 1, [...answers].join('\n'));
});

test('a confirmation lives as long as the word that it was given for is fresh, and no longer', async (t) => {
  const w = await sessionWorld(t);
  const me = await signedIn(w);
  const spare = await word(me, { principal: ADA, issuedAt: w.world.now() - 20_000 });
  const late = await word(me, { principal: ADA, issuedAt: w.world.now() - 20_000 });
  // The clock of the test goes on as well.
  w.advance(5_000);
  assert.equal((await request(me, spare)).status, 201);
  w.advance(5_000);
  assert.equal(code(await request(me, late)), STALE);
});

test('a stolen confirmation is worth nothing without the key of its session, and the attempt does not use it up', async (t) => {
  const w = await sessionWorld(t);
  const me = await signedIn(w);
  const confirmation = await word(me);
  const thief = await w.caller();
  await thief.call('GET', '/v1/sign-in');
  thief.access = me.access;
  assert.equal(code(await request(thief, confirmation)), '401 ERR_NOT_SIGNED_IN');
  assert.equal((await request(me, confirmation)).status, 201);
});

test('each proof gives one confirmation: not twice, not by two at once, and not after it has opened the session', async (t) => {
  const w = await sessionWorld(t);
  const me = await w.caller();
  assert.equal((await signIn(me, { principal: ADA, once: 'sign-in' })).status, 201);
  assert.equal(code(await confirm(me, { principal: ADA, once: 'sign-in' })), STALE);
  assert.equal(code(await confirm(me, { principal: ADA, once: 'word' })), '200');
  assert.equal(code(await confirm(me, { principal: ADA, once: 'word' })), STALE);
  const both = await Promise.all([1, 2].map(() => confirm(me, { principal: ADA, once: 'race' })));
  assert.deepEqual(both.map(code).toSorted(), ['200', STALE]);
  const stranger = await w.caller();
  assert.equal(
    (await signIn(stranger, { principal: ADA, once: 'word' })).status,
    401,
    'nor does it open another session',
  );
});

test('eight words at the same moment give eight confirmations, each good for one call', async (t) => {
  const w = await sessionWorld(t);
  const me = await signedIn(w);
  await me.call('GET', '/v1/requests');
  const words = await Promise.all(Array.from({ length: 8 }, () => word(me)));
  const answers = await Promise.all(words.map((each) => request(me, each)));
  assert.deepEqual(answers.map(code), Array(8).fill('201'));
});

test('a word that is too far from now is refused, with the difference of the clocks and the name of the setting', async (t) => {
  const w = await sessionWorld(t);
  const me = await signedIn(w);
  const at = (offMs: number) => ({ principal: ADA, issuedAt: w.world.now() + offMs });
  for (const offMs of [-25_000, 30_000]) assert.equal(code(await confirm(me, at(offMs))), '200', String(offMs));
  for (const [offMs, message] of [
    [-45_000, "the word of idp is 45s old by the broker's clock, and may be 30s off at most"],
    [39_000, "the word of idp is 39s in the future by the broker's clock, and may be 30s off at most"],
  ] as const) {
    const refused = await confirm(me, at(offMs));
    assert.equal(code(refused), STALE);
    assert.equal(refused.body['title'], message);
    const seconds = Math.abs(offMs) / 1_000;
    assert.match(
      String(refused.body['hint']),
      new RegExp(`the clocks of idp and of the broker differ by ${seconds}s: .*sessions\\.word`),
    );
  }
});

test('a kept proof does not confirm later: the provider must have vouched just now', async (t) => {
  const w = await sessionWorld(t);
  const me = await signedIn(w);
  const kept = { subject_token: token({ principal: ADA, issuedAt: w.world.now() }), subject_token_type: ID_TOKEN };
  w.advance(31_000);
  assert.equal(code(await me.call('POST', '/v1/sessions/confirm', kept)), STALE);
});

test('groups are those of the last word of the provider, and somebody else cannot confirm', async (t) => {
  const w = await sessionWorld(t);
  const me = await signedIn(w);
  const groups = async (): Promise<readonly string[]> =>
    sessionViewSchema.parse((await me.call('GET', '/v1/sessions/current')).body).principal.groups;
  assert.equal((await confirm(me, { principal: { ...ADA, groups: [] } })).status, 200);
  assert.deepEqual(await groups(), []);
  for (const other of [
    { ...ADA, subject: 'eve' },
    { ...ADA, issuer: 'https://other.test' },
    { ...ADA, kind: 'agent' as const },
  ]) {
    assert.equal((await confirm(me, { principal: other })).status, 401);
  }
  assert.equal((await confirm(me, { principal: ADA, nonce: 'a nonce of another key' })).status, 401);
  assert.equal((await confirm(me, { principal: ADA, provider: 'another' })).status, 401);
  assert.deepEqual(await w.story(), ['session.opened', 'session.confirmed', 'session.refused: another identity']);
});

test('of two words the older gives back no group that the newer took away, whichever comes first', async (t) => {
  const w = await sessionWorld(t);
  const me = await signedIn(w);
  const issuedAt = w.world.now();
  const say = async (groups: readonly string[], at: number): Promise<readonly string[]> => {
    const answer = await confirm(me, { principal: { ...ADA, groups }, issuedAt: at });
    return confirmViewSchema.parse(answer.body).session.principal.groups;
  };
  assert.deepEqual(await say(['eng'], issuedAt + 2_000), ['eng']);
  assert.deepEqual(await say(['eng', 'leads'], issuedAt), ['eng']);
  assert.deepEqual(await say(['leads'], issuedAt), [], 'but it may take away');
  assert.deepEqual(await say(['eng', 'leads'], issuedAt + 2_000), ['eng', 'leads'], 'of one second the later counts');
});

test('a request repeated under its key after a lost answer costs another word, and is the same request', async (t) => {
  const w = await sessionWorld(t);
  const me = await signedIn(w);
  const key = { 'idempotency-key': 'k-1' };
  const idOf = ({ body }: Answer): string => JSON.parse(JSON.stringify(body)).request.id;
  const confirmation = await word(me);
  const first = await request(me, confirmation, key);
  assert.equal(code(await request(me, confirmation, key)), STALE);
  const again = await request(me, await word(me), key);
  assert.deepEqual([again.status, idOf(again)], [201, idOf(first)]);
});

test('a session of a proof that cannot be had anew needs no confirmation, and ends with the proof', async (t) => {
  const w = await sessionWorld(t);
  const me = await w.caller();
  const pod: Principal = { ...ADA, kind: 'workload', subject: 'pod' };
  assert.equal((await signIn(me, { principal: pod, renewal: 'fixed', until: w.world.now() + 120_000 })).status, 201);
  assert.equal(me.refresh, null);
  w.advance(100_000);
  assert.equal((await me.call('POST', '/v1/requests', ask())).status, 201);
  w.advance(20_000);
  assert.equal((await me.call('GET', '/v1/requests')).status, 401);
});

test('a confirmation is worth nothing once its session has ended', async (t) => {
  const w = await sessionWorld(t);
  const me = await signedIn(w);
  const confirmation = await word(me);
  assert.equal((await me.call('POST', '/v1/sessions/end')).status, 204);
  assert.equal(code(await request(me, confirmation)), '401 ERR_NOT_SIGNED_IN');
  assert.equal((await confirm(me, { principal: ADA })).status, 401);
});

test('the OpenAPI document says which calls take a confirmation, and no other takes one', async (t) => {
  const w = await sessionWorld(t);
  interface Operation {
    readonly parameters: readonly { readonly name: string; readonly in: string }[];
  }
  const response = await w.app.request('/v1/openapi.json', { headers: { host: 'broker.test' } });
  const document: { readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>> } = JSON.parse(
    await response.text(),
  );
  const taking = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, { parameters }]) => parameters.some((one) => one.in === 'header' && one.name === 'JIT-Confirmation'))
      .map(([method]) => `${method} ${path}`),
  );
  for (const each of ['post /v1/requests', 'post /v1/grants/{id}/credentials', 'post /v1/grants/{id}/renew'])
    assert.ok(taking.includes(each), each);
  for (const each of ['get /v1/requests', 'post /v1/grants/{id}/revoke', 'post /v1/sessions/confirm']) {
    assert.ok(!taking.includes(each), each);
  }
});
