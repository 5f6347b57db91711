/**
 * The keeper's calls to a shared broker, against the broker's own session routes, with the session that its user has stored.
 * @module
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test, type TestContext } from 'node:test';
import { type Route, route } from '../../src/broker/http/routes.ts';
import { openClient } from '../../src/client/client.ts';
import { sessionPartsAt } from '../../src/identity/session/here.ts';
import { Secret } from '../../src/core/secret.ts';
import { identityProviderSchema } from '../../src/identity/verify/config.ts';
import type { Verifier } from '../../src/identity/verify/verified.ts';
import { makeVerifier } from '../../src/identity/verify/verifier.ts';
import { signInAsPerson } from '../../src/identity/session/person.ts';
import { openSession } from '../../src/identity/session/session.ts';
import { adoptionOf, openKeeper } from '../../src/keeper/connect.ts';
import { openSessions } from '../../src/keeper/sessions.ts';
import { localPaths } from '../../src/local/paths.ts';
import { credentialsViewSchema, outcomeSchema } from '../../src/wire/views.ts';
import { fakeBroker } from '../fakes/broker.ts';
import { fakeIdp, PERSON, type SessionBroker, sessionBroker } from '../fakes/sessions.ts';
import { memoryStore } from '../identity/session/scene.ts';
import { eventually } from '../support/eventually.ts';
import { tempHome } from '../support/home.ts';
import { type Idp, startIdp } from '../support/idp.ts';

/** A home in which somebody can be signed in, its secrets in an encrypted file. */
function place(t: TestContext) {
  const home = tempHome(t);
  const passphrase = join(home.path, 'passphrase');
  writeFileSync(passphrase, 'a passphrase for this test', { mode: 0o600 });
  const env = { ...home.env, JIT_SECRET_STORE: 'file', JIT_SECRET_PASSPHRASE_FILE: passphrase };
  const paths = localPaths(env, process.platform, process.geteuid?.() ?? 0);
  const random = (bytes: number): Uint8Array => randomBytes(bytes);
  return { env, platform: process.platform, paths, userAgent: 'test', now: Date.now, random };
}

async function signIn(
  world: ReturnType<typeof place>,
  { ref }: SessionBroker,
  subject: string,
  idp: Idp | null = null,
): Promise<void> {
  const memory = memoryStore();
  const here = { ...world, note: () => undefined, ask: null, choice: async () => null, memory: async () => memory };
  const parts = sessionPartsAt(here, ref);
  await signInAsPerson(parts, openSession(parts), idp?.view ?? PERSON, async (nonce) => {
    if (idp === null) return fakeIdp().signIn(subject, nonce);
    const { idToken, refreshToken } = await idp.signIn(subject, { nonce });
    return { idToken: new Secret(idToken), refreshToken: new Secret(refreshToken) };
  });
}

test('the keeper calls as its user, finds a later sign-in by itself, and proves nothing on the socket of an embedded broker', async (t) => {
  const broker = await sessionBroker();
  t.after(() => broker.stop());
  const world = place(t);
  const authorizerOf = openSessions({ ...world, log: () => undefined });
  assert.equal(authorizerOf({ kind: 'embedded', socket: world.paths.brokerSocket }), undefined);
  const authorizer = authorizerOf(broker.ref);
  assert.equal(authorizerOf(broker.ref), authorizer);
  const client = openClient(broker.ref, { userAgent: 'test', authorizer });
  t.after(() => client.close());
  await assert.rejects(client.grants(), {
    code: 'ERR_NOT_SIGNED_IN',
    message: 'you are not signed in',
    broker: 'work',
  });
  await signIn(world, broker, 'ada');
  assert.equal((await client.session()).principal.name, 'ada');
  await signIn(world, broker, 'grace');
  assert.equal((await client.session()).principal.name, 'grace');
});

/** Grants of a stand-in behind the door of the real broker. */
function guarded(port: number): readonly Route[] {
  const ask = async (path: string, method: string): Promise<unknown> =>
    (await fetch(`http://127.0.0.1:${port}/v1/grants/${path}`, { method })).json();
  return [
    route({
      method: 'GET',
      path: '/v1/grants/{id}',
      summary: 'none',
      query: [
        { name: 'wait', description: 'ignored' },
        { name: 'after', description: 'ignored' },
      ],
      reply: outcomeSchema,
      status: 200,
      run: async ({ id }) => outcomeSchema.parse(await ask(id, 'GET')),
    }),
    route({
      method: 'POST',
      path: '/v1/grants/{id}/credentials',
      summary: 'none',
      access: () => 'fresh',
      reply: credentialsViewSchema,
      status: 200,
      run: async ({ id }) => credentialsViewSchema.parse(await ask(`${id}/credentials`, 'POST')),
    }),
  ];
}

test('a real keeper process, a real identity provider: the next credentials before they run out, and none once the person is disabled', async (t) => {
  const grants = await fakeBroker(0);
  t.after(() => grants.stop());
  const idp = await startIdp(t, { accounts: { ada: {} } });
  const broker = await sessionBroker({
    routes: guarded(grants.port),
    verifier: verifierFor(idp),
    providers: [idp.view],
  });
  t.after(() => broker.stop());
  const world = place(t);
  await signIn(world, broker, 'ada', idp);
  const keeper = await openKeeper({ paths: world.paths, launcher: resolve('bin/jit'), env: world.env });
  const outcome = grants.grant({ seconds: 3_600, credentialSeconds: 30 });
  const adoption = adoptionOf(outcome, { broker: broker.ref, profiles: [], delivery: 'process' });
  await keeper.adopt(adoption);
  const output = async (): Promise<string> =>
    (await keeper.credential(adoption.grant, { format: 'aws' })).expose().output;
  const first = await output();
  await eventually(async () => (await output()) !== first);
  const issued = (): number => broker.calls.filter((call) => call.endsWith('/credentials 200')).length;
  const words = (): number => broker.calls.filter((call) => call.endsWith('/confirm 200')).length;
  assert.ok(issued() >= 2);
  assert.ok(words() >= issued(), 'each of them on a word of its own');
  assert.equal((await keeper.list())[0]?.problem, null);
  idp.disable('ada');
  const asked = (): number => idp.calls.filter((call) => call === 'POST /token').length;
  const [issuedBefore, askedBefore] = [issued(), asked()];
  await eventually(async () => {
    await output().catch(() => '');
    return asked() > askedBefore + 1;
  });
  assert.ok(issued() <= issuedBefore + 1, 'none but one that was under way');
});

function verifierFor({ issuer, clientId }: Idp): Verifier {
  const entry = { type: 'oidc', issuer, client_id: clientId, algorithms: ['ES256'], allow_private_addresses: true };
  const config = identityProviderSchema.parse(entry);
  const log = { info: () => undefined, warn: () => undefined };
  return makeVerifier({ providers: new Map([['idp', config]]), audience: 'nobody', now: Date.now, log });
}
