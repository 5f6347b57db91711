/**
 * Workloads that sign in by themselves, against the broker's own session routes.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JitError } from '../../../src/core/errors.ts';
import { parseBrokerUrl } from '../../../src/client/ref.ts';
import { openClient } from '../../../src/client/client.ts';
import { PERSON } from '../../fakes/sessions.ts';
import { ciSource, issue, look, scene } from './scene.ts';

test('a job without a session signs in with what it finds, once for all of its commands, in memory only', async (t) => {
  const at = await scene(t);
  const ci = ciSource();
  at.sources = [ci];
  await look(at.process());
  await look(at.process());
  const session = await at.process().client.session();
  assert.deepEqual([session.principal.kind, session.principal.name], ['workload', 'repo:1']);
  assert.deepEqual(
    ci.asked.map(({ audience }) => audience),
    [at.broker.audience],
  );
  assert.ok((ci.asked[0]?.nonce ?? '') !== '', 'the proof could be bound to the nonce of the broker');
  assert.deepEqual([at.keychain.kept.size, at.memory.kept.size], [0, 1]);
});

test('twenty commands of a job at once sign in once', async (t) => {
  const at = await scene(t);
  at.sources = [ciSource({ once: 'job-1' })];
  await Promise.all(Array.from({ length: 20 }, () => look(at.process())));
  assert.deepEqual(await at.broker.audit(), ['session.opened']);
});

test('a machine without a keychain does not keep a job from signing in', async (t) => {
  const at = await scene(t);
  at.keychain.trouble = new JitError({ code: 'ERR_KEYCHAIN', message: 'this machine has no keychain' });
  at.sources = [ciSource()];
  await look(at.process());
});

test("a person's session is used where there is one, whatever else is found", async (t) => {
  const at = await scene(t);
  await at.signIn('ada');
  at.sources = [ciSource()];
  assert.equal((await at.process().client.session()).principal.name, 'ada');
});

test('before each issuance a fresh proof is fetched from the source', async (t) => {
  const at = await scene(t);
  const ci = ciSource();
  at.sources = [ci];
  await issue(at.process());
  await issue(at.process());
  assert.equal(ci.asked.length, 3);
  assert.deepEqual(await at.broker.audit(), ['session.opened', 'session.confirmed', 'session.confirmed']);
});

test('a proof that is handed out once is not asked for again', async (t) => {
  const at = await scene(t);
  const ci = ciSource({ renewal: 'fixed', once: 'job-1' });
  at.sources = [ci];
  await issue(at.process());
  at.broker.later(31_000);
  await issue(at.process());
  assert.equal(ci.asked.length, 1);
});

test('a session that the broker has ended is opened anew, if the source can vouch again', async (t) => {
  const at = await scene(t);
  at.sources = [ciSource()];
  const job = at.process();
  await look(job);
  await job.client.endSession();
  await look(job);
  assert.deepEqual(await at.broker.audit(), ['session.opened', 'session.ended', 'session.opened']);
});

test('a proof that was used before is refused, and the message names the broker and what vouched', async (t) => {
  const at = await scene(t);
  at.sources = [ciSource({ once: 'job-1' })];
  const job = at.process();
  await look(job);
  at.memory.kept.clear();
  await assert.rejects(look(at.process()), {
    code: 'ERR_NOT_SIGNED_IN',
    message: 'the broker does not take the identity that GitHub Actions vouches for',
    broker: 'work',
  });
});

test('a source that this broker has no provider for is not asked for anything', async (t) => {
  const at = await scene(t, { providers: [PERSON] });
  const ci = ciSource();
  at.sources = [ci];
  await assert.rejects(look(at.process()), {
    code: 'ERR_NOT_SIGNED_IN',
    broker: 'work',
    message: /nobody is signed in.*GitHub Actions \(which this broker does not take\)/,
    hint: /jit login work$/,
  });
  assert.deepEqual(ci.asked, []);
});

test('in a pipeline without an identity the message lists what was looked for', async (t) => {
  const at = await scene(t);
  const job = at.process({
    workloads: {
      detect: async () => [],
      lookedFor: ['GitHub Actions', 'GitLab CI'],
      restore: () => ciSource(),
    },
  });
  await assert.rejects(look(job), {
    code: 'ERR_NOT_SIGNED_IN',
    broker: 'work',
    message: 'nobody is signed in, and no identity of a workload was found; looked for: GitHub Actions; GitLab CI',
  });
});

test('a broker that calls itself by the address of another gets no proof that would be good there', async (t) => {
  const at = await scene(t);
  const ci = ciSource();
  at.sources = [ci];
  const ref = parseBrokerUrl(at.broker.audience.replace('127.0.0.1', 'localhost'), 'rogue');
  const job = at.process({
    ref,
    openClient: (authorizer) => openClient(ref, { userAgent: 'test', authorizer }),
  });
  await assert.rejects(look({ ...job, client: openClient(ref, { userAgent: 'test', authorizer: job.session }) }), {
    code: 'ERR_NOT_SIGNED_IN',
    broker: 'rogue',
    message: /^the broker at http:\/\/localhost:\d+\/ calls itself http:\/\/127\.0\.0\.1/,
  });
  assert.deepEqual(ci.asked, []);
});

test('a proof that is bound to a nonce goes out with that nonce, although another call brings a newer one', async (t) => {
  const at = await scene(t);
  const ci = ciSource();
  const job = at.process();
  const slow = {
    ...ci,
    fetch: async (ask: Parameters<typeof ci.fetch>[0]) => {
      const proof = await ci.fetch(ask);
      at.broker.later(31_000);
      await job.client.signIn();
      return proof;
    },
  };
  at.sources = [slow];
  await look(job);
  assert.equal(ci.asked.length, 1);
});
