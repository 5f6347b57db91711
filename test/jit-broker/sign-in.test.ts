/**
 * Signing in to a shared broker, all of it real: the program jit-broker over TCP, the certified oidc-provider, moto as the
 * cloud, DPoP proofs by jose. What the command line makes of it has tests of its own.
 * @module
 */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { type Answer, type Caller, ID_TOKEN, makeCaller } from '../support/caller.ts';
import { type Idp, startIdp } from '../support/idp.ts';
import { startMoto } from '../support/moto.ts';
import { people, type SharedBroker, startSharedBroker } from '../support/shared-broker.ts';
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
  parts: { readonly cloud?: string; readonly sessions?: string } = {},
): Promise<World> {
  const idp = await startIdp(t, { accounts });
  const broker = await startSharedBroker(t, { identity: people(idp), ...parts });
  const send = async (path: string, sent: RequestInit): Promise<Response> => fetch(`${broker.url}${path}`, sent);
  return { idp, broker, caller: async () => makeCaller({ send, base: broker.url, now: Date.now }) };
}

interface Person extends Caller {
  /** Asks the provider for a fresh ID token and confirms the session with it, as a client does when the broker wants it. */
  confirm(): Promise<{ readonly status: number; readonly body: Readonly<Record<string, unknown>> }>;
}

/** Somebody who signed in at the provider and at the broker. */
async function signedIn({ idp, caller }: World, subject: string): Promise<Person> {
  const me = await caller();
  let { idToken, refreshToken } = await idp.signIn(subject, { nonce: me.thumbprint });
  assert.equal((await me.exchange(idToken)).status, 201);
  return Object.assign(me, {
    confirm: async () => {
      const { status, body } = await idp.refresh(refreshToken);
      if (status !== 200) return { status, body };
      [idToken, refreshToken] = [String(body['id_token']), String(body['refresh_token'])];
      return me.call('POST', '/v1/sessions/confirm', { subject_token: idToken, subject_token_type: ID_TOKEN });
    },
  });
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
    const granted = await ada.call('POST', '/v1/requests', REQUEST);
    assert.equal(granted.status, 201, JSON.stringify(granted.body));
    const { grant, request } = JSON.parse(JSON.stringify(granted.body));
    assert.equal(request.requester.subject, 'ada');
    assert.equal((await bob.call('GET', `/v1/grants/${grant.id}`)).status, 404);
    assert.equal((await bob.call('POST', `/v1/grants/${grant.id}/credentials`)).status, 404);
    assert.deepEqual((await bob.call('GET', '/v1/requests')).body, { items: [] });
    assert.equal((await ada.call('POST', `/v1/grants/${grant.id}/credentials`)).status, 200);
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
  'whoever leaves a group is issued nothing more, without signing in again',
  { skip: skipUnless('moto_server') },
  async (t) => {
    const w = await world(t, { cloud: await startMoto(t), sessions: 'recheck: 2s' });
    const ada = await signedIn(w, 'ada');
    const first = await ask(ada);
    assert.equal(first.status, 201, JSON.stringify(first.body));
    const { grant } = JSON.parse(JSON.stringify(first.body));
    assert.equal((await fresh(ada, async () => ada.call('POST', `/v1/grants/${grant.id}/credentials`))).status, 200);
    w.idp.setGroups('ada', []);
    await setTimeout(2_100);
    const denied = await ask(ada);
    assert.deepEqual([denied.status, denied.body['code']], [403, 'ERR_DENIED']);
    const again = await fresh(ada, async () => ada.call('POST', `/v1/grants/${grant.id}/credentials`));
    assert.deepEqual([again.status, again.body['code']], [403, 'ERR_DENIED'], JSON.stringify(again.body));
    assert.ok(
      w.broker.entries('grant.').some(({ type }) => /revok|end/.test(type)),
      'the grant was not ended',
    );
  },
);

test('whoever is disabled at the provider is issued nothing more', async (t) => {
  const w = await world(t, { sessions: 'recheck: 2s' });
  const ada = await signedIn(w, 'ada');
  w.idp.disable('ada');
  await setTimeout(2_100);
  const stale = await ask(ada);
  assert.deepEqual([stale.status, stale.body['error']], [400, 'invalid_grant']);
  const refused = await ada.call('POST', '/v1/requests', REQUEST);
  assert.deepEqual([refused.status, refused.body['code']], [401, 'ERR_IDENTITY_STALE']);
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

type Outcome = Pick<Answer, 'status' | 'body'>;

/** Asks; where the broker wants a fresh word of the provider, gets one and asks again. */
async function ask(person: Person): Promise<Outcome> {
  return fresh(person, async () => person.call('POST', '/v1/requests', REQUEST));
}

async function fresh(person: Person, call: () => Promise<Outcome>): Promise<Outcome> {
  for (let round = 1; ; round += 1) {
    const answer = await call();
    // On a busy machine a confirmation may be over before the call that follows it.
    if (answer.body['code'] !== 'ERR_IDENTITY_STALE' || round === 4) return answer;
    const confirmed = await person.confirm();
    if (confirmed.status !== 200) return confirmed;
  }
}
