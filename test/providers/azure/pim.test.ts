/**
 * Privileged identity management: requests that take their time or are refused, floors, renewals, and ends that Azure keeps.
 * @module
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { JitError } from '../../../src/core/errors.ts';
import { fault } from '../../fakes/azure/world.ts';
import { eventually } from '../../support/eventually.ts';
import { ANN, end, markOf, never, openGround } from './support.ts';
import type { Ground } from './support.ts';

let ground: Ground;
beforeEach(async () => {
  ground = await openGround();
});
afterEach(async () => {
  assert.deepEqual(ground.azure.wrong, []);
  await ground.close();
});

const standing = () => ground.azure.rbac.current().filter(({ principalId }) => principalId === ANN);
const scene = () => ({ provider: ground.provider(), target: ground.target({ assignment: 'pim' }) });
const refusal = async (work: Promise<unknown>): Promise<JitError> =>
  await work.then(
    () => assert.fail('it succeeded'),
    (error: unknown) => (error instanceof JitError ? error : assert.fail(String(error))),
  );
const seconds = (at: number): number => Math.ceil(at / 1_000) * 1_000;

test('a request that Azure carries out later is waited for; only provisioned counts', async () => {
  const { provider, target } = scene();
  ground.azure.rbac.mood.statuses = ['Accepted', 'Granted', 'PendingProvisioning'];
  const order = ground.order();
  await provider.issue(target, order, never());
  assert.equal(standing()[0]?.end, seconds(order.endsAt));
  assert.equal(await ground.works({ kind: 'own' }, order), true);
});

test('a request that is not carried out in time has an unknown outcome, and its revocation takes it back', async () => {
  const { provider, target } = scene();
  ground.azure.rbac.mood.statuses = Array.from({ length: 50 }, () => 'PendingProvisioning');
  const order = ground.order();
  const patience = new AbortController();
  const issuing = refusal(provider.issue(target, order, patience.signal));
  await eventually(() => [...ground.azure.rbac.requests.values()].some(({ ahead }) => ahead.length < 49));
  patience.abort();
  assert.equal((await issuing).code, 'ERR_CLOUD_UNKNOWN');
  await end(ground, ground.provider(), { ...markOf(provider, target, order), endsAt: null });
  assert.deepEqual(
    [...ground.azure.rbac.requests.values()].map(({ status }) => status),
    ['Canceled'],
  );
  assert.deepEqual(standing(), []);
});

for (const status of [403, 429, 500]) {
  test(`a request that Azure has and cannot be asked about (${status}) has an unknown outcome`, async () => {
    const { provider, target } = scene();
    const line = /^GET .*\/roleAssignmentScheduleRequests\/[0-9a-f-]+$/;
    ground.azure.refusals.push({ line, reply: fault(status, 'x', 'x') });
    const order = ground.order();
    assert.equal((await refusal(provider.issue(target, order, never()))).code, 'ERR_CLOUD_UNKNOWN');
    await end(ground, provider, { ...markOf(provider, target, order), endsAt: null });
    assert.deepEqual(standing(), []);
  });
}

for (const last of ['Denied', 'Failed', 'TimedOut'] as const) {
  test(`${last}: nothing was issued, and it says so; the same grant can be tried again`, async () => {
    const { provider, target } = scene();
    ground.azure.rbac.mood.last = last;
    const order = ground.order();
    const { code, message } = await refusal(provider.issue(target, order, never()));
    assert.equal(code, 'ERR_CLOUD');
    assert(message.includes(last), message);
    assert.deepEqual(standing(), []);
    ground.azure.rbac.mood.last = 'Provisioned';
    await provider.issue(target, order, never());
    assert.equal(standing().length, 1);
  });
}

test('where Azure wants an approval of its own, the request is taken back and nothing is issued', async () => {
  const { provider, target } = scene();
  ground.azure.rbac.mood.last = 'PendingApproval';
  const { code, hint } = await refusal(provider.issue(target, ground.order(), never()));
  assert.equal(code, 'ERR_CLOUD');
  assert.match(hint ?? '', /switch approval off/);
  assert.deepEqual(
    [...ground.azure.rbac.requests.values()].map(({ status }) => status),
    ['Canceled'],
  );
});

test('a grant shorter than five minutes leaves an assignment of five, and is called gone when that is over', async () => {
  const { provider, target } = scene();
  const order = ground.order({ endsAt: ground.now() + 60_000 });
  const begun = ground.now();
  const { granted, notAfter } = await provider.issue(target, order, never());
  const until = standing()[0]?.end ?? 0;
  assert(until >= begun + 300_000 && until <= begun + 330_000, String(until - begun));
  assert.match(granted, /"ends":"20/);
  assert(notAfter >= until, 'it is said to be over before it is');
  ground.passTo(order.endsAt);
  await end(ground, provider, markOf(provider, target, order));
  assert(ground.now() >= begun + 900_000, 'it was called gone before Azure could have forgotten it');
  assert.deepEqual(standing(), []);
});

test('in its first five minutes nothing can be removed: revocation says when to come back, and then removes it', async () => {
  const { provider, target } = scene();
  const order = ground.order({ endsAt: ground.now() + 7_200_000 });
  const begun = ground.now();
  await provider.issue(target, order, never());
  const mark = markOf(provider, target, order);
  const first = await provider.revoke(mark, async () => await Promise.resolve([]), never());
  assert(first.kind === 'pending' && first.checkAt > begun + 300_000 && first.checkAt < begun + 330_000);
  assert.equal(standing().length, 1);
  await end(ground, provider, mark);
  assert.deepEqual(standing(), []);
});

test('a renewal moves the end in Azure, and an earlier end never moves it back', async () => {
  const { provider, target } = scene();
  const order = ground.order();
  const later = { ...order, endsAt: order.endsAt + 3_600_000 };
  await provider.issue(target, order, never());
  await provider.issue(target, later, never());
  assert.equal(standing()[0]?.end, seconds(later.endsAt));
  const kinds = [...ground.azure.rbac.requests.values()].map(({ body }) => body.requestType);
  assert.deepEqual(kinds, ['AdminAssign', 'AdminUpdate']);
  await provider.issue(target, order, never());
  assert.equal(standing()[0]?.end, seconds(later.endsAt));
  assert.equal(ground.azure.rbac.requests.size, 2);
});

test('with no broker alive Azure ends it, at the end and not before', async () => {
  const { provider, target } = scene();
  const order = ground.order();
  await provider.issue(target, order, never());
  ground.passTo(order.endsAt - 1_000);
  assert.equal(await ground.works({ kind: 'own' }, order), true);
  ground.passTo(order.endsAt + 1_000);
  assert.equal(await ground.works({ kind: 'own' }, order), false);
});

test('what somebody else assigns in its place afterwards is not removed by a late revocation', async () => {
  const { provider, target } = scene();
  const order = ground.order();
  await provider.issue(target, order, never());
  const [own] = standing();
  assert(own !== undefined);
  ground.passTo(order.endsAt + 1_000);
  const { scope, roleId, principalId } = own;
  const theirs = ground.azure.rbac.plant({ scope, roleId, principalId, condition: '', end: null, description: '' });
  await end(ground, ground.provider(), markOf(provider, target, order));
  assert.deepEqual(standing(), [theirs]);
});

test('a role that is assigned for less than was asked for is not taken for the grant', async () => {
  const { provider, target } = scene();
  const planted = ground.azure.rbac.plant({
    scope: ground.order().permissions[0]?.resources[0] ?? '',
    roleId: '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1',
    principalId: ANN,
    condition: '',
    end: ground.now() + 600_000,
    description: '',
  });
  assert.match((await refusal(provider.issue(target, ground.order(), never()))).message, /for less than was asked for/);
  assert.deepEqual(standing(), [planted]);
});
