/**
 * When a binding is called gone, at a server on which changes take time to arrive everywhere.
 * @module
 */
import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import type { Issued, Order } from '../../../src/core/ports.ts';
import { descriptionOf } from '../../../src/providers/gcp/names.ts';
import type { PolicyBinding } from '../../fakes/gcp/world.ts';
import { failure } from '../../support/failure.ts';
import {
  FOREIGN,
  OWNER,
  PROJECT,
  READER,
  canRead,
  markOf,
  never,
  none,
  openPlace,
  orderOf,
  tokenOf,
} from './support.ts';

const MARK = descriptionOf({ owner: OWNER, target: 'web' });
const place = await openPlace();
const { gcp, clock, provider, target } = place;
const SPREAD_MS = 420_000;
after(place.close);
beforeEach(() => {
  gcp.trouble = () => null;
  gcp.world.spreadMs = 0;
  gcp.world.makeProject(PROJECT, FOREIGN);
  clock.at = Math.ceil(clock.at / 1_000) * 1_000 + 86_400_000;
});

const works = async ({ credential }: Issued): Promise<boolean> =>
  await canRead(gcp, tokenOf(gcp, credential), '2026/q1.csv');
const own = (): readonly PolicyBinding[] =>
  gcp.world.policyOf(PROJECT).bindings.filter(({ condition }) => condition?.description === MARK);
const issued = async (order: Order): Promise<Issued> => await provider.issue(target, order, never());
const rewrite = (change: (binding: PolicyBinding) => PolicyBinding): void =>
  gcp.world.edit(PROJECT, (policy) => ({
    ...policy,
    bindings: policy.bindings.map((one) => (one.condition?.description === MARK ? change(one) : one)),
  }));

test('what was removed is called gone only when it cannot let anybody in any more, and not before', async () => {
  const order = orderOf(clock);
  const made = await issued(order);
  assert.equal(await works(made), true);
  clock.at += 600_000;
  gcp.world.spreadMs = SPREAD_MS - 1_000;
  const mark = markOf(place, order, made);
  const removedAt = clock.at;
  assert.deepEqual(await provider.revoke(mark, none, never()), { kind: 'pending', checkAt: removedAt + SPREAD_MS });
  assert.deepEqual(own(), []);
  assert.equal(await works(made), true, 'the removal has arrived everywhere at once');
  clock.at += SPREAD_MS - 2_000;
  assert.equal((await provider.revoke(mark, none, never())).kind, 'pending');
  assert.equal(await works(made), true);
  clock.at = removedAt + SPREAD_MS;
  const gone = await provider.revoke(mark, none, never());
  assert.deepEqual(gone, {
    kind: 'gone',
    tidyAt: null,
    proof: 'the binding was removed 7 minutes ago, and is not in the policy',
  });
  assert.equal(await works(made), false);
});

test('a broker that has forgotten when it removed waits anew, and never beyond the end in the condition', async () => {
  const order = orderOf(clock, { endsAt: clock.at + SPREAD_MS + 60_000 });
  const mark = markOf(place, order, await issued(order));
  await provider.revoke(mark, none, never());
  clock.at += SPREAD_MS - 1;
  const restarted = place.fresh();
  assert.deepEqual(await restarted.revoke(mark, none, never()), { kind: 'pending', checkAt: order.endsAt });
  clock.at = order.endsAt;
  const calls = gcp.calls.length;
  const gone = await restarted.revoke(mark, none, never());
  assert.deepEqual([gone.kind, gcp.calls.length], ['gone', calls]);
});

test('at its end it is gone without a call, and tidied away afterwards', async () => {
  const order = orderOf(clock);
  const made = await issued(order);
  const mark = markOf(place, order, made);
  clock.at = order.endsAt;
  assert.equal(await works(made), false);
  const calls = gcp.calls.length;
  assert.deepEqual(await provider.revoke(mark, none, never()), {
    kind: 'gone',
    tidyAt: clock.at,
    proof: 'past the end in the condition of the binding',
  });
  assert.equal(gcp.calls.length, calls);
  await provider.tidy(mark, none, never());
  assert.deepEqual(gcp.world.policyOf(PROJECT), FOREIGN);
  await provider.tidy(mark, none, never());
});

test('a write of which nobody had heard, and that arrives after the removal, is removed as well', async () => {
  const order = orderOf(clock);
  gcp.trouble = (call) => (call.endsWith(':setIamPolicy') ? 'dropped' : null);
  await failure(issued(order), 'ERR_CLOUD_UNKNOWN');
  gcp.trouble = () => null;
  const mark = markOf(place, order);
  const first = await provider.revoke(mark, none, never());
  assert(first.kind === 'pending');
  // It was under way all the time.
  await place.fresh().issue(target, order, never());
  clock.at = first.checkAt;
  const second = await provider.revoke(mark, none, never());
  assert(second.kind === 'pending', 'it was called gone while it stood in the policy');
  assert.deepEqual(own(), []);
  clock.at = second.checkAt;
  assert.equal((await provider.revoke(mark, none, never())).kind, 'gone');
});

test('a renewal of which nobody had heard the outcome does not outlive the end that was recorded', async () => {
  const order = orderOf(clock);
  const made = await issued(order);
  const later = { ...order, endsAt: order.endsAt + 1_800_000 };
  const { notAfter } = provider.intend(target, later);
  gcp.trouble = (call) =>
    call.endsWith('IamPolicy') && own().some(({ condition }) => condition?.expression?.includes('13:00:00') === true)
      ? 'lost'
      : null;
  await provider.issue(target, later, AbortSignal.timeout(50)).catch(() => undefined);
  gcp.trouble = () => null;
  await provider.issue(target, later, never());
  clock.at = order.endsAt + 1;
  assert.equal(await works(made), true, 'the renewal has not arrived');
  const mark = { ...markOf(place, order, made), notAfter };
  assert.equal((await provider.revoke(mark, none, never())).kind, 'pending');
  assert.deepEqual(own(), []);
});

test('a binding that somebody has made endless, widened or shared is ours still: it is found and removed whole', async () => {
  const order = orderOf(clock);
  const made = await issued(order);
  rewrite((one) => ({
    ...one,
    members: [...one.members, 'user:zoe@example.com'],
    condition: { ...one.condition, expression: 'request.time < timestamp("2999-01-01T00:00:00Z")' },
  }));
  const [found] = await provider.list(target, never());
  assert.deepEqual([found?.grant, found?.notAfter], [order.grant, Date.parse('2999-01-01T00:00:00Z')]);
  rewrite((one) => ({ ...one, condition: { ...one.condition, expression: 'resource.service == "x"' } }));
  const [endless] = await provider.list(target, never());
  assert.equal(endless?.notAfter, Date.UTC(9999, 11, 31));
  await provider.revoke(markOf(place, order, made), none, never());
  assert.deepEqual(gcp.world.policyOf(PROJECT), FOREIGN);
});

test('a renewal replaces the end in its place, and issuing again changes nothing', async () => {
  const order = orderOf(clock);
  await issued(order);
  gcp.world.edit(PROJECT, (policy) => ({
    ...policy,
    bindings: [...policy.bindings, { role: 'roles/logging.viewer', members: ['user:zoe@example.com'] }],
  }));
  const at = gcp.world.policyOf(PROJECT).bindings.findIndex(({ condition }) => condition?.title?.startsWith('jit-'));
  const writes = (): number => gcp.calls.filter((call) => call.endsWith(':setIamPolicy')).length;
  const before = writes();
  await issued(order);
  assert.equal(writes(), before);
  await issued({ ...order, endsAt: order.endsAt + 60_000 });
  assert.equal(writes(), before + 1);
  const { bindings } = gcp.world.policyOf(PROJECT);
  const end = new Date(order.endsAt + 60_000).toISOString().slice(0, 19);
  assert.match(bindings[at]?.condition?.expression ?? '', new RegExp(end));
  assert.equal(own().length, 1);
});

test('while the project cannot be read, nothing is called gone; at its end it is', async () => {
  const order = orderOf(clock);
  const mark = markOf(place, order, await issued(order));
  gcp.world.removeProject(PROJECT);
  const { hint } = await failure(provider.revoke(mark, none, never()), 'ERR_CLOUD');
  assert.match(hint ?? '', /resourcemanager\.projects\.getIamPolicy/);
  clock.at = order.endsAt;
  assert.equal((await provider.revoke(mark, none, never())).kind, 'gone');
});

test('what has ended in a project that is gone is tried to be removed for a week, and no longer', async () => {
  const told: string[] = [];
  const watched = place.fresh({ notice: (text) => told.push(text) });
  const order = orderOf(clock);
  const mark = markOf(place, order, await issued(order));
  gcp.world.removeProject(PROJECT);
  clock.at = order.endsAt + 604_799_000;
  await failure(watched.tidy(mark, none, never()), 'ERR_CLOUD');
  clock.at += 1_000;
  await watched.tidy(mark, none, never());
  assert.match(told.join('\n'), /left of gr_\w+ in project acme-web-prod/);
});

test('revoking needs the target no more, nor that the people are still in it', async () => {
  const order = orderOf(clock);
  const made = await issued(order);
  const mark = { ...markOf(place, order, made), target: 'taken-out' };
  const stranger = place.fresh({ owner: 'a'.repeat(16) });
  assert.equal((await stranger.revoke(mark, none, never())).kind, 'pending');
  assert.deepEqual(gcp.world.policyOf(PROJECT), FOREIGN);
});

test('tokens of an account cannot be called back: they are gone when the last has ended, by Google’s clock', async () => {
  const storage = provider.parseTarget('s', {
    provider: 'gcp',
    access: 'storage',
    project: PROJECT,
    environment: 'test',
    credentials: 'ambient',
    service_account: READER,
    roles: ['roles/storage.objectViewer'],
    token_seconds: 300,
    endpoint: gcp.url,
  });
  const order = orderOf(clock);
  const made = await provider.issue(storage, order, never());
  const mark = {
    grant: order.grant,
    target: 's',
    handle: provider.intend(storage, order).handle,
    endsAt: order.endsAt,
    notAfter: made.notAfter,
  };
  assert.equal(made.notAfter, clock.at + 300_000);
  assert.deepEqual(await provider.revoke(mark, none, never()), { kind: 'pending', checkAt: made.notAfter });
  assert.equal(await works(made), true);
  clock.at = made.notAfter;
  assert.deepEqual(await provider.revoke(mark, none, never()), {
    kind: 'gone',
    tidyAt: null,
    proof: 'the last token that was made has ended',
  });
  assert.equal(await works(made), false);
});
