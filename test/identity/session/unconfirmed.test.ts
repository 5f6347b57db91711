/**
 * What a client does while its identity provider gives no answer: our session and client against the broker's own sessions on a
 * real socket. What the provider says, or does not, is the test's.
 * @module
 */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { route } from '../../../src/broker/http/routes.ts';
import { asJitError, JitError, worded } from '../../../src/core/errors.ts';
import type { Standing } from '../../../src/identity/verify/standing.ts';
import { outcomeListSchema } from '../../../src/wire/views.ts';
import { ciSource, issue, look, type Process, scene, type Scene } from './scene.ts';

const ROUTES = [
  route({
    method: 'POST',
    path: '/v1/grants/{id}/use',
    summary: 'issues nothing, on the same condition as what does in an emergency',
    access: () => 'fresh',
    emergency: async ({ id }) => (id === `gr_${'0'.repeat(26)}` ? { request: null, grant: null } : null),
    reply: null,
    status: 204,
    run: async () => undefined,
  }),
  route({
    method: 'GET',
    path: '/v1/grants',
    summary: 'none',
    query: [{ name: 'live', description: 'true' }],
    reply: outcomeListSchema,
    status: 200,
    run: async () => ({ items: [] }),
  }),
];
const USE = 'POST /v1/grants/gr_00000000000000000000000000/use';
const ordinary = ({ client }: Process): Promise<unknown> => client.use(`gr_${'1'.repeat(26)}`, { uses: [] });

const GONE = new JitError({ code: 'ERR_IDENTITY_PROVIDER', message: 'identity provider okta refuses connections' });

interface Outage {
  readonly at: Scene;
  readonly ada: Process;
  /** What was said to the user. */
  readonly notes: readonly string[];
  /** What the client hears of its provider; null: it vouches. */
  trouble: JitError | null;
  /** What the broker finds. */
  standing: Standing;
}

async function outage(t: TestContext, emergencySeconds = 3_600): Promise<Outage> {
  const notes: string[] = [];
  const state: { trouble: JitError | null; standing: Standing } = {
    trouble: GONE,
    standing: { kind: 'down', why: 'ECONNREFUSED' },
  };
  const at = await scene(t, {
    routes: ROUTES,
    tokenSeconds: 60,
    emergency: { emergencySeconds, standing: async () => state.standing },
  });
  const ada = await at.signIn('ada', {
    note: (line) => notes.push(line),
    refreshIdp: async ({ refreshToken }) => {
      if (state.trouble !== null) throw state.trouble;
      return await at.idp.refresh(refreshToken);
    },
  });
  return Object.assign(state, { at, ada, notes });
}

const told = async (work: Promise<unknown>): Promise<JitError> =>
  asJitError(
    await work.then(
      () => assert.fail('it should have failed'),
      (thrown: unknown) => thrown,
    ),
  );

test('an emergency call goes on without a word, and says so once it has been done', async (t) => {
  const o = await outage(t);
  await look(o.ada);
  const from = o.at.broker.calls.length;
  await issue(o.ada);
  assert.deepEqual(o.at.broker.calls.slice(from), [`${USE} 401`, `${USE} 204`]);
  assert.equal((await o.at.broker.audit()).at(-1), 'session.unconfirmed');
  assert.deepEqual(o.notes, [
    'identity provider okta refuses connections: the broker found the same, so this was done without its word, and the audit log says so',
  ]);
});

test('an access token that is over is renewed without the provider', async (t) => {
  const o = await outage(t);
  o.at.broker.later(60_000);
  await issue(o.ada);
  assert.deepEqual((await o.at.broker.audit()).slice(-2), ['session.renewed', 'session.unconfirmed']);
});

test('another call fails with what is wrong at the provider, and what the broker has to say to that', async (t) => {
  const o = await outage(t);
  const error = await told(ordinary(o.ada));
  assert.deepEqual([error.code, error.facts.exit], ['ERR_IDENTITY_PROVIDER', 8]);
  assert.equal(
    worded(error),
    'work: identity provider okta refuses connections; only emergency access goes on without a word of identity provider okta',
  );
  assert.match(error.hint ?? '', /jit breakglass/);
  assert.deepEqual(o.notes, []);
});

test('a broker that reaches the provider, or that never goes on without it, says so', async (t) => {
  const o = await outage(t);
  o.standing = { kind: 'answers' };
  const error = await told(issue(o.ada));
  assert.deepEqual([error.code, error.facts.exit], ['ERR_IDENTITY_PROVIDER', 8]);
  assert.match(
    error.message,
    /^identity provider okta refuses connections; the broker can reach identity provider okta/,
  );
  const strict = await outage(t, 0);
  assert.match((await told(issue(strict.ada))).message, /; without a word of .* nothing is issued here/);
  assert.deepEqual([...o.notes, ...strict.notes], []);
});

test('a provider that vouches no more is no outage, and one that is back is asked first', async (t) => {
  const o = await outage(t);
  await issue(o.ada);
  o.trouble = null;
  const from = o.at.broker.calls.length;
  await issue(o.ada);
  assert.deepEqual(o.at.broker.calls.slice(from), [`${USE} 401`, 'POST /v1/sessions/confirm 200', `${USE} 204`]);
  assert.equal(o.notes.length, 1);
  o.at.idp.disable('ada');
  const calls = o.at.broker.calls.length;
  assert.equal((await told(issue(o.ada))).code, 'ERR_NOT_SIGNED_IN');
  assert.deepEqual(o.at.broker.calls.slice(calls), [`${USE} 401`], 'nothing was tried without a word');
});

test('for a workload nothing is tried without a word', async (t) => {
  const o = await outage(t);
  const source = ciSource();
  o.at.sources = [source];
  const job = o.at.process({ keychain: async () => ({ ...o.at.memory, get: async () => null }) });
  await look(job);
  source.fetch = async () => {
    throw GONE;
  };
  const from = o.at.broker.calls.length;
  assert.equal((await told(issue(job))).message, GONE.message);
  assert.deepEqual(
    o.at.broker.calls.slice(from).filter((call) => call.startsWith(USE)),
    [`${USE} 401`],
  );
});
