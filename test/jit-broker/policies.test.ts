/**
 * Policies that change under a running shared broker: real program, real oidc-provider, real files and signals.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JitError } from '../../src/core/errors.ts';
import { livePolicies } from '../../src/jit-broker/policies.ts';
import { outcomeSchema } from '../../src/wire/views.ts';
import { eventually } from '../support/eventually.ts';
import { NO_WRITING, policyWithLeads, startOffice } from '../support/office.ts';
import { type Said, type SignedIn, signedIn } from '../support/signed-in.ts';

const WRITE = {
  authorization_details: [
    { type: 'jit_access', operation: 's3:PutObject', resources: ['arn:aws:s3:::sandbox-reports/*'] },
  ],
  seconds: 300,
  reason: 'test',
};

type Request = ReturnType<typeof outcomeSchema.parse>['request'];

function requestOf({ status, body }: Said): Request {
  assert.ok(status === 200 || status === 201, JSON.stringify(body));
  return outcomeSchema.parse(body).request;
}

const seen = ({ hash, policy }: Request): object => ({ hash, policy });
const linesWith = (log: string, message: string): number =>
  log.split('\n').filter((line) => line.includes(message)).length;

test('policies are loaded anew under a running broker, and what waits is judged by them', async (t) => {
  const { idp, broker } = await startOffice(t);
  const names = ['alice', 'bob', 'carol', 'dan'];
  const [alice, bob, carol, dan] = await Promise.all(names.map((name) => signedIn(broker.url, idp, name)));
  assert.ok(alice && bob && carol && dan);
  const look = async (who: SignedIn, id: string): Promise<Request> =>
    requestOf(await who.call('GET', `/v1/requests/${id}`));
  const approve = async (who: SignedIn, request: Request): Promise<Said> =>
    who.fresh(`/v1/requests/${request.id}/approve`, { ...seen(request), attended: true });
  const loaded = (): readonly unknown[] => broker.entries('policy.loaded');

  const half = requestOf(await alice.fresh('/v1/requests', WRITE));
  const done = requestOf(await alice.fresh('/v1/requests', WRITE));
  await Promise.all([approve(bob, half), approve(carol, done)]);
  assert.equal(requestOf(await approve(bob, done)).state, 'approved');

  await t.test(
    'a stricter set, found without a signal: old votes do not count, and who looked before is told',
    async () => {
      broker.setPolicy(policyWithLeads(3));
      const [first, second] = await eventually(async () => {
        const both = await Promise.all([look(alice, half.id), look(alice, done.id)]);
        return both.every(({ policy }) => policy !== half.policy) ? both : null;
      });
      for (const now of [first, second]) {
        assert.equal(now?.state, 'pending');
        assert.deepEqual(now.quorum, [{ group: 'leads', approvers: 3, missing: 3 }]);
        assert.ok(now.votes.every(({ counts }) => !counts));
      }
      assert.match(second?.why ?? '', /needed again/);
      const [late, early] = await Promise.all([approve(dan, half), alice.fresh(`/v1/requests/${done.id}/issue`)]);
      assert.deepEqual([late.status, late.body['code']], [409, 'ERR_DECIDED']);
      assert.match(JSON.stringify(late.body), /the policy has changed since you looked at it: nothing was counted/);
      assert.deepEqual([early.status, early.body['code']], [409, 'ERR_PENDING']);
      assert.equal(loaded().length, 1);
      const [entry] = broker.entries('policy.loaded');
      assert.deepEqual(entry?.data, { from: half.policy, to: first?.policy });
      assert.deepEqual(entry?.actor, { kind: 'broker' });
      const asked = requestOf(await approve(bob, await look(bob, half.id)));
      assert.deepEqual(asked.quorum, [{ group: 'leads', approvers: 3, missing: 2 }]);
    },
  );

  await t.test(
    'a bad set: the one before goes on, and the log says so once, however often it is looked at',
    async () => {
      const before = await look(alice, half.id);
      const refused = (): number => linesWith(broker.log(), 'the policies are refused, the ones before go on');
      broker.setPolicy('@id("x") @tier("auto") permit(principal, action');
      await eventually(() => refused() === 1);
      // Each of these has it looked at again.
      for (let round = 0; round < 3; round++) broker.signal('SIGHUP');
      const now = requestOf(await approve(carol, before));
      assert.deepEqual([now.policy, now.quorum[0]?.missing], [before.policy, 1]);
      broker.setPolicy(policyWithLeads(2));
      broker.signal('SIGHUP');
      await eventually(() => loaded().length === 2);
      assert.equal(refused(), 1);
      assert.equal(linesWith(broker.log(), '"policies loaded"'), 2);
    },
  );

  await t.test('a set that forbids what waits ends it, and nothing of it can be taken up', async () => {
    const now = await look(bob, half.id);
    await approve(bob, now);
    assert.equal(requestOf(await approve(carol, now)).state, 'approved');
    broker.setPolicy(NO_WRITING);
    broker.signal('SIGHUP');
    await eventually(async () => (await look(alice, half.id)).state === 'denied');
    const refused = await alice.fresh(`/v1/requests/${half.id}/issue`);
    assert.deepEqual([refused.status, refused.body['code']], [403, 'ERR_DENIED']);
    assert.deepEqual(broker.entries('grant.'), []);
    assert.equal(loaded().length, 3);
  });
});

test('a change that cannot be told of is told of again, as what it is: the new policies decide already', async () => {
  let text = policyWithLeads(1);
  const log: string[] = [];
  const note = (message: string): void => void log.push(message);
  const policies = await livePolicies(async () => [{ name: 'all.cedar', text }], {
    info: note,
    warn: note,
    error: note,
  });
  const told: (readonly [string, string])[] = [];
  let store: 'down' | 'up' = 'down';
  const stop = policies.watch(async (from, to) => {
    if (store === 'down') throw new JitError({ code: 'ERR_STORE', message: 'the disk is full' });
    told.push([from, to]);
  });
  try {
    const before = policies.current().version;
    text = policyWithLeads(2);
    for (let round = 0; round < 3; round++) await policies.reload();
    const after = policies.current().version;
    assert.notEqual(after, before);
    assert.deepEqual(log, ['policies loaded', 'a change of policies could not be recorded; it is tried again']);
    store = 'up';
    for (let round = 0; round < 2; round++) await policies.reload();
    assert.deepEqual(told, [[before, after]]);
  } finally {
    stop();
  }
});
