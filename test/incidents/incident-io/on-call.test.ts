/**
 * Who is on call for an incident of incident.io: escalations, paths, schedules and users, over real HTTP.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IncidentSource } from '../../../src/core/incident.ts';
import { soon, withAccount } from './account.ts';

const onCall = async (source: IncidentSource, id: string): Promise<readonly string[] | undefined> =>
  (await source.look(id, soon()))?.onCall.map(({ name, tier }) => `${name}:${tier}`);
const level = (...targets: readonly object[]): object => ({ id: 'n', type: 'level', level: { targets } });
const schedule = (id: string, mode = 'currently_on_call', rota?: string): object => ({
  type: 'schedule',
  id,
  schedule_mode: mode,
  ...(rota === undefined ? {} : { selected_rota_id: rota }),
});

test('it follows the rotation, on the configured tiers, and each person counts once with the first tier', async () => {
  await withAccount(
    async (io, source) => {
      const [ada, bob, eve] = ['Ada', 'Bob', 'Eve'].map((name) =>
        io.addUser(name, `${name.toLowerCase()}@example.com`),
      );
      assert.ok(ada && bob && eve);
      io.setOnCall('checkout', [
        { user: ada.id, level: 1 },
        { user: bob.id, level: 2 },
        { user: eve.id, level: 3 },
      ]);
      const { id } = io.openIncident({ title: 'x', service: 'checkout' });
      assert.deepEqual(await onCall(source, id), ['Ada:1', 'Bob:2']);
      io.setOnCall('checkout', [
        { user: bob.id, level: 1 },
        { user: bob.id, level: 2 },
      ]);
      assert.deepEqual(await onCall(source, id), ['Bob:1'], 'after the hand-over');
      io.setOnCall('checkout', []);
      assert.deepEqual(await onCall(source, id), []);
    },
    {},
    { tiers: new Set([1, 2]) },
  );
});

test('only escalations of this incident that are not over count, whichever page they are on', async () => {
  await withAccount(
    async (io, source) => {
      const [ada, bob] = [io.addUser('Ada', null), io.addUser('Bob', null)];
      io.setOnCall('checkout', [{ user: ada.id, level: 1 }]);
      io.setOnCall('search', [{ user: bob.id, level: 1 }]);
      const other = io.openIncident({ title: 'other', service: 'search' });
      const { id } = io.openIncident({ title: 'x' });
      assert.deepEqual(await onCall(source, id), []);
      const escalation = io.escalate(id, 'checkout');
      assert.deepEqual(await onCall(source, id), ['Ada:1']);
      assert.deepEqual(await onCall(source, other.id), ['Bob:1']);
      for (const status of ['resolved', 'expired', 'cancelled'] as const) {
        io.endEscalation(escalation, status);
        assert.deepEqual(await onCall(source, id), [], status);
      }
      io.escalate(id, 'search');
      assert.deepEqual(await onCall(source, id), ['Bob:1']);
    },
    { pageSize: 1 },
  );
});

test('users at a level count, if they are active; those who are next, channels and other rotations do not', async () => {
  await withAccount(async (io, source) => {
    const [ada, bob, eve, joe] = ['Ada', 'Bob', 'Eve', 'Joe'].map((name) => io.addUser(name, null));
    assert.ok(ada && bob && eve && joe);
    const shifts = io.addSchedule([
      { user: ada.id, rotation: 'one' },
      { user: bob.id, rotation: 'two' },
      { user: null },
    ]);
    const { id } = io.openIncident({ title: 'x' });
    const at = async (...targets: readonly object[]): Promise<readonly string[] | undefined> => {
      io.setPath('checkout', [level(...targets)]);
      return onCall(source, id);
    };
    io.setPath('checkout', []);
    io.escalate(id, 'checkout');
    assert.deepEqual(await at(schedule(shifts)), ['Ada:1', 'Bob:1']);
    assert.deepEqual(await at(schedule(shifts, 'all_users')), ['Ada:1', 'Bob:1'], 'whoever has a shift');
    assert.deepEqual(await at(schedule(shifts, 'currently_on_call_for_rota', 'two')), ['Bob:1']);
    assert.deepEqual(await at(schedule(shifts, 'currently_on_call_for_rota')), []);
    assert.deepEqual(await at(schedule(shifts, 'next_on_call')), []);
    assert.deepEqual(await at({ type: 'slack_channel', id: 'C02AW36C1M5' }), []);
    assert.deepEqual(await at(schedule('01FCNDV6P870EA6S7TK9999999')), [], 'a schedule that is gone');
    assert.deepEqual(await at({ type: 'user', id: eve.id }, { type: 'user', id: joe.id }), ['Eve:1', 'Joe:1']);
    io.deactivate(joe.id);
    assert.deepEqual(await at({ type: 'user', id: eve.id }, { type: 'user', id: joe.id }), ['Eve:1']);
  });
});

test('levels are counted along both sides of a condition', async () => {
  const tiers = { tiers: new Set([1, 2, 3, 4]) };
  await withAccount(
    async (io, source) => {
      const users = ['A', 'B', 'C', 'D'].map((name) => ({ type: 'user', id: io.addUser(name, null).id }));
      const [a, b, c, d] = users;
      assert.ok(a && b && c && d);
      const branch = {
        id: 'n',
        type: 'if_else',
        if_else: { conditions: [], then_path: [level(b)], else_path: [{ id: 'n', type: 'delay' }, level(c), level(d)] },
      };
      io.setPath('checkout', [
        level(a),
        branch,
        { id: 'n', type: 'repeat', repeat: { repeat_times: 3, to_node: 'n' } },
      ]);
      const { id } = io.openIncident({ title: 'x', service: 'checkout' });
      assert.deepEqual(await onCall(source, id), ['A:1', 'B:2', 'C:2', 'D:3']);
    },
    {},
    tiers,
  );
});

test('a path that is nested without end, or is not as published, makes the answer none', async () => {
  await withAccount(async (io, source) => {
    let nodes: readonly object[] = [];
    for (let deep = 0; deep < 50; deep++) nodes = [{ type: 'if_else', if_else: { then_path: nodes, else_path: [] } }];
    const { id } = io.openIncident({ title: 'x' });
    io.setPath('checkout', nodes);
    io.escalate(id, 'checkout');
    await assert.rejects(source.look(id, soon()), { code: 'ERR_INCIDENT_SOURCE' });
    for (const wrong of [
      [{}],
      [{ type: 'level', level: {} }],
      [{ type: 'level', level: { targets: [{ type: 'user', id: '../x' }] } }],
      [{ type: 'if_else', if_else: {} }],
    ]) {
      io.setPath('checkout', wrong);
      await assert.rejects(source.look(id, soon()), { code: 'ERR_INCIDENT_SOURCE' });
    }
    io.setPath(
      'checkout',
      Array.from({ length: 60 }, (_, at) =>
        level(...Array.from({ length: 2 }, () => ({ type: 'user', id: `u${at}` }))),
      ),
    );
    assert.deepEqual(await onCall(source, id), [], 'only counted tiers are looked up');
  });
});

test('nobody is asked who is on call for an incident that is over', async () => {
  await withAccount(async (io, source) => {
    io.setOnCall('checkout', [{ user: io.addUser('Ada', null).id, level: 1 }]);
    const { id } = io.openIncident({ title: 'x', service: 'checkout' });
    io.resolve(id);
    assert.deepEqual((await source.look(id, soon()))?.onCall, []);
    assert.equal(io.asked.length, 1);
  });
});
