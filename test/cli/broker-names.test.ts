/**
 * Whoever uses several brokers sees in every message which of them it is about: the programs jit and jit-broker, the identity
 * provider and the keeper are real, and so are the two brokers side by side.
 * @module
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { tempHome } from '../support/home.ts';
import { startIdp } from '../support/idp.ts';
import { startMoto } from '../support/moto.ts';
import { freePort } from '../support/port.ts';
import { type Ended, run } from '../support/run.ts';
import { people, type SharedBroker, startSharedBroker } from '../support/shared-broker.ts';
import { skipUnless } from '../support/tools.ts';
import { loggedIn, succeeded, type User, user } from './shared.ts';

const JIT = join(import.meta.dirname, '..', '..', 'bin', 'jit');
const NONE = `gr_${'0'.repeat(26)}`;
const ACCOUNTS = { ada: { name: 'Ada', groups: ['eng'] } };
const POLICY = `@id("read") @tier("auto") @max("1h")
permit (principal in Jit::Group::"eng", action == Jit::Action::"Request", resource) when { context.access == "read" };
@id("write") @tier("manual") @max("1h") @approvers("1")
permit (principal in Jit::Group::"eng", action == Jit::Action::"Request", resource) when { context.access == "write" };
`;
const READ = ['s3:GetObject', 'arn:aws:s3:::b/*', '--target', 'web', '--reason', 'x'];
const WRITE = ['s3:PutObject', 'arn:aws:s3:::b/*', '--target', 'web', '--reason', 'x'];

type Jit = (...args: readonly string[]) => Promise<Ended>;

interface Desk {
  /** At `work`, which the settings name. */
  readonly work: Jit;
  /** At `play`, by JIT_BROKER. */
  readonly play: Jit;
  readonly brokers: { readonly work: SharedBroker; readonly play: SharedBroker };
  readonly ada: User;
}

/** One person, signed in to two brokers. */
async function desk(t: TestContext, cloud?: string): Promise<Desk> {
  const idp = await startIdp(t, { accounts: ACCOUNTS });
  const parts = { identity: people(idp), policy: POLICY, ...(cloud === undefined ? {} : { cloud }) };
  const [work, play] = [await startSharedBroker(t, parts), await startSharedBroker(t, parts)];
  const ada = user(t, { trust: {} });
  await loggedIn({ idp, url: work.url }, ada, 'ada', [work.url, '--name', 'work']);
  await loggedIn({ idp, url: play.url }, ada, 'ada', [play.url, '--name', 'play']);
  return {
    work: ada.jit,
    play: (...args) => run(process.execPath, [JIT, ...args], { env: { ...ada.env, JIT_BROKER: 'play' } }),
    brokers: { work, play },
    ada,
  };
}

function refused(ended: Ended, status: number, pattern: RegExp): void {
  assert.equal(ended.status, status, `${ended.stdout}\n${ended.stderr}`);
  assert.match(ended.stderr, pattern);
}

test('denied, not found, pending, ended and plans: each of two brokers is named by what it says', async (t) => {
  const { brokers, ada, ...by } = await desk(t);
  for (const name of ['work', 'play'] as const) {
    const jit = by[name];
    const again = name === 'play' ? 'JIT_BROKER=play ' : '';
    const says = (text: string): RegExp => new RegExp(`^jit: ${name}: ${text}`, 'm');
    refused(await jit('request', ...READ, '--for', '2h'), 5, says('denied'));
    refused(await jit('exec', ...READ, '--for', '2h', '--', 'true'), 105, says('denied'));
    refused(await jit('request', 's3:GetObjct', ...READ.slice(1), '--for', '5m'), 2, says(''));
    for (const command of ['show', 'wait', 'revoke', 'env', 'credential'])
      refused(await jit(command, NONE), 9, says('there is no grant'));
    const missing = await jit('show', NONE, '--json');
    assert.deepEqual([JSON.parse(missing.stdout).broker, JSON.parse(missing.stdout).exit], [name, 9]);
    refused(await jit('catalog', 'nothing'), 9, says('there is no operation'));
    refused(await jit('list'), 0, says('no live grants'));
    refused(await jit('revoke', '--all'), 0, says('no live grants'));

    assert.match(
      succeeded(await jit('request', ...READ, '--for', '5m', '--plan')).stdout,
      new RegExp(`^broker +${name}$`, 'm'),
    );
    const plan = JSON.parse(succeeded(await jit('request', ...READ, '--for', '5m', '--plan', '--json')).stdout);
    assert.equal(plan.broker, name);

    const pending = await jit('request', ...WRITE, '--for', '5m', '--no-wait');
    refused(pending, 6, says('not decided yet'));
    const id =
      new RegExp(`^hint: go on waiting with: ${again}jit wait (req_[0-9a-z]{26})$`, 'm').exec(pending.stderr)?.[1] ??
      '';
    refused(await jit('wait', id, '--timeout', '1s'), 6, says('not decided yet'));
    assert.match(succeeded(await jit('show', id)).stdout, new RegExp(`^broker +${name}$`, 'm'));
    assert.equal(JSON.parse(succeeded(await jit('show', id, '--json')).stdout).broker, name);
    assert.match(succeeded(await jit('list', '--all')).stdout, new RegExp(` ${name}$`, 'm'));
    // The other one knows nothing of it, and says so under its own name.
    const other = name === 'work' ? 'play' : 'work';
    refused(await by[other]('show', id), 9, new RegExp(`^jit: ${other}: `));
  }
  await brokers.play.stop();
  refused(await by.play('list'), 8, /^jit: play: cannot reach the broker: /);
  assert.equal(JSON.parse((await by.play('list', '--json')).stdout).broker, 'play');
  succeeded(await by.work('list'));
  refused(await ada.jit('whoami', 'play'), 8, /^jit: play: cannot reach the broker: /);
});

test(
  'grants of two brokers: the keeper and the status tell them apart',
  { skip: skipUnless('moto_server') },
  async (t) => {
    const { brokers, ada, ...by } = await desk(t, await startMoto(t));
    const grants = new Map<string, string>();
    for (const name of ['work', 'play'] as const) {
      const granted = succeeded(await by[name]('request', ...READ, '--for', '10m', '--json'));
      const { grant, broker } = JSON.parse(granted.stdout);
      assert.equal(broker, name);
      grants.set(name, grant.id);
    }
    const status = succeeded(await by.work('status')).stdout;
    // A variable of sudo leads past the quick way.
    const long = await run(process.execPath, [JIT, 'status'], { env: { ...ada.env, SUDO_UID: '0' } });
    const settled = (text: string): string => text.replaceAll(/ +/g, ' ').replaceAll(/in \w+ \(/g, 'in … (');
    assert.equal(settled(status), settled(succeeded(long).stdout));
    const rows = status.split('\n');
    assert.match(rows[0] ?? '', /TARGET +BROKER +PROFILE$/);
    for (const [name, id] of grants) assert.ok(rows.some((row) => row.startsWith(id) && row.includes(` ${name} `)));

    const shown = succeeded(await by.play('request', ...READ, '--for', '10m'));
    assert.match(shown.stdout, /^broker +play$/m);
    const third = /^end it +JIT_BROKER=play jit revoke (gr_[0-9a-z]{26})$/m.exec(shown.stdout)?.[1] ?? '';
    const line = (await by.play('revoke', third)).stdout;
    assert.match(line, /\(broker play\)$/m);
    refused(await by.play('wait', third), 7, /^jit: play: the grant has ended/);
    refused(await by.play('credential', third), 7, /^jit: play: the grant has ended/);
    const ran = await by.work('exec', ...READ, '--for', '5m', '--', 'true');
    refused(ran, 0, /^jit: work: s3:GetObject on .* at web, ends /m);

    await brokers.play.stop();
    await eventually(
      async () => /^jit: gr_\w+: play: cannot reach the broker: /m.test((await by.work('status')).stderr),
      {
        deadlineMs: 60_000,
      },
    );
    assert.match(
      (await by.work('wipe')).stderr,
      /^hint: the grants themselves go on at work; end them with: jit revoke --all$/m,
    );
  },
);

test('a broker without a name in the settings is called by its host and port', async (t) => {
  const { env } = tempHome(t);
  const port = await freePort();
  const jit: Jit = (...args) => run(process.execPath, [JIT, ...args], { env });
  refused(
    await jit('login', `http://127.0.0.1:${port}`, '--name', 'lab'),
    8,
    new RegExp(`^jit: 127\\.0\\.0\\.1:${port}: cannot reach the broker: `),
  );
});

test('of the embedded broker nothing is said that was not said before', async (t) => {
  const { env } = tempHome(t);
  const jit: Jit = (...args) => run(process.execPath, [JIT, ...args], { env });
  refused(await jit('show', NONE), 9, /^jit: there is no grant /);
  const missing = JSON.parse((await jit('show', NONE, '--json')).stdout);
  assert.deepEqual(Object.keys(missing), ['schema', 'code', 'message', 'hint', 'exit']);
  const ask = ['s3:GetObject', 'arn:aws:s3:::sandbox-reports/*', '--reason', 'x'];
  refused(await jit('request', ...ask, '--for', '20d'), 5, /^jit: denied/);
  const plan = succeeded(await jit('request', ...ask, '--for', '5m', '--plan'));
  assert.doesNotMatch(plan.stdout, /^broker/m);
  const granted = succeeded(await jit('request', ...ask, '--for', '5m'));
  assert.doesNotMatch(granted.stdout, /broker|JIT_BROKER/);
  assert.doesNotMatch(succeeded(await jit('status')).stdout, /BROKER/);
  assert.doesNotMatch(succeeded(await jit('list')).stdout, /BROKER/);
});
