/**
 * The keeper's calls to a shared broker, against the broker's own session routes, with the session that its user has stored.
 * @module
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openClient } from '../../src/client/client.ts';
import { sessionPartsAt } from '../../src/identity/session/here.ts';
import { signInAsPerson } from '../../src/identity/session/person.ts';
import { openSession } from '../../src/identity/session/session.ts';
import { openSessions } from '../../src/keeper/sessions.ts';
import { localPaths } from '../../src/local/paths.ts';
import { fakeIdp, PERSON, sessionBroker } from '../fakes/sessions.ts';
import { memoryStore } from '../identity/session/scene.ts';
import { tempHome } from '../support/home.ts';

test('the keeper calls as its user, finds a later sign-in by itself, and proves nothing on the socket of an embedded broker', async (t) => {
  const broker = await sessionBroker();
  t.after(() => broker.stop());
  const home = tempHome(t);
  const passphrase = join(home.path, 'passphrase');
  writeFileSync(passphrase, 'a passphrase for this test', { mode: 0o600 });
  const env = { ...home.env, JIT_SECRET_STORE: 'file', JIT_SECRET_PASSPHRASE_FILE: passphrase };
  const paths = localPaths(env, process.platform, process.geteuid?.() ?? 0);
  const world = {
    env,
    platform: process.platform,
    paths,
    userAgent: 'test',
    now: Date.now,
    random: (bytes: number) => randomBytes(bytes),
  };
  const idp = fakeIdp();
  const signIn = async (subject: string): Promise<void> => {
    const memory = memoryStore();
    const here = { ...world, note: () => undefined, ask: null, choice: async () => null, memory: async () => memory };
    const parts = sessionPartsAt(here, broker.ref);
    await signInAsPerson(parts, openSession(parts), PERSON, async (nonce) => idp.signIn(subject, nonce));
  };
  const authorizerOf = openSessions({ ...world, log: () => undefined });
  assert.equal(authorizerOf({ kind: 'embedded', socket: paths.brokerSocket }), undefined);
  const authorizer = authorizerOf(broker.ref);
  assert.equal(authorizerOf(broker.ref), authorizer);
  const client = openClient(broker.ref, { userAgent: 'test', authorizer });
  t.after(() => client.close());
  await assert.rejects(client.grants(), { code: 'ERR_NOT_SIGNED_IN', message: 'you are not signed in to work' });
  await signIn('ada');
  assert.equal((await client.session()).principal.name, 'ada');
  await signIn('grace');
  assert.equal((await client.session()).principal.name, 'grace');
});
