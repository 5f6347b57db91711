/**
 * `jit breakglass` in scripts: launcher, keeper, embedded broker, sandbox and the aws program are the real ones, and the incidents
 * stand in a real file.
 * @module
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import type { IncidentList } from '../../src/wire/emergencies.ts';
import { eventually } from '../support/eventually.ts';
import { type Ended, run } from '../support/run.ts';
import { skipUnless } from '../support/tools.ts';
import { INCIDENT, LIST, ME, MINE, onDuty, type Post, READ, TERMS } from './emergencies.ts';
import { succeeded } from './shared.ts';

const JIT = resolve('bin/jit');
const skip = skipUnless('aws');

const hello = async ({ home }: Post, profile: string): Promise<Ended> =>
  run('aws', ['--profile', profile, 's3', 'cp', 's3://sandbox-reports/hello.txt', '-'], { env: home.env });

test(
  'one command while the incident is open; closed, the credentials are refused and the profile is gone, with the reason',
  { skip },
  async (t) => {
    const post = onDuty(t, [MINE]);
    const { jit } = post;
    const plain = await jit('request', ...READ.slice(1), ...TERMS);
    assert.equal(plain.status, 5, 'no rule on requests permits it');
    const { request, grant, profile } = JSON.parse(
      succeeded(await jit(...READ, ...INCIDENT, ...TERMS, '--json')).stdout,
    );
    assert.deepEqual(request.incident, { source: 'pager', id: 'INC-7', reference: 'INC-7' });
    assert.equal(request.tier, 'break-glass');
    assert.match(profile.name, /^jit-inc-7-s3-getobject-/);
    succeeded(await hello(post, profile.name));
    const { aws } = JSON.parse(succeeded(await jit('credential', grant.id, '--format', 'json')).stdout);
    for (const args of [['status'], ['list']]) {
      assert.match(
        succeeded(await jit(...args)).stdout,
        /incident INC-7: s3:GetObject on arn:aws:s3:::sandbox-reports/,
      );
    }
    assert.match(succeeded(await jit('show', grant.id)).stdout, /^incident +INC-7 \(pager\), with which it ends$/m);
    assert.equal(JSON.parse((await jit('status', '--json')).stdout).grants[0].about.incident, 'INC-7');

    post.incidents([{ ...MINE, state: 'closed' }]);
    await eventually(() => post.config() === '', { deadlineMs: 6_000 });
    const keys = { AWS_ACCESS_KEY_ID: aws.AccessKeyId, AWS_SECRET_ACCESS_KEY: aws.SecretAccessKey };
    const call = ['--endpoint-url', aws.endpoint, 's3', 'cp', 's3://sandbox-reports/hello.txt', '-'];
    const refused = await run('aws', call, {
      env: { ...post.home.env, AWS_REGION: 'us-east-1', ...keys, AWS_SESSION_TOKEN: aws.SessionToken },
    });
    assert.match(refused.stderr, /AccessDenied|403|Forbidden/);
    const late = await jit('credential', grant.id);
    assert.deepEqual(
      [late.status, /the grant has ended: incident INC-7 is closed/.test(late.stderr)],
      [7, true],
      late.stderr,
    );
    const again = await jit(...READ, ...INCIDENT, ...TERMS);
    assert.equal(again.status, 5);
    assert.match(again.stderr, /^jit: denied: INC-7 is closed$/m);
    assert.match(again.stderr, /^hint: name an incident that is open/m);
    const story = JSON.parse((await jit('show', grant.id, '--json')).stdout);
    assert.equal(story.grant.reason, 'incident-closed');
  },
);

test('with a command it behaves as jit exec: its status, 107 when the incident is closed under it, 105 when denied', async (t) => {
  const post = onDuty(t, [MINE]);
  const { jit, home } = post;
  const own = await jit(...READ, ...INCIDENT, ...TERMS, '--', 'sh', '-c', 'test -n "$JIT_GRANT" && exit 3');
  assert.equal(own.status, 3, own.stderr);
  assert.match(own.stderr, /^jit: incident INC-7: s3:GetObject on /m);
  assert.equal(post.config(), '');
  const denied = await jit('breakglass', 's3:PutObject', READ[2], ...INCIDENT, ...TERMS, '--', 'true');
  assert.equal(denied.status, 105, denied.stderr);
  const lacking = await jit(...READ, ...INCIDENT, '--for', '5m', '--', 'true');
  assert.equal(lacking.status, 102);
  assert.match(lacking.stderr, /^hint: add: --reason 'why you need it'$/m);

  const script = 'echo going > going; while :; do sleep 0.2; done';
  const running = run(process.execPath, [JIT, ...READ, ...INCIDENT, ...TERMS, '--', 'sh', '-c', script], {
    env: home.env,
    cwd: home.path,
  });
  await eventually(() => existsSync(join(home.path, 'going')));
  post.incidents([{ ...MINE, state: 'closed' }]);
  const ended = await running;
  assert.equal(ended.status, 107, ended.stderr);
  assert.match(
    ended.stderr,
    /^jit: incident INC-7 is closed, so the grant ended while the command was running, and the command was ended$/m,
  );
  assert.match((await jit('status')).stderr, /no live grants on this machine/);
});

test('where a rule gives a warning, the end moves up: the command is told, goes on until then, and ends with 107', async (t) => {
  const post = onDuty(t, [MINE]);
  const { jit, home } = post;
  const script = 'echo going > going; while :; do sleep 0.2; date +%s%3N > alive.new; mv alive.new alive; done';
  const running = run(process.execPath, [JIT, ...LIST, ...INCIDENT, ...TERMS, '--', 'sh', '-c', script], {
    env: home.env,
    cwd: home.path,
  });
  await eventually(() => existsSync(join(home.path, 'going')));
  const before = JSON.parse((await jit('status', '--json')).stdout).grants[0].remainingMs;
  assert.ok(before > 200_000);
  post.incidents([{ ...MINE, state: 'closed' }]);
  const held = await eventually(async () => {
    const [one] = JSON.parse((await jit('status', '--json')).stdout).grants;
    return one !== undefined && one.remainingMs < 6_000 ? one : null;
  });
  const ended = await running;
  assert.equal(ended.status, 107, ended.stderr);
  assert.match(ended.stderr, /^jit: incident INC-7 is closed: access ends in [3-6]s \(.*\), and the command with it$/m);
  assert.match(ended.stderr, /^jit: incident INC-7 is closed, so the grant ended while the command was running/m);
  const alive = Number(readFileSync(join(home.path, 'alive'), 'utf8'));
  const end = Date.parse(held.expiresAt);
  assert.ok(alive > end - 2_000 && alive < end + 2_000, `${alive} against ${end}`);
});

test('off a terminal it names every flag that is missing; alone it lists the open incidents that are ours, for people and scripts', async (t) => {
  const others = { id: 'INC-8', title: 'not ours', responders: ['somebody'] };
  const hostile = { id: 'INC-9', title: 'a b', responders: [ME], onCall: [{ person: ME, tier: 1 }] };
  const post = onDuty(t, [MINE, others, { id: 'INC-6', state: 'closed', responders: [ME] }, hostile]);
  const { jit } = post;
  const bare = await jit('breakglass', 's3:GetObject');
  assert.equal(bare.status, 2);
  assert.match(bare.stderr, /^jit: --incident, --for and --reason are missing$/m);
  assert.match(bare.stderr, /^hint: add: --incident ID --for 15m --reason 'why you need it'; the open ones/m);
  const json = await jit('breakglass', '--incident', 'INC-7', '--json');
  assert.deepEqual([json.status, JSON.parse(json.stdout).code], [2, 'ERR_MISSING_INPUT']);
  const list = succeeded(await jit('breakglass')).stdout;
  assert.match(list, /^INC-7 +1 +\S+ ago +responder +web is down +web$/m);
  assert.match(list, /^INC-9 +- +\S+ ago +responder, on call \(tier 1\) +a b *$/m);
  assert.doesNotMatch(list, /INC-8|INC-6/);
  const document: IncidentList & { schema: string } = JSON.parse(succeeded(await jit('breakglass', '--json')).stdout);
  assert.equal(document.schema, 'jit.incidents/v1');
  const names = document.items.map(({ reference }) => reference);
  assert.deepEqual([names.toSorted((a, b) => a.localeCompare(b)), document.silent], [['INC-7', 'INC-9'], []]);
  assert.equal(succeeded(await jit('completion', 'incidents')).stdout, 'INC-7\nINC-9\n');
  post.breakSource();
  // For a moment the broker remembers what was there.
  const silentNow = async (): Promise<boolean> => {
    const { stderr } = succeeded(await jit('breakglass'));
    return /^jit: pager gives no answer, so there may be more$/m.test(stderr);
  };
  await eventually(silentNow, { deadlineMs: 60_000 });
  const closed = await jit(...READ, ...INCIDENT, ...TERMS);
  assert.equal(closed.status, 5, closed.stderr);
  assert.match(closed.stderr, /^jit: denied: pager gives no answer about INC-7: /m);
});

test('a denial has status 5 and says which condition failed: no incident, none of ours, not severe enough, another operation', async (t) => {
  const { jit } = onDuty(t, [
    MINE,
    { ...MINE, id: 'INC-8', responders: ['kim'] },
    { ...MINE, id: 'INC-9', severity: 3 },
  ]);
  const refused = async (incident: string, ...what: readonly string[]): Promise<string> => {
    const args = what.length === 0 ? READ : ['breakglass', ...what];
    const { status, stderr, stdout } = await jit(...args, '--incident', incident, ...TERMS);
    assert.deepEqual([status, stdout], [5, ''], stderr);
    return stderr;
  };
  assert.match(await refused('INC-1'), /^jit: denied: no such incident at .*pager/m);
  assert.match(await refused('INC-8'), /^jit: denied: .*responder/m);
  assert.match(await refused('INC-9'), /^jit: denied: .*severity/m);
  assert.doesNotMatch(await refused('INC-7', 's3:PutObject', READ[2]), /responder|severity/);
  const plan = await jit(...READ, '--incident', 'INC-9', ...TERMS, '--plan');
  assert.equal(plan.status, 5);
  assert.match(plan.stdout, /^decision +denied: .*severity/m);
  const good = succeeded(await jit(...READ, ...INCIDENT, ...TERMS, '--plan')).stdout;
  assert.match(good, /^ends +as soon as INC-7 is closed, without a warning$/m);
  const warned = succeeded(await jit(...LIST, ...INCIDENT, ...TERMS, '--plan')).stdout;
  assert.match(warned, /^ends +6s after INC-7 is closed, with a warning then$/m);
  assert.match(good, /^approval +nobody approves it beforehand$/m);
  assert.match(good, /"s3:GetObject"/);
});

interface Revocation {
  readonly schema: string;
  readonly exit: number;
  readonly others: number;
  readonly items: readonly { readonly grant: { readonly id: string }; readonly goneAt: string }[];
}

test('jit revoke --incident ends everything of it at once and says when each was gone; of another incident nothing', async (t) => {
  const { jit, config } = onDuty(t, [MINE, { ...MINE, id: 'INC-8' }]);
  const ask = async (incident: string): Promise<string> =>
    JSON.parse(succeeded(await jit(...READ, '--incident', incident, ...TERMS, '--json')).stdout).grant.id;
  const [one, other] = [await ask('INC-7'), await ask('INC-8')];
  const two = await ask('pager/INC-7');
  const document: Revocation = JSON.parse(succeeded(await jit('revoke', '--incident', 'INC-7', '--json')).stdout);
  assert.deepEqual([document.schema, document.exit, document.others], ['jit.revocation/v1', 0, 0]);
  const gone = new Map(document.items.map(({ grant, goneAt }) => [grant.id, goneAt]));
  assert.deepEqual(new Set(gone.keys()), new Set([one, two]));
  for (const at of gone.values()) assert.ok(Math.abs(Date.parse(at) - Date.now()) < 60_000, at);
  assert.match(config(), new RegExp(other));
  assert.doesNotMatch(config(), new RegExp(`${one}|${two}`));
  const text = succeeded(await jit('revoke', '--incident', 'INC-8')).stdout;
  assert.match(text, new RegExp(`^${other}  gone at [\\d:]+  incident INC-8: s3:GetObject`));
  assert.equal(config(), '');
  assert.match((await jit('revoke', '--incident', 'INC-8')).stderr, /no live grants/);
  assert.equal((await jit('revoke', '--incident', 'INC-404')).status, 9);
  assert.equal((await jit('revoke', '--incident', 'INC-7', '--all')).status, 2);
});
