/**
 * Requests that their own requester confirms, and what only other people can decide, at the embedded broker: launcher, keeper,
 * broker, sandbox and terminal are the real ones.
 * @module
 */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { OutcomeList } from '../../src/wire/views.ts';
import { type Home, tempHome } from '../support/home.ts';
import { policyWithLeads } from '../support/office.ts';
import { type Ended, run } from '../support/run.ts';
import { skipUnless } from '../support/tools.ts';
import { succeeded } from './shared.ts';
import { openTerminal } from './terminal.ts';

const JIT = resolve('bin/jit');
const ON = ['arn:aws:s3:::sandbox-reports/*', '--for', '5m', '--reason', 'look at it'];
const READ = ['request', 's3:GetObject', ...ON];
const WRITE = ['request', 's3:PutObject', ...ON];

/** A home whose owner has written a broker.yaml and a folder of policies, for everybody in place of those in `eng`. */
function ownBroker(t: TestContext): Home {
  const home = tempHome(t);
  const folder = join(home.path, '.config', 'jit');
  mkdirSync(join(folder, 'rules'), { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, 'broker.yaml'), 'policies: ./rules\n', { mode: 0o600 });
  const text = policyWithLeads(2).replaceAll('principal in Jit::Group::"eng"', 'principal');
  writeFileSync(join(folder, 'rules', 'own.cedar'), text, { mode: 0o600 });
  return home;
}

const jit = async ({ env }: Home, ...args: readonly string[]): Promise<Ended> =>
  run(process.execPath, [JIT, ...args], { env });

test('off a terminal the request waits for the pasted line; --yes is the word, given at once', async (t) => {
  const home = ownBroker(t);
  const asked = await jit(home, ...READ);
  assert.equal(asked.status, 6, asked.stderr);
  const [, line = '', id = ''] = /^hint: confirm it with: jit (wait (req_\w+) --yes)$/m.exec(asked.stderr) ?? [];
  const unsure = await jit(home, 'wait', id, '--json');
  assert.deepEqual([unsure.status, JSON.parse(unsure.stdout).code], [6, 'ERR_PENDING']);
  const confirmed = succeeded(await jit(home, ...line.split(' ')));
  assert.match(confirmed.stdout, /^profile +jit-s3-getobject-/m);
  const [at, exec] = await Promise.all([
    jit(home, ...READ, '--yes', '--json'),
    jit(home, 'exec', ...READ.slice(1), '--yes', '--', 'sh', '-c', 'exit 3'),
  ]);
  const { schema, request, grant } = JSON.parse(succeeded(at).stdout);
  assert.deepEqual([schema, request.tier, grant.state], ['jit.grant/v1', 'self-serve', 'active']);
  assert.equal(exec.status, 3, exec.stderr);
  assert.equal((await jit(home, 'exec', ...READ.slice(1), '--', 'true')).status, 106);
});

test('what other people would have to approve is refused with the reason, whatever flag is added', async (t) => {
  const home = ownBroker(t);
  const refused = await jit(home, ...WRITE, '--yes');
  assert.equal(refused.status, 5);
  assert.match(
    refused.stderr,
    /^jit: denied: needs approval by 2 of leads \(policy write\), and on this broker there is nobody but you$/m,
  );
  const plan = await jit(home, ...WRITE, '--plan');
  assert.equal(plan.status, 5);
  assert.match(plan.stdout, /^approval +by 2 people of leads, which this broker cannot arrange$/m);
  assert.match((await jit(home, 'inbox')).stderr, /nothing waits for your vote/);
  const [id = ''] = /req_\w{26}/.exec((await jit(home, 'list', '--all', '--json')).stdout) ?? [];
  const approval = await jit(home, 'approve', id, '--yes');
  assert.equal(approval.status, 5);
  assert.match(approval.stderr, /it is denied already: needs approval by 2 of leads/);
});

test(
  'on a terminal it is shown what will be possible, y goes ahead, n takes the request back',
  { skip: skipUnless('tmux') },
  async (t) => {
    const home = ownBroker(t);
    const terminal = await openTerminal(t, home, {}, { columns: 80, rows: 24 });
    const ask = `clear; ${JIT} request s3:GetObject 'arn:aws:s3:::sandbox-reports/*' --for 5m --reason 'look at it'; echo "status=$?"`;
    await terminal.command(ask);
    const screen = await terminal.shows(/\? go ahead\? \(y\/N\)/);
    assert.match(screen, /^access +s3:GetObject on arn:aws:s3:::sandbox-reports\/\*$/m);
    assert.match(screen, /^for +5m, counted from when it is taken up$/m);
    assert.match(screen, /^revocation +at once; access never outlives the end$/m);
    await terminal.keys('n', 'Enter');
    assert.match(await terminal.shows(/status=5/), /^jit: not confirmed, so the request was taken back$/m);
    await terminal.command(ask);
    await terminal.shows(/\? go ahead\? \(y\/N\)/);
    await terminal.keys('y', 'Enter');
    assert.match(await terminal.shows(/status=0/), /^profile +jit-s3-getobject-/m);
    const { items }: OutcomeList = JSON.parse((await jit(home, 'list', '--all', '--json')).stdout);
    assert.deepEqual(items.map(({ request }) => request.state).toSorted(), ['approved', 'cancelled']);
  },
);
