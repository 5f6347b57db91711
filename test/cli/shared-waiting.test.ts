/**
 * Waiting at a shared broker, over a real socket: which broker is waited for, and how to go on there.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Context } from '../../src/cli/context.ts';
import { readCommandLine } from '../../src/cli/program.ts';
import { parseBrokerUrl } from '../../src/client/ref.ts';
import { JitError, worded } from '../../src/core/errors.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/port.ts';
import { decider } from './decisions.ts';
import { testWorld } from './world.ts';

const BODY = {
  authorization_details: [{ type: 'jit_access' as const, operation: 's3:GetObject', resources: ['arn:aws:s3:::b/*'] }],
  seconds: 60,
  reason: 'x',
};

async function wait(context: Context, ...args: readonly string[]): Promise<unknown> {
  const invocation = readCommandLine(['wait', ...args]);
  return invocation.kind === 'run' ? await invocation.bound.run(context) : assert.fail(invocation.text);
}

async function refused(work: Promise<unknown>): Promise<JitError> {
  const thrown = await work.then(
    () => null,
    (why: unknown) => why,
  );
  return thrown instanceof JitError ? thrown : assert.fail(String(thrown));
}

test('at a shared broker the line on the terminal, what was decided and what lives on begin with its name', async (t) => {
  const port = await freePort();
  const broker = await decider(port, {});
  t.after(() => broker.stop());
  const ref = parseBrokerUrl(`http://127.0.0.1:${port}`, 'play');
  const env = { HOME: '/nonexistent', JIT_BROKER: 'play' };
  const { context, interrupt, said } = testWorld({ ref, env, terminal: 80 });
  const outcome = await (await context.broker()).client.request(BODY, 'key');
  const late = await refused(wait(context, outcome.request.id, '--timeout', '1s'));
  assert.equal(worded(late), 'play: not decided yet; the request lives on');
  assert.equal(late.hint, `go on waiting with: JIT_BROKER=play jit wait ${outcome.request.id}`);
  const waiting = refused(wait(context, outcome.request.id));
  await eventually(() => broker.calls.some(({ path }) => path.includes('wait=30s')));
  assert.ok(said.stderr.includes(`jit: play: waiting for a decision on ${outcome.request.id}`));
  interrupt();
  assert.equal(worded(await waiting), `play: interrupted; ${outcome.request.id} lives on`);
  broker.decide({ request: { state: 'denied', why: 'no' } });
  const next = testWorld({ ref, env });
  assert.equal(worded(await refused(wait(next.context, outcome.request.id))), 'play: denied: no');
});
