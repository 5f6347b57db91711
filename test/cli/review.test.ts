/**
 * Emergency access that other people look at, before and after: jit in several homes, jit-broker, oidc-provider, terminals and
 * the aws program are real, the cloud is the sandbox, and the incidents stand in a file.
 * @module
 */
import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { ReviewList } from '../../src/wire/emergencies.ts';
import { eventually } from '../support/eventually.ts';
import { tempFolder } from '../support/home.ts';
import { startOffice } from '../support/office.ts';
import type { Ended } from '../support/run.ts';
import { skipUnless } from '../support/tools.ts';
import { approveByHand } from './by-hand.ts';
import { loggedIn, succeeded, type User, user } from './shared.ts';
import { openTerminal } from './terminal.ts';

const JIT = `${process.execPath} ${resolve('bin/jit')}`;
const LENGTH = ['--for', '20m', '--reason', 'web is down'];
const READ = ['breakglass', 's3:GetObject', 'arn:aws:s3:::sandbox-reports/*', '--target', 'reports', ...LENGTH];
const POLICY = `
@id("emergency") @max("1h")
permit (principal is Jit::User in Jit::Group::"eng", action == Jit::Action::"BreakGlass", resource)
when { context.incident.verified && context.incident.responder };
@id("sealed") @max("1h") @sealed("2") @sealed_group("leads") @sealed_max("2m")
permit (principal is Jit::User in Jit::Group::"eng", action == Jit::Action::"BreakGlass", resource)
when { !context.incident.verified };
@id("leads") permit (principal in Jit::Group::"leads", action == Jit::Action::"Approve", resource);
`;

interface Scene {
  readonly people: Readonly<Record<'alice' | 'bob' | 'carol' | 'erin', User>>;
  readonly set: (state: 'open' | 'closed') => void;
  /** From now on the source gives no answer. */
  readonly silence: () => void;
}

async function scene(t: TestContext): Promise<Scene> {
  const file = join(tempFolder(t), 'incidents.yaml');
  const set = (state: string): void => {
    const text = `incidents: [{ id: INC-7, title: web is down, state: ${state}, severity: 1, responders: [alice] }]\n`;
    writeFileSync(file, text, { mode: 0o600 });
  };
  set('open');
  const office = await startOffice(t, {
    policy: POLICY,
    emergencies: 'poll: 5s',
    incidents: (idp) =>
      `  pager: { type: file, file: ${file}, people: [{ id: alice, issuer: '${idp.issuer}', subject: alice }] }\n`,
  });
  const at = { idp: office.idp, url: office.broker.url, trust: {} };
  const signedIn = async (name: string): Promise<User> => {
    const who = user(t, at);
    await loggedIn(at, who, name);
    return who;
  };
  const [alice, bob, carol, erin] = await Promise.all(['alice', 'bob', 'carol', 'erin'].map(signedIn));
  assert.ok(alice && bob && carol && erin);
  return { people: { alice, bob, carol, erin }, set, silence: () => chmodSync(file, 0o622) };
}

function refused(ended: Ended, status: number, pattern: RegExp): void {
  assert.equal(ended.status, status, `${ended.stdout}\n${ended.stderr}`);
  assert.match(ended.stderr, pattern);
}

const listed = async (who: User): Promise<ReviewList['items']> => {
  const document: ReviewList & { schema: string } = JSON.parse(succeeded(await who.jit('review', '--json')).stdout);
  assert.equal(document.schema, 'jit.reviews/v1');
  return document.items;
};

test(
  'somebody else closes the review with a verdict: not the holder, not a stranger, and not before it is over',
  {
    skip: skipUnless('aws', 'tmux'),
  },
  async (t) => {
    const { people, set } = await scene(t);
    const { alice, bob, carol, erin } = people;
    const broken = JSON.parse(succeeded(await alice.jit(...READ, '--incident', 'INC-7', '--json')).stdout);
    const { id } = broken.request;
    const verdict = ['--verdict', 'justified', '--comment', 'rolled back in time'];

    await t.test('while the access is live', async () => {
      assert.match(succeeded(await alice.jit('review')).stdout, new RegExp(`${id} .* live .*incident INC-7`));
      refused(await bob.jit('review', id, ...verdict), 6, /the access is still live/);
      refused(await alice.jit('review', id, ...verdict), 5, /it is your own emergency access: somebody else has to/);
      assert.deepEqual(await listed(erin), []);
      refused(await erin.jit('review', id, ...verdict), 9, /no review of req_\w+ is open for you/);
    });

    await t.test('the incident is closed, and it is still not for everybody', async () => {
      set('closed');
      await eventually(async () => (await listed(bob))[0]?.can === true, { deadlineMs: 30_000 });
      refused(
        await alice.jit('review', id, ...verdict),
        5,
        /hint: whoever may approve such access can: .*jit review req_/,
      );
      assert.equal((await listed(alice))[0]?.can, false);
      refused(await bob.jit('review', id), 2, /^hint: add: --verdict justified --comment 'what you found'$/m);
      refused(await bob.jit('review', id, '--verdict', 'fine', '--comment', 'x'), 2, /fine is no verdict/);
    });

    await t.test('at a terminal all of it is shown; of two people one has the word', async () => {
      const terminal = await openTerminal(t, bob.home, bob.env, { columns: 120, rows: 50 });
      await terminal.command(`clear; ${JIT} review ${id}; echo "status=$?"`);
      const screen = await terminal.shows(/was it justified\?/);
      assert.match(screen, /^who +alice\.liddell \(user alice of /m);
      assert.match(screen, /^incident +INC-7 \(pager\)$/m);
      assert.match(screen, /^reason +web is down$/m);
      assert.match(screen, /^ended +.*: incident-closed$/m);
      assert.match(screen, /^used +/m);
      await terminal.keys('Down', 'Enter');
      await terminal.shows(/what did you find\?/);
      await terminal.keys('nothing was wrong', 'Enter');
      assert.match(await terminal.shows(/status=0/), new RegExp(`the review of ${id} is closed: unjustified$`, 'm'));
      refused(await carol.jit('review', id, ...verdict), 9, /no review of req_\w+ is open for you/);
      assert.deepEqual(await listed(alice), []);
      assert.match(succeeded(await alice.jit('review')).stderr, /no review is open/);
    });
  },
);

test(
  'while the source gives no answer two people confirm; until then it waits with status 6, and jit wait takes it up',
  {
    skip: skipUnless('tmux'),
  },
  async (t) => {
    const { people, silence } = await scene(t);
    const { alice, bob, carol, erin } = people;
    silence();
    const line = READ.map((word) => (word === '20m' ? '2m' : word));
    refused(
      await alice.jit(...READ, '--incident', 'INC-7', '--no-wait'),
      5,
      /denied: pager gives no answer about INC-7/,
    );
    const waiting = await alice.jit(...line, '--incident', 'INC-7', '--no-wait');
    refused(waiting, 6, /not decided yet: it needs confirmation by 2 of leads, since pager gives no answer/);
    const [, id = ''] = /jit wait (req_\w+)$/m.exec(waiting.stderr) ?? [];
    refused(await erin.jit('approve', id, '--yes'), 9, /./);
    const held = alice.jit('wait', id, '--timeout', '2m', '--json');
    await approveByHand(t, bob, id);
    refused(await alice.jit('wait', id, '--timeout', '1s'), 6, /it needs confirmation by 1 of leads/);
    await approveByHand(t, carol, id);
    const { grant, request } = JSON.parse(succeeded(await held).stdout);
    assert.deepEqual([request.tier, request.votes.length, grant.state], ['break-glass', 2, 'active']);
  },
);

test('whoever would have had to approve it ends all access of an incident at once, also that of others; a stranger ends nothing', async (t) => {
  const { people } = await scene(t);
  const { alice, bob, erin } = people;
  const ask = async (): Promise<string> =>
    JSON.parse(succeeded(await alice.jit(...READ, '--incident', 'INC-7', '--json')).stdout).grant.id;
  const grants = [await ask(), await ask()];
  refused(await erin.jit('revoke', '--incident', 'INC-7'), 9, /there is no incident of that name that concerns you/);
  const ended = succeeded(await bob.jit('revoke', '--incident', 'pager/INC-7')).stdout;
  for (const id of grants) {
    assert.match(ended, new RegExp(`^${id}  gone at [\\d:]+  incident INC-7: s3:GetObject`, 'm'));
    refused(await alice.jit('credential', id), 7, /the grant has ended/);
  }
  assert.match((await alice.jit('status')).stderr, /no live grants on this machine/);
});
