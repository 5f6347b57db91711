/**
 * A proof covers the body that carries it: changed in any way, STS is not even asked. Over the broker's own application, with
 * an STS that vouches for everybody.
 * @module
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test, type TestContext } from 'node:test';
import * as fc from 'fast-check';
import { openSqliteStore } from '../../../src/broker/store/sqlite/store.ts';
import type { Principal } from '../../../src/core/principal.ts';
import { coveredBody, type Members } from '../../../src/identity/verify/covered.ts';
import { AWS_CALLER, TOKEN_EXCHANGE, TOKEN_TYPES } from '../../../src/wire/sessions.ts';
import { believer, sessionApp, token } from '../../fakes/session-app.ts';
import { type Answer, type Caller, ID_TOKEN, makeCaller } from '../../support/caller.ts';
import { AUDIENCE, BINDING, broker, cannedSts, entryText, identityXml, prove, refusal } from './support.ts';

const [, JWT] = TOKEN_TYPES;
const ADA: Principal = { kind: 'user', issuer: 'https://id.test', subject: 'ada', name: 'Ada', groups: [] };

test('the hash is that of the members as canonical JSON, without the token that carries it', () => {
  const body = { subject_token: 's', subject_token_type: AWS_CALLER, grant_type: TOKEN_EXCHANGE };
  // printf '{"grant_type":"…","subject_token_type":"…"}' | openssl dgst -sha256 -binary | basenc --base64url
  assert.equal(coveredBody(body, 'subject'), 'Q1ja5VcWuGiLBOsJy5c9F2KBB1dDZMkF-D1TJcV9jOc');
  assert.equal(
    coveredBody({ ...body, subject_token: 'other', actor_token: undefined }, 'subject'),
    'Q1ja5VcWuGiLBOsJy5c9F2KBB1dDZMkF-D1TJcV9jOc',
  );
  const both = { ...body, actor_token: 'a', actor_token_type: AWS_CALLER };
  assert.notEqual(coveredBody(both, 'subject'), coveredBody({ ...both, actor_token: 'b' }, 'subject'));
  assert.equal(coveredBody(both, 'actor'), coveredBody({ ...both, actor_token: 'b', subject_token: 'c' }, 'actor'));
  assert.notEqual(coveredBody(both, 'actor'), coveredBody(body, 'actor'));
  const odd: Members = JSON.parse('{"__proto__": "x"}');
  assert.notEqual(coveredBody(odd, 'subject'), coveredBody({}, 'subject'));
});

const name = fc.oneof(
  fc.constantFrom('grant_type', 'subject_token_type', 'actor_token', 'actor_token_type', 'device', 'act', 'scope'),
  fc.string({ minLength: 1, unit: 'grapheme-ascii' }),
);
const value = fc.oneof(fc.constantFrom<string>(...TOKEN_TYPES, TOKEN_EXCHANGE), fc.string({ unit: 'grapheme' }));
const members = fc.dictionary(name, value, { maxKeys: 6, noNullPrototype: true });

/** Two bodies that differ in one member: added, removed, or with another value. */
const pair = fc.tuple(members, name, fc.option(value)).map(([body, changed, to]): readonly [Members, Members] => {
  const { [changed]: _, ...rest } = body;
  return [body, to === null ? rest : { ...rest, [changed]: to }];
});

test('any change of any member of the body is refused, and STS is not asked', async (t) => {
  const sts = await cannedSts(t, () => ({ body: identityXml() }));
  const verify = broker({ entries: [entryText({ endpoint: sts.url })] });
  await fc.assert(
    fc.asyncProperty(pair, fc.constantFrom('subject' as const, 'actor' as const), async ([body, other], by) => {
      const left = by === 'subject' ? ['subject_token'] : ['subject_token', 'actor_token'];
      const differs = [...new Set([...Object.keys(body), ...Object.keys(other)])].filter(
        (each) => body[each] !== other[each] && !left.includes(each),
      );
      fc.pre(differs.length > 0);
      const proof = await prove({ binding: { ...BINDING, body: coveredBody(body, by) } });
      const reason = await refusal(verify(proof, { ...BINDING, body: coveredBody(other, by) }));
      assert.equal(reason, 'made for another broker, nonce, key or body');
    }),
    { numRuns: 200 },
  );
  assert.deepEqual(sts.seen, []);
});

interface Scene {
  readonly me: Caller;
  readonly asked: () => number;
  /** A proof for the next call of the caller, over that body. */
  proof(body: Members, by: 'subject' | 'actor'): Promise<string>;
  post(body: Members): Promise<Answer>;
}

async function scene(t: TestContext, kind: 'workload' | 'agent'): Promise<Scene> {
  const sts = await cannedSts(t, () => ({ body: identityXml() }));
  const aws = broker({ entries: [entryText({ endpoint: sts.url, kind })] });
  const others = believer(Date.now);
  const store = await openSqliteStore({ file: ':memory:', now: Date.now });
  t.after(() => store.close());
  const app = sessionApp({
    store,
    verifier: {
      verify: async (assertion, binding) =>
        assertion.type === AWS_CALLER ? aws(assertion.token, binding) : others.verify(assertion, binding),
    },
    signIn: { audience: AUDIENCE, providers: [] },
    now: Date.now,
    random: (bytes) => randomBytes(bytes),
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    routes: [],
    hosts: null,
  });
  const host = new URL(AUDIENCE).host;
  const me = await makeCaller({
    send: async (path, { headers, ...sent }) => app.request(path, { ...sent, headers: { host, ...headers } }),
    base: AUDIENCE,
    now: Date.now,
  });
  return {
    me,
    asked: () => sts.seen.length,
    proof: async (body, by) => {
      const nonce = (await me.call('GET', '/v1/sign-in')).headers.get('dpop-nonce') ?? '';
      const binding = { keyThumbprint: me.thumbprint, nonce, body: coveredBody(body, by) };
      return (await prove({ binding })).expose();
    },
    post: async (body) => me.call('POST', '/v1/sessions', body),
  };
}

test('a workload signs in with a proof over its body; a proof over any other body is refused before STS is asked', async (t) => {
  const at = await scene(t, 'workload');
  const body = { grant_type: TOKEN_EXCHANGE, subject_token_type: AWS_CALLER };
  const actor = { actor_token: token({ principal: ADA }), actor_token_type: JWT };
  for (const [signed, sent] of [
    [body, { ...body, ...actor }],
    [{ ...body, ...actor }, body],
    [
      { ...body, ...actor },
      { ...body, ...actor, actor_token: token({ principal: ADA }) },
    ],
    [
      { ...body, ...actor },
      { ...body, ...actor, actor_token_type: ID_TOKEN },
    ],
    [{ subject_token_type: AWS_CALLER }, body],
    [{ ...body, device: 'x' }, body],
    [{}, body],
  ] as const) {
    const { status } = await at.post({ ...sent, subject_token: await at.proof(signed, 'subject') });
    assert.equal(status, 401, JSON.stringify(sent));
  }
  const swapped = await at.post({ ...body, subject_token_type: JWT, subject_token: await at.proof(body, 'subject') });
  assert.equal(swapped.status, 401);
  const unknown = await at.post({ ...body, device: 'x', subject_token: await at.proof(body, 'subject') });
  assert.equal(unknown.status, 400);
  assert.equal(at.asked(), 0);
  const good = await at.post({ ...body, subject_token: await at.proof(body, 'subject') });
  assert.equal(good.status, 201, JSON.stringify(good.body));
  assert.equal(at.asked(), 1);
});

test('each word of AWS is a proof over the body that asks for the confirmation, and no sign-in serves as one', async (t) => {
  const at = await scene(t, 'workload');
  const signIn = { grant_type: TOKEN_EXCHANGE, subject_token_type: AWS_CALLER };
  const opened = await at.post({ ...signIn, subject_token: await at.proof(signIn, 'subject') });
  at.me.access = String(opened.body['access_token']);
  const type = { subject_token_type: AWS_CALLER };
  const confirm = async (signed: Members): Promise<number> => {
    const body = { ...type, subject_token: await at.proof(signed, 'subject') };
    return (await at.me.call('POST', '/v1/sessions/confirm', body)).status;
  };
  assert.deepEqual([await confirm(signIn), await confirm({}), await confirm(type)], [401, 401, 200]);
});

test('an agent proves itself with a proof over all but the two tokens', async (t) => {
  const at = await scene(t, 'agent');
  const body = { grant_type: TOKEN_EXCHANGE, subject_token_type: ID_TOKEN, actor_token_type: AWS_CALLER };
  const person = (): string => token({ principal: ADA, nonce: at.me.thumbprint });
  const wrong: readonly Members[] = [
    { ...body, subject_token_type: JWT },
    { ...body, grant_type: 'refresh_token' },
    { ...body, scope: 'x' },
    { grant_type: TOKEN_EXCHANGE, subject_token_type: ID_TOKEN },
  ];
  for (const signed of wrong) {
    const actor = await at.proof(signed, 'actor');
    const { status } = await at.post({ ...body, subject_token: person(), actor_token: actor });
    assert.equal(status, 401, JSON.stringify(signed));
  }
  assert.equal(at.asked(), 0);
  const actor = await at.proof(body, 'actor');
  const good = await at.post({ ...body, subject_token: person(), actor_token: actor });
  assert.equal(good.status, 201, JSON.stringify(good.body));
});
