/**
 * Who has turned to something else while waiting is told that it is over, by a program of the desktop (a stand-in that writes
 * down what it was told).
 * @module
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Context } from '../../src/cli/context.ts';
import { awaitGrant, submit } from '../../src/cli/access/submit.ts';
import { eventually } from '../support/eventually.ts';
import { tempFolder } from '../support/home.ts';
import { decider } from './decisions.ts';
import { testWorld } from './world.ts';

const BODY = {
  authorization_details: [{ type: 'jit_access' as const, operation: 's3:GetObject', resources: ['arn:aws:s3:::b/*'] }],
  seconds: 60,
  reason: 'x',
};

interface Desk {
  readonly context: Context;
  /** What the desktop was told, null for nothing. */
  told(): string | null;
  /** Waits for a request that is approved after so many seconds by the clock of this desk. */
  waitFor(seconds: number): Promise<void>;
  rang(): boolean;
}

async function desk(t: TestContext, terminal: number | undefined): Promise<Desk> {
  const folder = tempFolder(t);
  const file = join(folder, 'told');
  writeFileSync(join(folder, 'notify-send'), `#!/bin/sh\necho "$@" > ${file}.new\n/bin/mv ${file}.new ${file}\n`, {
    mode: 0o700,
  });
  const socket = join(folder, 'broker.sock');
  const broker = await decider(socket, {});
  t.after(() => broker.stop());
  let late = 0;
  const { context } = testWorld({
    ref: { kind: 'embedded', socket },
    env: { HOME: '/nonexistent', PATH: folder, DISPLAY: ':0' },
    now: () => Date.now() + late,
    ...(terminal === undefined ? {} : { terminal }),
  });
  let output = '';
  context.terminal.output.on('data', (part: Buffer) => (output += part.toString()));
  return {
    context,
    told: () => (existsSync(file) ? readFileSync(file, 'utf8') : null),
    rang: () => output.includes('\u0007'),
    waitFor: async (seconds) => {
      const outcome = await submit(context, BODY, 'key');
      const patience = { kind: 'seconds', seconds: 600 } as const;
      const waiting = awaitGrant(context, outcome, { patience, consent: 'ask', format: 'human' });
      await eventually(() => broker.calls.some(({ path }) => path.includes('wait=')));
      late = seconds * 1_000;
      broker.decide({ request: { state: 'approved' }, grant: { state: 'active' } });
      await waiting;
    },
  };
}

test('after a long wait at a terminal the desktop says so, in words of our own, and the terminal rings', async (t) => {
  const { waitFor, told, rang } = await desk(t, 80);
  await waitFor(60);
  assert.equal(await eventually(told), '--app-name=jit jit your access is ready\n');
  assert.ok(rang());
});

test('after a short wait, and off a terminal, nobody is disturbed', async (t) => {
  for (const [terminal, seconds] of [
    [80, 2],
    [undefined, 60],
  ] as const) {
    const { waitFor, told, rang } = await desk(t, terminal);
    await waitFor(seconds);
    assert.deepEqual([told(), rang()], [null, false]);
  }
});
