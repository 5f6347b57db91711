/**
 * Signing in to a shared broker, all of it real: the program jit-broker over TCP, the certified oidc-provider, moto as the
 * cloud, DPoP proofs by jose. What the command line makes of it has tests of its own.
 * @module
 */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { decodeJwt } from 'jose';
import { type Answer, type Caller, ID_TOKEN } from '../support/caller.ts';
import { eventually } from '../support/eventually.ts';
import { type Idp, type IdpOptions, startIdp } from '../support/idp.ts';
import { startMoto } from '../support/moto.ts';
import { people, type SharedBroker, startSharedBroker } from '../support/shared-broker.ts';
import { callerOf, type SignedIn, signedIn as signedInAt, type Word } from '../support/signed-in.ts';
import { skipUnless } from '../support/tools.ts';

const REQUEST = {
  authorization_details: [
    { type: 'jit_access', operation: 's3:GetObject', resources: ['arn:aws:s3:::b/*'], target: 'web' },
  ],
  seconds: 900,
  reason: 'test',
};

interface World {
  readonly idp: Idp;
  readonly broker: SharedBroker;
  caller(): Promise<Caller>;
}

const accounts = { ada: { name: 'Ada', groups: ['eng'] }, bob: { name: 'Bob', groups: ['eng'] } };

async function world(
  t: TestContext,
  { idTokens = 'with a jti', ...parts }: Pick<IdpOptions, 'idTokens'> & { cloud?: string; sessions?: string } = {},
): Promise<World> {
  const idp = await startIdp(t, { accounts, idTokens });
  const broker = await startSharedBroker(t, { identity: people(idp), ...parts });
  return { idp, broker, caller: async () => callerOf(broker.url) };
}

/** Somebody who signed in at the provider and at the broker. */
const signedIn = async ({ idp, broker }: World, subject: string): Promise<SignedIn> =>
  signedInAt(broker.url, idp, subject);

async function good(person: SignedIn): Promise<Word> {
  const word = await person.word();
  return 'status' in word ? assert.fail(JSON.stringify(word.body)) : word;
}

test('what the broker says to whoever wants to sign in', async (t) => {
  const { idp, broker } = await world(t);
  const response = await fetch(`${broker.url}/v1/sign-in`);
  assert.equal(response.status, 200);
  const scopes = ['openid', 'profile', 'groups', 'offline_access'];
  assert.deepEqual(await response.json(), {
    audience: 'https://jit.example',
    providers: [{ name: 'idp', type: 'oidc', issuer: idp.issuer, client: { id: idp.clientId, scopes, device: false } }],
  });
});

test(
  'two people on one broker: each is who the provider says, and sees their own only',
  { skip: skipUnless('moto_server') },
  async (t) => {
    const w = await world(t, { cloud: await startMoto(t) });
    const [ada, bob] = [await signedIn(w, 'ada'), await signedIn(w, 'bob')];
    const granted = await ada.fresh('/v1/requests', REQUEST);
    assert.equal(granted.status, 201, JSON.stringify(granted.body));
    const { grant, request } = JSON.parse(JSON.stringify(granted.body));
    assert.equal(request.requester.subject, 'ada');
    assert.equal((await bob.call('GET', `/v1/grants/${grant.id}`)).status, 404);
    assert.equal((await bob.fresh(`/v1/grants/${grant.id}/credentials`)).status, 404);
    assert.deepEqual((await bob.call('GET', '/v1/requests')).body, { items: [] });
    assert.equal((await ada.fresh(`/v1/grants/${grant.id}/credentials`)).status, 200);
    const actors = w.broker.entries('request.submitted').map(({ actor }) => actor['subject']);
    assert.deepEqual(actors, ['ada']);
  },
);

test("an ID token that was made for somebody else's key, or was used, opens nothing", async (t) => {
  const w = await world(t);
  const [ada, thief] = [await w.caller(), await w.caller()];
  const { idToken } = await w.idp.signIn('ada', { nonce: ada.thumbprint });
  assert.equal((await thief.exchange(idToken)).status, 401);
  assert.equal((await ada.exchange(idToken)).status, 201);
  assert.equal((await ada.exchange(idToken)).status, 401);
  assert.deepEqual(
    w.broker.entries('session.').map(({ type }) => type),
    ['session.opened'],
  );
});

test('of two ID tokens that are alike but for the signature, one is a word; the next second brings another', async (t) => {
  const w = await world(t, { idTokens: 'alike within a second' });
  const ada = await w.caller();
  const first = await w.idp.signIn('ada', { nonce: ada.thumbprint });
  assert.equal((await ada.exchange(first.idToken)).status, 201);
  let { refreshToken } = first;
  const next = async (): Promise<string> => {
    const { body } = await w.idp.refresh(refreshToken);
    refreshToken = String(body['refresh_token']);
    return String(body['id_token']);
  };
  const [one, other] = await eventually(async () => {
    const two = [await next(), await next()] as const;
    const [a, b] = two.map((token) => decodeJwt(token));
    return a?.iat === b?.iat && a?.iat !== decodeJwt(first.idToken).iat ? two : null;
  });
  assert.notEqual(one, other);
  assert.deepEqual(decodeJwt(one), decodeJwt(other));
  const confirm = async (token: string): Promise<Answer> =>
    ada.call('POST', '/v1/sessions/confirm', { subject_token: token, subject_token_type: ID_TOKEN });
  assert.equal((await confirm(one)).status, 200);
  const { status, body } = await confirm(other);
  assert.deepEqual([status, body['code']], [401, 'ERR_IDENTITY_STALE']);
  const later = await eventually(async () => {
    const token = await next();
    return decodeJwt(token).iat === decodeJwt(one).iat ? null : token;
  });
  assert.equal((await confirm(later)).status, 200);
});

test('a session token and a proof that were stolen are refused from another process, with an entry', async (t) => {
  const w = await world(t);
  const [ada, thief] = [await signedIn(w, 'ada'), await w.caller()];
  await thief.call('GET', '/v1/sign-in');
  thief.access = ada.access;
  assert.equal((await thief.call('GET', '/v1/requests')).status, 401);
  const authorization = `DPoP ${ada.access}`;
  const dpop = await ada.proof('GET', '/v1/requests');
  const replay = async (): Promise<number> =>
    (await fetch(`${w.broker.url}/v1/requests`, { headers: { authorization, dpop } })).status;
  assert.deepEqual([await replay(), await replay()], [200, 401]);
  const causes = w.broker.entries('session.refused').map(({ data }) => data['cause']);
  assert.deepEqual(causes, ['another key', 'replayed']);
});

test(
  'whoever leaves a group right after an issuance: the very next request and the very next credentials are refused, and the grant ends',
  { skip: skipUnless('moto_server') },
  async (t) => {
    const w = await world(t, { cloud: await startMoto(t) });
    const ada = await signedIn(w, 'ada');
    const first = await ada.fresh('/v1/requests', REQUEST);
    assert.equal(first.status, 201, JSON.stringify(first.body));
    const { grant } = JSON.parse(JSON.stringify(first.body));
    const credentials = `/v1/grants/${grant.id}/credentials`;
    assert.equal((await ada.fresh(credentials)).status, 200);
    const kept = await good(ada);
    w.idp.setGroups('ada', []);
    for (const refused of [await ada.fresh('/v1/requests', REQUEST), await ada.fresh(credentials)]) {
      assert.deepEqual([refused.status, refused.body['code']], [403, 'ERR_DENIED'], JSON.stringify(refused.body));
    }
    const late = await ada.call('POST', '/v1/requests', REQUEST, kept);
    assert.deepEqual([late.status, late.body['code']], [403, 'ERR_DENIED'], 'a word from before does not help');
    assert.ok(
      w.broker.entries('grant.').some(({ type }) => /revok|end/.test(type)),
      'the grant was not ended',
    );
  },
);

test(
  'whoever is disabled right after an issuance: there is no word for the very next, and without one nothing is issued',
  { skip: skipUnless('moto_server') },
  async (t) => {
    const w = await world(t, { cloud: await startMoto(t) });
    const ada = await signedIn(w, 'ada');
    const first = await ada.fresh('/v1/requests', REQUEST);
    const { grant } = JSON.parse(JSON.stringify(first.body));
    w.idp.disable('ada');
    for (const path of ['/v1/requests', `/v1/grants/${grant.id}/credentials`]) {
      const body = path === '/v1/requests' ? REQUEST : undefined;
      const wordless = await ada.fresh(path, body);
      assert.deepEqual([wordless.status, wordless.body['error']], [400, 'invalid_grant']);
      const refused = await ada.call('POST', path, body);
      assert.deepEqual([refused.status, refused.body['code']], [401, 'ERR_IDENTITY_STALE']);
    }
    assert.equal(w.broker.entries('request.submitted').length, 1);
  },
);

test('one confirmation of a real word lets one call through, whoever races for it', async (t) => {
  const w = await world(t);
  const ada = await signedIn(w, 'ada');
  const confirmation = await good(ada);
  // No cloud can be reached here, so what gets through says so.
  const all = await Promise.all([1, 2, 3, 4].map(() => ada.call('POST', '/v1/requests', REQUEST, confirmation)));
  assert.equal(all.filter(({ body }) => body['code'] === 'ERR_IDENTITY_STALE').length, 3);
  assert.equal(w.broker.entries('request.submitted').length, 1);
});

test('a session lives on through a restart of the broker; a proof from before it does not', async (t) => {
  const w = await world(t);
  const ada = await signedIn(w, 'ada');
  const authorization = `DPoP ${ada.access}`;
  const unused = await ada.proof('GET', '/v1/requests');
  await w.broker.restart();
  const old = await fetch(`${w.broker.url}/v1/requests`, { headers: { authorization, dpop: unused } });
  assert.equal(old.status, 401);
  assert.equal((await ada.call('GET', '/v1/requests')).status, 200);
});

test('with the provider down nobody new comes in, and who is in can still look and end', async (t) => {
  const w = await world(t);
  const ada = await signedIn(w, 'ada');
  const { idToken } = await w.idp.signIn('bob', { nonce: (await w.caller()).thumbprint });
  await w.idp.stop();
  await w.broker.restart();
  assert.equal((await ada.call('GET', '/v1/requests')).status, 200);
  const bob = await w.caller();
  const refused = await bob.exchange(idToken);
  assert.deepEqual([refused.status, refused.body['code']], [503, 'ERR_IDENTITY_PROVIDER']);
  assert.equal((await ada.call('POST', '/v1/sessions/end')).status, 204);
});
