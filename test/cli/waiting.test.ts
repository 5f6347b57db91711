/**
 * Submitting and waiting, against a broker on a real socket: what is decided, what is interrupted, and what lives on.
 * @module
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { CompleteAccess } from '../../src/cli/access/complete.ts';
import type { Patience } from '../../src/cli/access/flags.ts';
import { awaitGrant, bodyOf, submit, type Waiter } from '../../src/cli/access/submit.ts';
import { progressText } from '../../src/cli/progress.ts';
import { JitError } from '../../src/core/errors.ts';
import { eventually } from '../support/eventually.ts';
import { tempFolder } from '../support/home.ts';
import { type Change, type Decider, decider } from './decisions.ts';
import { testWorld, type TestWorld, type TestWorldOptions } from './world.ts';

const ACCESS: CompleteAccess = {
  ask: { operation: 's3:GetObject', resources: ['arn:aws:s3:::b/*'] },
  also: [],
  seconds: 60,
  reason: 'x',
  ticket: null,
  incident: null,
  format: 'human',
};
const waiter = (patience: Patience): Waiter => ({ patience, consent: 'ask', format: 'human' });
const LONG = waiter({ kind: 'seconds', seconds: 60 });

interface Scene extends TestWorld {
  readonly broker: Decider;
  readonly socket: string;
}

async function scene(
  t: TestContext,
  first: Change,
  options: TestWorldOptions & { readonly answerAfterMs?: number } = {},
): Promise<Scene> {
  const socket = join(tempFolder(t), 'broker.sock');
  const broker = await decider(socket, first, options);
  t.after(() => broker.stop());
  return { ...testWorld({ ...options, ref: { kind: 'embedded', socket } }), broker, socket };
}

async function refused(work: Promise<unknown>): Promise<JitError> {
  try {
    await work;
  } catch (thrown) {
    assert.ok(thrown instanceof JitError, String(thrown));
    return thrown;
  }
  return assert.fail('it should have failed');
}

test('a request that is approved while it waits ends with the live grant, sent once under one key', async (t) => {
  const { context, broker } = await scene(t, {});
  const outcome = await submit(context, bodyOf(ACCESS), 'key-1');
  const waiting = awaitGrant(context, outcome, LONG);
  await eventually(() => broker.calls.some(({ path }) => path.includes('wait=')));
  broker.decide({ request: { state: 'approved' }, grant: { state: 'active' } });
  assert.equal((await waiting).grant.state, 'active');
  assert.deepEqual(
    broker.calls.filter(({ method }) => method === 'POST').map(({ key }) => key),
    ['key-1'],
  );
});

test('a denial while it waits has status 5 and the words of whoever denied it', async (t) => {
  const { context, broker } = await scene(t, {});
  const waiting = refused(awaitGrant(context, await submit(context, bodyOf(ACCESS), 'key'), LONG));
  await eventually(() => broker.calls.length > 1);
  broker.decide({ request: { state: 'denied', why: 'ask again tomorrow' } });
  const error = await waiting;
  assert.deepEqual([error.code, error.message, error.facts.exit], ['ERR_DENIED', 'denied: ask again tomorrow', 5]);
});

test('no patience: status 6, the id, and the command that goes on waiting', async (t) => {
  const { context } = await scene(t, {});
  const outcome = await submit(context, bodyOf(ACCESS), 'key');
  const error = await refused(awaitGrant(context, outcome, waiter({ kind: 'none' })));
  assert.equal(error.facts.exit, 6);
  assert.equal(error.hint, `go on waiting with: jit wait ${outcome.request.id}`);
  assert.equal(error.subject, outcome.request.id);
});

test('patience that runs out ends like no patience', async (t) => {
  const { context } = await scene(t, {});
  const outcome = await submit(context, bodyOf(ACCESS), 'key');
  const error = await refused(awaitGrant(context, outcome, waiter({ kind: 'seconds', seconds: 1 })));
  assert.equal(error.facts.exit, 6);
});

test('a cloud that refused is status 10 with its reason; a grant that has ended is status 7', async (t) => {
  const failed = await scene(t, {
    request: { state: 'approved' },
    grant: {
      state: 'closed',
      reason: 'failed',
      legs: [
        {
          target: 'prod',
          provider: 'aws',
          environment: 'prod',
          sandbox: false,
          state: 'gone',
          tool: null,
          notAfter: new Date().toISOString(),
          attempts: 0,
          problem: 'the role does not trust us',
          name: 'jit',
          revocation: { kind: 'immediate' },
          gone: { at: new Date().toISOString(), proof: 'the cloud issued nothing' },
        },
      ],
    },
  });
  const error = await refused(awaitGrant(failed.context, await submit(failed.context, bodyOf(ACCESS), 'k'), LONG));
  assert.deepEqual([error.facts.exit, error.message], [10, 'the cloud issued nothing: the role does not trust us']);
  const over = await scene(t, { request: { state: 'approved' }, grant: { state: 'closed', reason: 'revoked' } });
  const late = await refused(awaitGrant(over.context, await submit(over.context, bodyOf(ACCESS), 'k'), LONG));
  assert.deepEqual([late.facts.exit, late.message], [7, 'the grant has ended (revoked)']);
});

test('Ctrl-C before it is sent: nothing reaches the broker', async (t) => {
  const { context, broker, interrupt } = await scene(t, {});
  interrupt();
  const error = await refused(submit(context, bodyOf(ACCESS), 'key'));
  assert.equal(error.facts.exit, 130);
  assert.deepEqual(broker.calls, []);
});

test('Ctrl-C while the answer is on its way: the answer is waited for, so that the request can be named', async (t) => {
  const { context, broker, interrupt } = await scene(t, {}, { answerAfterMs: 300 });
  const sending = refused(submit(context, bodyOf(ACCESS), 'key'));
  await eventually(() => broker.calls.length === 1);
  interrupt();
  const error = await sending;
  assert.equal(error.facts.exit, 130);
  assert.match(error.message, /^interrupted; req_[0-9a-z]{26} lives on$/);
  assert.match(error.hint ?? '', /jit wait req_/);
});

test('Ctrl-C and no answer within two seconds: it says that the request may be there, and where to look', async (t) => {
  const { context, broker, interrupt } = await scene(t, {}, { answerAfterMs: 60_000 });
  const sending = refused(submit(context, bodyOf(ACCESS), 'key'));
  await eventually(() => broker.calls.length === 1);
  interrupt();
  const error = await sending;
  assert.deepEqual([error.facts.exit, error.hint], [130, 'see: jit list --all']);
});

test('Ctrl-C while waiting names what lives on, and the line on the terminal is erased', async (t) => {
  const { context, broker, interrupt, said } = await scene(t, {}, { terminal: 80 });
  const outcome = await submit(context, bodyOf(ACCESS), 'key');
  const waiting = refused(awaitGrant(context, outcome, LONG));
  await eventually(() => said.stderr.includes(`waiting for a decision on ${outcome.request.id}`));
  assert.ok(broker.calls.length > 1);
  interrupt();
  const error = await waiting;
  assert.equal(error.facts.exit, 130);
  assert.equal(error.hint, `take it up again with: jit wait ${outcome.request.id}`);
  assert.ok(said.stderr.endsWith('\r\x1b[2K'));
});

test('a broker that goes away while somebody waits is asked again when it is back', async (t) => {
  const { context, broker, socket } = await scene(t, {});
  const outcome = await submit(context, bodyOf(ACCESS), 'key');
  const waiting = awaitGrant(context, outcome, LONG);
  await eventually(() => broker.calls.length > 1);
  await broker.stop();
  const next = await decider(socket, {
    request: { ...outcome.request, state: 'approved' },
    grant: { state: 'active' },
  });
  assert.equal((await waiting).request.id, outcome.request.id);
  await next.stop();
  await decider(socket, {}).then((last) => t.after(() => last.stop()));
});

test('off a terminal waiting says nothing', async (t) => {
  const { context, said } = await scene(t, {});
  const outcome = await submit(context, bodyOf(ACCESS), 'key');
  await refused(awaitGrant(context, outcome, waiter({ kind: 'seconds', seconds: 1 })));
  assert.deepEqual(said, { stdout: '', stderr: '' });
});

test('the progress line counts up, and down where waiting has an end', () => {
  assert.equal(progressText({ what: 'waiting', until: 600_000 }, 0, 12_000), 'jit: waiting · 12s · gives up in 9m48s');
  assert.equal(progressText({ what: 'waiting', until: null }, 0, 61_000), 'jit: waiting · 1m1s');
});
