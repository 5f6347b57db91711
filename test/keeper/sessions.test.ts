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

async function signIn(world: ReturnType<typeof place>, { ref }: SessionBroker, subject: string): Promise<void> {
  const memory = memoryStore();
  const here = { ...world, note: () => undefined, ask: null, choice: async () => null, memory: async () => memory };
  const parts = sessionPartsAt(here, ref);
  await signInAsPerson(parts, openSession(parts), PERSON, async (nonce) => fakeIdp().signIn(subject, nonce));
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

test('a real keeper process fetches the credentials of a grant at a shared broker, and the next before they run out', async (t) => {
  const grants = await fakeBroker(0);
  t.after(() => grants.stop());
  const broker = await sessionBroker({ routes: guarded(grants.port) });
  t.after(() => broker.stop());
  const world = place(t);
  await signIn(world, broker, 'ada');
  const keeper = await openKeeper({ paths: world.paths, launcher: resolve('bin/jit'), env: world.env });
  const outcome = grants.grant({ seconds: 3_600, credentialSeconds: 30 });
  const adoption = adoptionOf(outcome, { broker: broker.ref, profile: null, delivery: 'process' });
  await keeper.adopt(adoption);
  const first = await keeper.credential(adoption.grant, { format: 'aws' });
  await eventually(async () => {
    const { output } = (await keeper.credential(adoption.grant, { format: 'aws' })).expose();
    return output !== first.expose().output;
  });
  const issued = broker.calls.filter((call) => call.endsWith('/credentials 200'));
  assert.ok(issued.length >= 2);
  assert.equal((await keeper.list())[0]?.problem, null);
});
