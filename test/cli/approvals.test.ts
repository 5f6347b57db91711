/**
 * Approvals from the command line, all of it real: jit in several homes, jit-broker with the worked
 * example of policies, oidc-provider, the aws program; the cloud is
 * the sandbox.
 * @module
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { OutcomeList } from '../../src/wire/views.ts';
import { startAcme } from '../support/acme.ts';
import { eventually } from '../support/eventually.ts';
import { type Ended, run } from '../support/run.ts';
import { skipUnless } from '../support/tools.ts';
import { approveByHand } from './by-hand.ts';
import { loggedIn, succeeded, type User, user } from './shared.ts';

const JIT = resolve('bin/jit');
const OBJECT = 'arn:aws:s3:::sandbox-reports/fix.txt';
const LENGTH = ['--for', '5m', '--reason', 'mend the report'];
/** By the rule beside the example: two of the leads, by script too. */
const WRITE = ['request', 's3:PutObject', OBJECT, '--target', 'ledger', ...LENGTH];
/** By the example: one of the leads for whoever is on call, and no script. */
const DELETE = ['request', 's3:DeleteObject', OBJECT, '--target', 'prod-web', ...LENGTH];

interface Inbox extends OutcomeList {
  readonly schema: string;
}

interface Running {
  readonly ended: Promise<Ended>;
  /** What it has said on stderr so far. */
  said(): string;
  signal(name: NodeJS.Signals): void;
}

/** Starts `jit` without a terminal, and leaves it running. */
function started(t: TestContext, { env }: User, ...args: readonly string[]): Running {
  const child = spawn(process.execPath, [JIT, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (part: string) => (stdout += part));
  child.stderr.setEncoding('utf8').on('data', (part: string) => (stderr += part));
  return {
    ended: once(child, 'close').then(() => ({ status: child.exitCode, signal: child.signalCode, stdout, stderr })),
    said: () => stderr,
    signal: (name) => void child.kill(name),
  };
}

/** The id of the request that it waits for. */
async function idOf({ said }: Running): Promise<string> {
  return await eventually(() => /jit approve (req_[0-9a-z]{26})/.exec(said())?.[1], { deadlineMs: 30_000 });
}

/** A request that nobody waits for. */
async function left(who: User, args: readonly string[]): Promise<string> {
  const ended = await who.jit(...args, '--no-wait', '--json');
  assert.equal(ended.status, 6, ended.stderr);
  return String(JSON.parse(ended.stdout).subject);
}

function refused(ended: Ended, status: number, pattern: RegExp): void {
  assert.equal(ended.status, status, `${ended.stdout}\n${ended.stderr}`);
  assert.match(ended.stderr, pattern);
}

test(
  'requests that people decide, from four homes at one shared broker',
  { skip: skipUnless('aws', 'tmux') },
  async (t) => {
    const office = await startAcme(t);
    const at = { idp: office.idp, url: office.broker.url, trust: {} };
    const signedIn = async (name: string): Promise<User> => {
      const who = user(t, at);
      await loggedIn(at, who, name);
      return who;
    };
    const people = ['alice', 'bob', 'carol', 'erin'].map((name) => signedIn(name));
    const [alice, bob, carol, erin] = await Promise.all(people);
    assert.ok(alice && bob && carol && erin);

    await t.test(
      'two approve, the waiting command ends with a profile, and aws does with it what was asked',
      async () => {
        const waiting = started(t, alice, ...WRITE);
        const id = await idOf(waiting);
        assert.match(waiting.said(), /^jit: work: it needs approval by 2 of leads$/m);
        const [document, list, own] = await Promise.all([
          bob.jit('inbox', '--json'),
          carol.jit('inbox'),
          alice.jit('inbox'),
        ]);
        const { schema, items }: Inbox = JSON.parse(succeeded(document).stdout);
        assert.equal(schema, 'jit.inbox/v1');
        const seen = items.map(({ request }) => [request.id, request.can]);
        assert.deepEqual(seen, [[id, ['approve', 'deny']]]);
        assert.match(list.stdout, new RegExp(`^${id} +alice\\.liddell +s3:PutObject on ${OBJECT} `, 'm'));
        assert.match(own.stderr, /nothing waits for your vote/);
        const first = await bob.jit('approve', id, '--yes', '--comment', 'after the freeze only', '--json');
        const decision = JSON.parse(succeeded(first).stdout);
        assert.deepEqual([decision.schema, decision.request.state], ['jit.decision/v1', 'pending']);
        const second = succeeded(await carol.jit('approve', id, '--yes'));
        assert.match(
          second.stderr,
          new RegExp(`^jit: work: ${id} is approved: approved by bob\\.ross and carol\\.shaw$`, 'm'),
        );
        const ended = succeeded(await waiting.ended);
        const [, profile = ''] = /^profile +(\S+) in /m.exec(ended.stdout) ?? [];
        const put = ['--profile', profile, 's3api', 'put-object', '--bucket', 'sandbox-reports', '--key'];
        const env = { ...alice.env, AWS_MAX_ATTEMPTS: '1' };
        const [granted, beside] = await Promise.all([
          run('aws', [...put, 'fix.txt', '--body', JIT], { env }),
          run('aws', [...put, 'other.txt', '--body', JIT], { env }),
        ]);
        succeeded(granted);
        assert.match(beside.stderr, /AccessDenied/);

        const [mine, voters, nobodys, theirs, late] = await Promise.all([
          alice.jit('show', id),
          bob.jit('show', id),
          erin.jit('show', id),
          bob.jit('wait', id),
          carol.jit('deny', id, '--reason', 'no'),
        ]);
        for (const { stdout: story } of [succeeded(mine), succeeded(voters)]) {
          assert.match(story, /^decision +approved, manual: approved by bob\.ross and carol\.shaw$/m);
          assert.match(story, /^vote +approve by bob\.ross: after the freeze only, /m);
          assert.match(story, /^vote +approve by carol\.shaw, /m);
          assert.match(story, /grant\.issued .*\n.*credential\.delivered /);
        }
        refused(nobodys, 9, /there is no request/);
        refused(theirs, 5, /it is the request of alice\.liddell, and nobody else takes it up/);
        refused(late, 5, /too late: it has been taken up already/);
      },
    );

    await t.test('--no-wait says who has to approve and how to go on; later the grant is taken up, once', async () => {
      const asked = await alice.jit(...DELETE, '--no-wait');
      refused(asked, 6, /^jit: work: not decided yet: it needs approval by 1 of leads; the request lives on$/m);
      const [, line = '', id = ''] = /^hint: go on waiting with: jit (wait (req_\w+))$/m.exec(asked.stderr) ?? [];
      refused(await alice.jit(...line.split(' '), '--timeout', '1s'), 6, /not decided yet/);
      refused(await bob.jit('approve', id, '--yes'), 5, /nobody was asked for this approval/);
      await approveByHand(t, bob, id);
      const before = Date.now();
      const taken = JSON.parse(succeeded(await alice.jit('wait', id, '--json')).stdout);
      assert.equal(taken.schema, 'jit.grant/v1');
      assert.deepEqual([taken.request.id, taken.request.tier, taken.grant.state], [id, 'manual', 'active']);
      assert.ok(Date.parse(taken.grant.issuedAt) >= before, 'the clock started before it was taken up');
      assert.ok(Date.parse(taken.grant.expiresAt) > before + 299_000);
      const again = JSON.parse(succeeded(await alice.jit('wait', id, '--json')).stdout);
      assert.deepEqual([again.grant.id, again.profile.name], [taken.grant.id, taken.profile.name]);
    });

    await t.test(
      'jit exec runs its command after the approval, and what was not approved in time does not run',
      async () => {
        const script = ['--', 'sh', '-c', 'echo ran with ${AWS_CONTAINER_CREDENTIALS_FULL_URI:+a token}; exit 3'];
        const exec = ['exec', ...DELETE.slice(1)];
        const waiting = started(t, alice, ...exec, ...script);
        await approveByHand(t, carol, await idOf(waiting));
        const ended = await waiting.ended;
        assert.deepEqual([ended.status, ended.stdout], [3, 'ran with a token\n'], ended.stderr);
        const late = await alice.jit(...exec, '--timeout', '1s', ...script);
        assert.deepEqual([late.status, late.stdout], [106, ''], late.stderr);
        const [id = ''] = /req_\w{26}/.exec(late.stderr) ?? [];
        succeeded(await bob.jit('deny', id, '--reason', 'not today'));
      },
    );

    await t.test(
      'Ctrl-C leaves the request alive; cancel ends it, and then nobody can approve or take it up',
      async () => {
        const waiting = started(t, alice, ...WRITE);
        const id = await idOf(waiting);
        waiting.signal('SIGINT');
        const ended = await waiting.ended;
        refused(ended, 130, new RegExp(`^jit: work: interrupted; ${id} lives on$`, 'm'));
        const [shown, foreign] = await Promise.all([alice.jit('show', id, '--json'), bob.jit('cancel', id)]);
        assert.equal(JSON.parse(shown.stdout).request.state, 'pending');
        refused(foreign, 9, /there is no request/);
        const cancelled = succeeded(await alice.jit('cancel', id, '--json'));
        assert.deepEqual(JSON.parse(cancelled.stdout).request.state, 'cancelled');
        const [approval, wait] = await Promise.all([bob.jit('approve', id, '--yes'), alice.jit('wait', id)]);
        refused(approval, 5, /it is cancelled already: alice\.liddell took it back/);
        refused(wait, 5, /cancelled: alice\.liddell took it back/);
      },
    );

    await t.test('a denial ends the waiting with its reason, and an approval after it is told the truth', async () => {
      const waiting = started(t, alice, ...WRITE);
      const id = await idOf(waiting);
      refused(await bob.jit('deny', id), 2, /--reason is missing/);
      succeeded(await bob.jit('deny', id, '--reason', 'use the replica'));
      refused(await waiting.ended, 5, /^jit: work: denied: bob\.ross denied it: use the replica$/m);
      const approval = await carol.jit('approve', id, '--yes');
      refused(approval, 5, /it is denied already: bob\.ross denied it: use the replica/);
    });

    await t.test("one's own request, one's second vote, and a vote without having looked are refused", async () => {
      const id = await left(alice, WRITE);
      const [own, blind, document, nobodys] = await Promise.all([
        alice.jit('approve', id, '--yes'),
        bob.jit('approve', id),
        carol.jit('approve', id, '--json'),
        erin.jit('approve', id, '--yes'),
      ]);
      refused(own, 5, /it is your own request: somebody else has to decide/);
      refused(blind, 2, /^hint: look with jit show, then add: --yes$/m);
      refused(document, 2, /^$/);
      refused(nobodys, 9, /there is no request/);
      succeeded(await bob.jit('approve', id, '--yes'));
      refused(await bob.jit('approve', id, '--yes'), 5, /you have approved it already, still missing: 1 of leads/);
      succeeded(await carol.jit('approve', id, '--yes'));
      // Until it is taken up a no still counts, also from somebody who had said yes.
      succeeded(await bob.jit('deny', id, '--reason', 'on second thoughts'));
      refused(await alice.jit('wait', id), 5, /bob\.ross denied it: on second thoughts/);
    });
  },
);
