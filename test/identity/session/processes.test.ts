/**
 * Real processes of one user with one session: many at once, and killed at every point of a renewal.
 * @module
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { type SessionBroker, type SessionBrokerOptions } from '../../fakes/sessions.ts';
import { tempFolder } from '../../support/home.ts';
import { type Ended, run } from '../../support/run.ts';
import { folderStore } from './process.ts';
import { scene } from './scene.ts';

const PROCESS = join(import.meta.dirname, 'process.ts');
const AHEAD_MS = 61_000;

interface Machine {
  readonly broker: SessionBroker;
  /** One process, that looks; killed at a point of its renewal, if one is named. */
  look(point?: 'begun' | 'answered' | 'stored'): Promise<Ended>;
}

/** A person is signed in, and the access token is over. */
async function machine(t: TestContext, options: SessionBrokerOptions = { tokenSeconds: 60 }): Promise<Machine> {
  const at = await scene(t, options);
  const folder = tempFolder(t);
  const store = folderStore(join(folder, 'keychain'), () => undefined);
  await at.signIn('ada', { keychain: async () => store });
  at.broker.later(AHEAD_MS);
  return {
    broker: at.broker,
    look: (point) =>
      run(process.execPath, [
        PROCESS,
        at.broker.ref.url.href,
        folder,
        String(AHEAD_MS),
        ...(point === undefined ? [] : [point]),
      ]),
  };
}

test('twenty processes at once with a token that is over: one renews it, all are served', async (t) => {
  const { broker, look } = await machine(t);
  const ended = await Promise.all(Array.from({ length: 20 }, () => look()));
  assert.deepEqual(
    ended.map(({ status, stderr }) => `${status} ${stderr}`),
    Array(20).fill('0 '),
  );
  assert.deepEqual(await broker.audit(), ['session.opened', 'session.renewed']);
});

test('killed before the refresh token was sent: the next process renews', async (t) => {
  const { broker, look } = await machine(t);
  assert.equal((await look('begun')).signal, 'SIGKILL');
  assert.equal((await look()).status, 0);
  assert.deepEqual(await broker.audit(), ['session.opened', 'session.renewed']);
});

test('killed after the new tokens were stored: the next process uses them', async (t) => {
  const { broker, look } = await machine(t);
  assert.equal((await look('stored')).signal, 'SIGKILL');
  assert.equal((await look()).status, 0);
  assert.deepEqual(await broker.audit(), ['session.opened', 'session.renewed']);
});

test('killed between the answer and the store: the session is over, and the next process says why and what to do', async (t) => {
  const { look } = await machine(t);
  assert.equal((await look('answered')).signal, 'SIGKILL');
  const { status, stderr } = await look();
  assert.equal(status, 4);
  assert.match(stderr, /^your session is over: a renewal of it was cut off before its answer was stored/);
});
