/**
 * Other people's policy: read, changed and written so that nothing of theirs is ever lost, at a server with etags.
 * @module
 */
import assert from 'node:assert/strict';
import { after, afterEach, test } from 'node:test';
import * as fc from 'fast-check';
import { descriptionOf } from '../../../src/providers/gcp/names.ts';
import { edited, readPolicy, stands } from '../../../src/providers/gcp/policy.ts';
import type { Binding } from '../../../src/providers/gcp/policy.ts';
import { googleError } from '../../fakes/gcp/gcp.ts';
import type { PolicyBinding, StoredPolicy } from '../../fakes/gcp/world.ts';
import { failure } from '../../support/failure.ts';
import { ANN, FOREIGN, IDP, OWNER, PROJECT, markOf, never, none, openPlace, orderOf } from './support.ts';

const MARK = descriptionOf({ owner: OWNER, target: 'web' });
const place = await openPlace();
const { gcp, clock, provider, target } = place;
after(place.close);
afterEach(() => {
  gcp.trouble = () => null;
  gcp.world.beforeWrite = () => undefined;
  gcp.world.edit(PROJECT, () => FOREIGN);
  clock.at += 3_600_000;
});

const foreign = (): readonly PolicyBinding[] =>
  gcp.world.policyOf(PROJECT).bindings.filter(({ condition }) => condition?.description !== MARK);
const own = (): readonly PolicyBinding[] =>
  gcp.world.policyOf(PROJECT).bindings.filter(({ condition }) => condition?.description === MARK);
const add = (binding: PolicyBinding) => (policy: StoredPolicy) => ({
  ...policy,
  bindings: [...policy.bindings, binding],
});

test('issuing and revoking leave the policy byte for byte as it was', async () => {
  const before = JSON.stringify(gcp.world.policyOf(PROJECT));
  const order = orderOf(clock);
  const issued = await provider.issue(target, order, never());
  assert.equal(own().length, 1);
  assert.equal(JSON.stringify(gcp.world.policyOf(PROJECT).bindings.slice(0, -1)), JSON.stringify(FOREIGN.bindings));
  await provider.revoke(markOf(place, order, issued), none, never());
  assert.equal(JSON.stringify(gcp.world.policyOf(PROJECT)), before);
});

test('the binding says who, until when, on what and whose it is', async () => {
  const order = orderOf(clock);
  const { granted, credential, notAfter } = await provider.issue(target, order, never());
  const binding = {
    role: 'roles/storage.legacyObjectReader',
    members: [ANN],
    condition: {
      title: `jit-${order.grant.slice(3)}`,
      description: `made and removed by jit; broker ${OWNER}; target web`,
      expression:
        `request.time < timestamp("${new Date(order.endsAt).toISOString().slice(0, 19)}Z") && resource.service == "storage.googleapis.com" && ` +
        '(resource.name == "projects/_/buckets/acme-reports/objects/2026/q1.csv")',
    },
  };
  assert.deepEqual(own(), [binding]);
  assert.deepEqual(JSON.parse(granted), [binding]);
  assert.deepEqual([credential, notAfter], [{ kind: 'own' }, order.endsAt]);
});

test('whatever stands in a policy, in whatever order, an edit moves and changes nothing but what is ours', () => {
  const description = MARK;
  const anything = fc.oneof(
    fc.jsonValue().filter((value) => JSON.stringify(value).search(/\d{16}|\.\d|e\+|e-|-0/) < 0),
    fc.record({
      role: fc.constant('roles/x'),
      members: fc.array(fc.string()),
      // Nearly ours: another broker's, a title that is no grant's, the same words in other places.
      condition: fc.record({
        title: fc.constantFrom('jit-', `jit-${'0'.repeat(26)}`, `jit-${'z'.repeat(26)}`, 'mine'),
        description: fc.constantFrom('', descriptionOf({ owner: 'f'.repeat(16), target: 'web' }), `${description} `),
        expression: fc.constant('request.time < timestamp("2020-01-01T00:00:00Z")'),
      }),
    }),
  );
  const grant = `gr_${'0'.repeat(26)}`;
  const wanted: Binding = {
    role: 'roles/x',
    members: [ANN],
    condition: {
      title: `jit-${'0'.repeat(26)}`,
      description,
      expression: 'request.time < timestamp("2030-01-01T00:00:00Z")',
    },
  };
  fc.assert(
    fc.property(
      fc.array(anything, { maxLength: 6 }),
      fc.dictionary(fc.string(), fc.string()),
      fc.nat(6),
      (bindings, extra, cut) => {
        const fields = { ...extra, version: 1, auditConfigs: [{ service: 'x' }], bindings, etag: 'ZTE=' };
        const policy = readPolicy(JSON.stringify(fields));
        const about = { owner: OWNER, now: Date.parse('2026-11-22T00:00:00Z') };
        const added = edited(policy, [{ grant, target: 'web', wanted: [wanted] }], about);
        assert(stands(added, { grant, target: 'web', wanted: [wanted] }, OWNER));
        assert.equal(
          JSON.stringify(added),
          JSON.stringify({ ...policy, version: 3, bindings: [...policy.bindings, wanted] }),
        );
        const moved = { ...policy, bindings: policy.bindings.toSpliced(cut, 0, wanted) };
        const removed = edited(moved, [{ grant, target: 'web', wanted: [] }], about);
        assert.equal(JSON.stringify(removed), JSON.stringify({ ...policy, version: 3 }));
      },
    ),
  );
});

test('administrators who write at the same time lose nothing, whatever the order', async () => {
  const binding = fc.integer({ min: 0, max: 9 });
  const step = fc.oneof(fc.record({ add: binding }), fc.record({ remove: binding }));
  const named = (index: number): PolicyBinding => ({
    role: 'roles/logging.viewer',
    members: [`user:p${index}@example.com`],
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 5 }), fc.integer({ min: 1, max: 4 }), async (steps, grants) => {
      gcp.world.edit(PROJECT, () => FOREIGN);
      let model: readonly PolicyBinding[] = FOREIGN.bindings;
      const left = [...steps];
      gcp.world.beforeWrite = () => {
        const next = left.shift();
        if (next === undefined) return;
        const change = (list: readonly PolicyBinding[]): readonly PolicyBinding[] =>
          'add' in next
            ? [...list, named(next.add)]
            : list.filter((one) => JSON.stringify(one) !== JSON.stringify(named(next.remove)));
        gcp.world.edit(PROJECT, (policy) => ({ ...policy, bindings: change(policy.bindings) }));
        model = change(model);
      };
      const orders = Array.from({ length: grants }, () => orderOf(clock));
      const issued = await Promise.all(orders.map(async (order) => await provider.issue(target, order, never())));
      assert.equal(own().length, grants);
      assert.deepEqual(foreign(), model);
      await Promise.all(
        orders.map(async (order, index) => await provider.revoke(markOf(place, order, issued[index]), none, never())),
      );
      assert.deepEqual(own(), []);
      assert.deepEqual(foreign(), model);
    }),
    { numRuns: 25 },
  );
});

test('two brokers that write at the same time both get through, and neither touches what is the other’s', async () => {
  const other = place.fresh({ owner: 'fedcba9876543210' });
  const orders = Array.from({ length: 6 }, () => orderOf(clock));
  const issued = await Promise.all(
    orders.map(async (order, index) => await (index % 2 === 0 ? provider : other).issue(target, order, never())),
  );
  assert.equal(own().length, 3);
  assert.equal(foreign().length, FOREIGN.bindings.length + 3);
  for (const [index, order] of orders.entries()) {
    if (index % 2 === 0) await provider.revoke(markOf(place, order, issued[index]), none, never());
  }
  assert.deepEqual(own(), []);
  assert.equal(foreign().length, FOREIGN.bindings.length + 3);
});

test('one grant at two targets of one project is two things, and ending one leaves the other', async () => {
  const logs = provider.parseTarget('logs', { ...baseConfig(), people: { [`${IDP} u1`]: ANN } });
  const order = orderOf(clock);
  const [here] = [await provider.issue(target, order, never()), await provider.issue(logs, order, never())];
  const mine = (): readonly PolicyBinding[] =>
    gcp.world.policyOf(PROJECT).bindings.filter(({ condition }) => condition?.title === `jit-${order.grant.slice(3)}`);
  assert.equal(mine().length, 2);
  const found = await provider.list(target, never());
  assert.deepEqual(
    found.map(({ handle }) => handle).toSorted(),
    [provider.intend(target, order).handle, provider.intend(logs, order).handle].toSorted(),
  );
  await provider.revoke(markOf(place, order, here), none, never());
  assert.deepEqual(
    mine().map(({ condition }) => condition?.description),
    [descriptionOf({ owner: OWNER, target: 'logs' })],
  );
});

test('what waits is written together, and what Google does not take keeps nobody else waiting', async () => {
  const people = { [`${IDP} u1`]: ANN, [`${IDP} gone`]: 'user:nobody-by-that-name@example.com' };
  const both = provider.parseTarget('web', { ...baseConfig(), people });
  const first = orderOf(clock);
  const issued = await provider.issue(both, first, never());
  const before = gcp.calls.length;
  const bad = orderOf(clock, { principal: { ...first.principal, subject: 'gone' } });
  const good = [orderOf(clock), orderOf(clock)];
  // The first holds the line, so that the others wait for one run.
  const opening = provider.issue(both, orderOf(clock), never());
  const [refused, revoked, ...others] = await Promise.allSettled([
    provider.issue(both, bad, never()),
    provider.revoke(markOf(place, first, issued), none, never()),
    ...good.map(async (order) => await provider.issue(both, order, never())),
  ]);
  await opening;
  assert.equal(refused.status, 'rejected');
  assert.equal(refused.reason.code, 'ERR_CLOUD');
  assert.deepEqual([revoked.status, ...others.map(({ status }) => status)], ['fulfilled', 'fulfilled', 'fulfilled']);
  const titles = own().map(({ condition }) => condition?.title);
  assert(!titles.includes(`jit-${first.grant.slice(3)}`));
  for (const order of good) assert(titles.includes(`jit-${order.grant.slice(3)}`));
  assert(gcp.calls.length - before <= 16, `${gcp.calls.length - before} calls`);
});

test('eighteen grants that end at once are a few writes', async () => {
  const orders = Array.from({ length: 18 }, () => orderOf(clock));
  const issued = await Promise.all(orders.map(async (order) => await provider.issue(target, order, never())));
  const before = gcp.calls.filter((call) => call.endsWith(':setIamPolicy')).length;
  await Promise.all(
    orders.map(async (order, index) => await provider.revoke(markOf(place, order, issued[index]), none, never())),
  );
  const writes = gcp.calls.filter((call) => call.endsWith(':setIamPolicy')).length - before;
  assert.deepEqual(own(), []);
  assert(writes <= 6, `${writes} writes`);
});

test('a policy without an etag is never written over', async () => {
  gcp.trouble = (call) =>
    call.endsWith(':getIamPolicy') ? { http: 200, body: JSON.stringify({ version: 1, bindings: [] }) } : null;
  await failure(provider.issue(target, orderOf(clock), never()), 'ERR_CLOUD_BUSY');
  assert.deepEqual(gcp.world.policyOf(PROJECT), FOREIGN);
});

test('a policy that could not be written back as it is, is left alone', async () => {
  for (const body of [
    '{"etag":"ZTE=","x":12345678901234567890}',
    '{"etag":"ZTE=","x":0.1}',
    '[]',
    '',
    '{"etag":"ZTE=","bindings":{}}',
  ]) {
    gcp.trouble = (call) => (call.endsWith(':getIamPolicy') ? { http: 200, body } : null);
    await failure(provider.issue(target, orderOf(clock), never()), 'ERR_CLOUD_BUSY');
  }
  assert.deepEqual(gcp.world.policyOf(PROJECT), FOREIGN);
});

test('what ended a while ago goes with the next write, what another broker or person made does not', async () => {
  const stale = (title: string, description: string, end: string): PolicyBinding => ({
    role: 'roles/logging.viewer',
    members: [ANN],
    condition: { title, description, expression: `request.time < timestamp("${end}")` },
  });
  const past = '2020-01-01T00:00:00Z';
  const title = `jit-${'1'.repeat(26)}`;
  const kept = [
    stale(title, descriptionOf({ owner: 'fedcba9876543210', target: 'web' }), past),
    stale(title, '', past),
    stale('jit-x', MARK, past),
  ];
  const live = stale(title, MARK, '2029-01-01T00:00:00Z');
  for (const one of [...kept, stale(`jit-${'2'.repeat(26)}`, MARK, past), live]) gcp.world.edit(PROJECT, add(one));
  await provider.issue(target, orderOf(clock), never());
  assert.deepEqual(gcp.world.policyOf(PROJECT).bindings.slice(FOREIGN.bindings.length, -1), [...kept, live]);
});

test('twenty conditional bindings of one role for one person are the limit, and it is named', async () => {
  const orders = Array.from({ length: 20 }, () => orderOf(clock));
  for (const order of orders) await provider.issue(target, order, never());
  const { message, hint } = await failure(provider.issue(target, orderOf(clock), never()), 'ERR_CLOUD');
  assert.match(message, /20 conditional bindings of roles\/storage\.legacyObjectReader/);
  assert.match(hint ?? '', /end one/);
  // A renewal of one of them needs no further room.
  const [first] = orders;
  assert(first !== undefined);
  await provider.issue(target, { ...first, endsAt: first.endsAt + 60_000 }, never());
});

test('more principals than a policy holds are refused before Google is asked', async () => {
  const members = Array.from({ length: 1_496 }, (_, index) => `user:p${index}@example.com`);
  gcp.world.edit(PROJECT, add({ role: 'roles/logging.viewer', members }));
  const before = gcp.calls.length;
  const { message } = await failure(provider.issue(target, orderOf(clock), never()), 'ERR_CLOUD');
  assert.match(message, /1500 principals/);
  assert(gcp.calls.slice(before).every((call) => !call.endsWith(':setIamPolicy')));
});

test('whoever changes the policy without pause is named as the reason, and nothing was issued', async () => {
  gcp.world.beforeWrite = () => gcp.world.edit(PROJECT, (policy) => policy);
  const { message } = await failure(
    provider.issue(target, orderOf(clock), AbortSignal.timeout(20_000)),
    'ERR_CLOUD_BUSY',
  );
  assert.match(message, /somebody else kept changing/);
  assert.deepEqual(own(), []);
});

test('an address is one person in any case, as Google keeps it', async () => {
  const shouting = provider.parseTarget('web', { ...baseConfig(), people: { [`${IDP} u1`]: 'user:ANN@Example.Com' } });
  await provider.issue(shouting, orderOf(clock), never());
  assert.deepEqual(own()[0]?.members, [ANN]);
});

test('whom the target does not know gets nothing, whatever their name, and the message says who', async () => {
  const principal = { ...orderOf(clock).principal, subject: 'u2', name: 'ann@example.com' };
  const before = gcp.calls.length;
  const { hint } = await failure(provider.issue(target, orderOf(clock, { principal }), never()), 'ERR_CLOUD');
  assert.match(hint ?? '', /"https:\/\/idp\.example u2"/);
  assert(gcp.calls.slice(before).every((call) => !call.includes('IamPolicy')));
});

test('an answer whose policy lacks what was written leaves the outcome unknown', async () => {
  gcp.trouble = (call) =>
    call.endsWith(':setIamPolicy')
      ? { http: 200, body: JSON.stringify({ ...FOREIGN, version: 3, etag: 'ZTE=' }) }
      : null;
  await failure(provider.issue(target, orderOf(clock), never()), 'ERR_CLOUD_UNKNOWN');
  gcp.trouble = (call) => (call.endsWith(':setIamPolicy') ? googleError(200, 'OK') : null);
  await failure(provider.issue(target, orderOf(clock), never()), 'ERR_CLOUD_UNKNOWN');
});

function baseConfig(): Record<string, unknown> {
  return {
    provider: 'gcp',
    project: PROJECT,
    environment: 'test',
    credentials: 'ambient',
    roles: target.roles,
    endpoint: gcp.url,
  };
}
