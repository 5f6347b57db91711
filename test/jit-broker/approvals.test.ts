/**
 * Approvals over the API of the program jit-broker by the worked example of policies, with people of the certified
 * oidc-provider; the cloud is the sandbox.
 * @module
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { type Outcome, outcomeSchema } from '../../src/wire/views.ts';
import { startAcme } from '../support/acme.ts';
import { eventually } from '../support/eventually.ts';
import { tempFolder } from '../support/home.ts';
import { startIdp } from '../support/idp.ts';
import type { Office } from '../support/office.ts';
import { people } from '../support/shared-broker.ts';
import { type Said, type SignedIn, signedIn } from '../support/signed-in.ts';
import { skipUnless } from '../support/tools.ts';

const ON = ['arn:aws:s3:::sandbox-reports/*'];
const asking = (operation: string, target: string): object => ({
  authorization_details: [{ type: 'jit_access', operation, resources: ON, target }],
  seconds: 300,
  reason: 'test',
});
/** Two of the leads, one of them for whoever is on call, the requester's own word. */
const WRITE = asking('s3:PutObject', 'ledger');
const DELETE = asking('s3:DeleteObject', 'prod-web');
const OWN = asking('s3:PutObject', 'staging');

function outcomeOf({ status, body }: Said): Outcome {
  assert.ok(status === 200 || status === 201, JSON.stringify(body));
  return outcomeSchema.parse(body);
}

const ask = async (who: SignedIn, body: object): Promise<Outcome['request']> =>
  outcomeOf(await who.fresh('/v1/requests', body)).request;
const seen = ({ hash, policy }: Outcome['request']): object => ({ hash, policy });
const yes = (request: Outcome['request']): object => ({ ...seen(request), attended: true });
const approve = async (who: SignedIn, request: Outcome['request']): Promise<Said> =>
  who.fresh(`/v1/requests/${request.id}/approve`, yes(request));
const look = async (who: SignedIn, { id }: Outcome['request']): Promise<Outcome['request']> =>
  outcomeOf(await who.call('GET', `/v1/requests/${id}`)).request;
const issue = async (who: SignedIn, { id }: Outcome['request']): Promise<Said> => who.fresh(`/v1/requests/${id}/issue`);

function refused({ status, body }: Said, expected: number, code: string): void {
  assert.deepEqual([status, body['code']], [expected, code], JSON.stringify(body));
}

async function present<N extends readonly string[]>(
  { broker, idp }: Pick<Office, 'broker' | 'idp'>,
  ...names: N
): Promise<{ [I in keyof N]: SignedIn }> {
  const all = await Promise.all(names.map((name) => signedIn(broker.url, idp, name)));
  // Safe: one for each name, in their order.
  return all as { [I in keyof N]: SignedIn };
}

// They spend their time waiting for the provider, which gives one new word each second.
void suite('approvals over the API', { concurrency: true }, () => {
  void test('requests of others, bodies with more in them than there should be, and votes on something else', async (t) => {
    const office = await startAcme(t);
    const [alice, bob, ed, erin] = await present(office, 'alice', 'bob', 'ed', 'erin');
    const [manual, own] = [await ask(alice, WRITE), await ask(alice, OWN)];
    const unknown = `req_${'0'.repeat(26)}`;

    await t.test('every route answers for the request of somebody else as for one that does not exist', async () => {
      const routes = [
        ['GET', '', 'call'],
        ['GET', '?wait=1s', 'call'],
        ['GET', '/review', 'call'],
        ['POST', '/deny', 'call'],
        ['POST', '/cancel', 'call'],
        ['POST', '/approve', 'fresh'],
        ['POST', '/confirm', 'fresh'],
        ['POST', '/issue', 'fresh'],
      ] as const;
      const answer = async (
        who: SignedIn,
        id: string,
        [method, path, how]: (typeof routes)[number],
      ): Promise<string> => {
        const body =
          method === 'GET' || /cancel|issue/.test(path)
            ? undefined
            : {
                ...seen(manual),
                ...(path === '/deny' ? { reason: 'x' } : path === '/approve' ? { attended: true } : {}),
              };
        const at = `/v1/requests/${id}${path}`;
        const said = how === 'fresh' ? await who.fresh(at, body) : await who.call(method, at, body);
        assert.equal(said.status, 404, `${method} ${path}: ${JSON.stringify(said.body)}`);
        return JSON.stringify(said.body).replaceAll(id, 'ID');
      };
      const foreign = async (who: SignedIn, id: string, which: readonly (typeof routes)[number][]): Promise<void> => {
        for (const route of which) assert.equal(await answer(who, id, route), await answer(who, unknown, route));
      };
      const entries = async (who: SignedIn, id: string): Promise<Said> =>
        who.call('GET', `/v1/audit/entries?request=${id}&from=0`);
      // Erin has nothing to do with it, Ed asks for the same himself, Bob may vote on the one and not on the other.
      await Promise.all([
        foreign(erin, manual.id, routes),
        foreign(ed, own.id, routes),
        foreign(
          bob,
          manual.id,
          routes.filter(([, path]) => /cancel|confirm|issue/.test(path)),
        ),
        foreign(
          bob,
          own.id,
          routes.filter(([, , how]) => how === 'call'),
        ),
      ]);
      for (const who of [erin, ed]) {
        refused(await entries(who, manual.id), 404, 'ERR_NOT_FOUND');
        assert.deepEqual((await who.call('GET', '/v1/requests')).body, { items: [] });
        assert.deepEqual((await who.call('GET', '/v1/requests?role=approver')).body, { items: [] });
      }
      assert.equal((await entries(bob, manual.id)).status, 200);
      assert.deepEqual([(await look(alice, manual)).version, (await look(alice, own)).version], [1, 1]);
    });

    await t.test(
      'a body with a field too many, too few or of another kind is refused, and nothing is counted',
      async () => {
        const at = `/v1/requests/${manual.id}`;
        for (const body of [
          { ...yes(manual), voter: 'carol' },
          { ...yes(manual), reason: 'x' },
          { hash: manual.hash, attended: true },
          seen(manual),
          { ...yes(manual), attended: 'yes' },
          { ...yes(manual), hash: 7 },
          { ...yes(manual), comment: '' },
          [],
        ]) {
          refused(await bob.fresh(`${at}/approve`, body), 400, 'ERR_BODY');
        }
        refused(await bob.call('POST', `${at}/deny`, seen(manual)), 400, 'ERR_BODY');
        refused(
          await bob.call('POST', `${at}/deny`, { ...seen(manual), reason: 'x', choice: 'approve' }),
          400,
          'ERR_BODY',
        );
        refused(await alice.fresh(`/v1/requests/${own.id}/confirm`, { ...seen(own), comment: 'x' }), 400, 'ERR_BODY');
        assert.equal((await look(alice, manual)).version, 1);
      },
    );

    await t.test('a vote on another hash or under another policy counts nothing, also from who may vote', async () => {
      const others = [{ hash: own.hash }, { policy: '0'.repeat(64) }, { policy: own.hash }];
      for (const other of others) {
        refused(await bob.fresh(`/v1/requests/${manual.id}/approve`, { ...yes(manual), ...other }), 409, 'ERR_DECIDED');
      }
      const denial = { ...seen(manual), hash: own.hash, reason: 'x' };
      refused(await bob.call('POST', `/v1/requests/${manual.id}/deny`, denial), 409, 'ERR_DECIDED');
      refused(
        await alice.fresh(`/v1/requests/${own.id}/confirm`, { ...seen(own), hash: manual.hash }),
        409,
        'ERR_DECIDED',
      );
      assert.deepEqual((await look(alice, manual)).votes, []);
      assert.equal((await look(alice, own)).state, 'pending');
    });

    await t.test('without a new word of the identity provider there is no yes, and a no goes through', async () => {
      const at = `/v1/requests/${manual.id}`;
      refused(await bob.call('POST', `${at}/approve`, yes(manual)), 401, 'ERR_IDENTITY_STALE');
      refused(await alice.call('POST', `/v1/requests/${own.id}/confirm`, seen(own)), 401, 'ERR_IDENTITY_STALE');
      refused(await alice.call('POST', `${at}/issue`), 401, 'ERR_IDENTITY_STALE');
      const denied = outcomeOf(await bob.call('POST', `${at}/deny`, { ...seen(manual), reason: 'x' }));
      assert.equal(denied.request.state, 'denied');
    });
    assert.deepEqual(office.cloud.done, []);
  });

  void test('nobody approves their own request or counts twice: second accounts, other spellings, another provider', async (t) => {
    const mail = (subject: string): string => `${subject}@example.com`;
    const accounts = {
      alice: { email: mail('alice'), groups: ['engineers', 'leads'] },
      ALICE: { email: mail('a.pleasance'), groups: ['leads'] },
      bob: { email: mail('bob'), groups: ['leads'] },
      carol: { email: mail('carol'), groups: ['leads'] },
    };
    const elsewhere = await startIdp(t, {
      accounts: {
        'a.liddell': { email: mail('Alice'), groups: ['leads'] },
        'b.ross': { email: mail('BOB'), groups: ['leads'] },
        // The subject alone says nothing: this is another one's Carol.
        carol: { email: mail('carol.elsewhere'), groups: ['leads'] },
      },
    });
    const claims = 'person: email';
    const identity = `${people(elsewhere, 'elsewhere')}    claims: { ${claims} }\n`;
    const office = await startAcme(t, { accounts, claims, identity });
    const [alice, capitals, bob, carol] = await present(office, 'alice', 'ALICE', 'bob', 'carol');
    const [second, bobToo, other] = await present(
      { broker: office.broker, idp: elsewhere },
      'a.liddell',
      'b.ross',
      'carol',
    );
    const request = await ask(alice, WRITE);

    refused(await approve(alice, request), 403, 'ERR_DENIED');
    for (const self of [capitals, second]) {
      refused(await approve(self, request), 404, 'ERR_NOT_FOUND');
      refused(
        await self.call('POST', `/v1/requests/${request.id}/deny`, { ...seen(request), reason: 'x' }),
        404,
        'ERR_NOT_FOUND',
      );
    }
    for (const self of [alice, capitals, second]) {
      assert.deepEqual((await self.call('GET', '/v1/requests?role=approver')).body, { items: [] });
    }

    assert.equal(outcomeOf(await approve(bob, request)).request.quorum[0]?.missing, 1);
    // Whoever has voted is told the same again, by whichever account.
    for (const again of [bob, bobToo]) {
      const { votes, quorum } = outcomeOf(await approve(again, request)).request;
      assert.deepEqual([votes.length, quorum[0]?.missing], [1, 1]);
    }
    refused(await issue(alice, request), 409, 'ERR_PENDING');
    const voters = office.broker.entries('request.voted').map(({ actor }) => [actor['issuer'], actor['subject']]);
    assert.deepEqual(voters, [[office.idp.issuer, 'bob']]);
    const { request: approved } = outcomeOf(await approve(other, request));
    assert.equal(approved.state, 'approved');
    // A yes that is not needed any more is no mistake, and no vote.
    assert.deepEqual(outcomeOf(await approve(carol, request)).request, { ...approved, can: ['deny'] });
  });

  void test('who leaves a group or is disabled: neither their votes nor their approved requests are good any more', async (t) => {
    const office = await startAcme(t);
    const [alice, ed, bob, carol, dan] = await present(office, 'alice', 'ed', 'bob', 'carol', 'dan');
    const [first, second, third] = [await ask(alice, DELETE), await ask(ed, DELETE), await ask(ed, WRITE)];
    const fourth = await ask(dan, DELETE);

    await Promise.all([approve(bob, first), approve(carol, second)]);
    await Promise.all([approve(carol, fourth), approve(dan, third), approve(bob, third)]);
    const approved = [await look(alice, first), await look(ed, second), await look(ed, third), await look(dan, fourth)];
    assert.deepEqual(
      approved.map(({ state }) => state),
      ['approved', 'approved', 'approved', 'approved'],
    );

    await t.test('the requester left: denied at the very next step', async () => {
      office.idp.setGroups('alice', []);
      refused(await issue(alice, first), 403, 'ERR_DENIED');
      assert.equal((await look(alice, first)).state, 'denied');
    });

    await t.test('the requester is disabled: no word, so nothing to take it up with', async () => {
      office.idp.disable('dan');
      const wordless = await issue(dan, fourth);
      assert.deepEqual([wordless.status, wordless.body['error']], [400, 'invalid_grant']);
      refused(await dan.call('POST', `/v1/requests/${fourth.id}/issue`), 401, 'ERR_IDENTITY_STALE');
    });

    await t.test('an approver left: as soon as the broker hears of it, the vote is needed again', async () => {
      office.idp.setGroups('bob', ['engineers']);
      refused(await approve(bob, second), 404, 'ERR_NOT_FOUND');
      refused(await issue(ed, third), 409, 'ERR_PENDING');
      const now = await look(ed, third);
      assert.deepEqual([now.state, now.quorum[0]?.missing], ['pending', 1]);
      const counting = now.votes.filter(({ counts }) => counts).map(({ by }) => by.subject);
      assert.deepEqual(counting, ['dan']);
      // He has voted on it, so he sees what has become of it.
      refused(await approve(bob, now), 403, 'ERR_DENIED');
    });

    await t.test(
      'an approver who left after the grant was made: its credentials are refused, and it ends',
      async () => {
        const { grant } = outcomeOf(await issue(ed, second));
        assert.ok(grant?.state === 'active');
        office.idp.setGroups('carol', []);
        refused(await approve(carol, third), 404, 'ERR_NOT_FOUND');
        refused(await ed.fresh(`/v1/grants/${grant.id}/credentials`), 403, 'ERR_DENIED');
        const { body } = await ed.call('GET', `/v1/grants/${grant.id}`);
        assert.notEqual(outcomeSchema.parse(body).grant?.state, 'active');
      },
    );
    assert.equal(office.cloud.sessions.length, 1, 'only what was still good was issued');
  });

  void test('a broker that is killed between approval and take-up, and during it: at most one issuance, and none unrecorded', async (t) => {
    const office = await startAcme(t);
    const { broker, cloud } = office;
    const [alice, bob, carol] = await present(office, 'alice', 'bob', 'carol');
    const [kept, cut] = [await ask(alice, WRITE), await ask(alice, DELETE)];
    await Promise.all([approve(bob, kept), approve(carol, cut)]);
    assert.equal(outcomeOf(await approve(carol, kept)).request.state, 'approved');

    await broker.stop('SIGKILL');
    await broker.start();
    assert.deepEqual((await look(alice, kept)).can, ['issue', 'cancel']);
    const { grant } = outcomeOf(await issue(alice, kept));
    assert.equal(grant?.state, 'active');
    assert.equal(outcomeOf(await issue(alice, kept)).grant?.id, grant.id);

    cloud.close();
    const lost = issue(alice, cut).catch(() => 'cut off');
    await eventually(() => cloud.waiting() > 0);
    await broker.stop('SIGKILL');
    assert.equal(await lost, 'cut off');
    cloud.open();
    await broker.start();
    const after = outcomeOf(await issue(alice, cut));
    assert.ok(after.grant !== null);
    const { id } = after.grant;
    refused(await alice.fresh(`/v1/grants/${id}/credentials`), 410, 'ERR_GRANT_ENDED');
    await eventually(async () => {
      const { body } = await alice.call('GET', `/v1/grants/${id}`);
      return outcomeSchema.parse(body).grant?.state === 'closed';
    });
    assert.equal(outcomeOf(await issue(alice, cut)).grant?.id, id);
    assert.deepEqual(cloud.sessions, [grant.id, id], 'each was asked for once');
    assert.ok(cloud.done.includes('PutRolePolicy'), 'what the cloud may have issued is denied there');
    const stories = broker
      .entries('grant.')
      .map(({ type, grant: about }) => `${type} ${about === id ? 'cut' : 'kept'}`);
    const making = stories.filter((each) => /intended|issue/.test(each));
    assert.deepEqual(
      [...new Set(making)],
      ['grant.intended kept', 'grant.issued kept', 'grant.intended cut', 'grant.issue-unknown cut'],
    );
  });

  const clock = spawnSync('faketime', ['-f', '+0', 'sh', '-c', 'echo $LD_PRELOAD'], { encoding: 'utf8' });

  void test(
    'what nobody decides or takes up in time is over, and a late yes changes nothing',
    { skip: skipUnless('faketime') },
    async (t) => {
      const offset = join(tempFolder(t), 'offset');
      writeFileSync(offset, '+0');
      // The clock of the machine is set forward under the running broker. Timers go on as before.
      const env = {
        LD_PRELOAD: clock.stdout.trim(),
        FAKETIME_TIMESTAMP_FILE: offset,
        FAKETIME_NO_CACHE: '1',
        DONT_FAKE_MONOTONIC: '1',
      };
      const office = await startAcme(t, {
        env,
        approvals: 'wait: 90s, takeUp: 1m, confirm: 30s',
        sessions: 'word: 5m',
      });
      const [alice, bob, carol] = await present(office, 'alice', 'bob', 'carol');
      const [undecided, own] = [await ask(alice, WRITE), await ask(alice, OWN)];
      const approved = await ask(alice, DELETE);
      await Promise.all([approve(bob, undecided), approve(carol, approved)]);
      assert.equal((await look(alice, approved)).state, 'approved');

      writeFileSync(offset, '+120s');
      // Whether or not the broker has cleared them away meanwhile, the answer is the same.
      const [late, never, word] = await Promise.all([
        approve(carol, undecided),
        issue(alice, approved),
        bob.call('POST', `/v1/requests/${undecided.id}/deny`, { ...seen(undecided), reason: 'x' }),
      ]);
      refused(late, 409, 'ERR_DECIDED');
      assert.match(JSON.stringify(late.body), /too late: the request is timed-out/);
      refused(word, 409, 'ERR_DECIDED');
      refused(never, 403, 'ERR_DENIED');
      assert.match(JSON.stringify(never.body), /the request is timed-out/);
      refused(await alice.fresh(`/v1/requests/${own.id}/confirm`, seen(own)), 409, 'ERR_DECIDED');

      const states = async (): Promise<readonly string[]> => {
        const all = [undecided, approved, own].map(async (each) => (await look(alice, each)).state);
        return await Promise.all(all);
      };
      await eventually(async () => (await states()).every((state) => state === 'timed-out'));
      const told = office.broker
        .entries('request.timed-out')
        .map(({ data }) => `${String(data['from'])}: ${String(data['why'])}`);
      assert.deepEqual(told.toSorted(), [
        'approved: it was approved and not taken up in time',
        'pending: nobody decided in time',
        'pending: nobody decided in time',
      ]);
      assert.deepEqual(office.cloud.sessions, []);
    },
  );
});
