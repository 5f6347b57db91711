/**
 * Incidents of PagerDuty over real HTTP, from a server that speaks its published API.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { soon, withAccount } from './account.ts';

test('an incident is found by number and id, with who works on it and who is on call', async () => {
  await withAccount(async (duty, source) => {
    const [ada, bob, eve, joe, zoe] = ['Ada', 'Bob', 'Eve', 'Joe', 'Zoe'].map((name) =>
      duty.addUser(name, `${name.toLowerCase()}@example.com`),
    );
    assert.ok(ada && bob && eve && joe && zoe);
    duty.setOnCall('checkout', [
      { user: ada.id, level: 1 },
      { user: ada.id, level: 2 },
      { user: bob.id, level: 2 },
    ]);
    duty.setOnCall('search', [{ user: zoe.id, level: 1 }]);
    const { id, number } = duty.openIncident({ title: 'Checkout is down', priority: 'P1', service: 'checkout' });
    duty.acknowledge(id, bob.id);
    duty.respond(id, eve.id, 'joined');
    duty.respond(id, joe.id, 'pending');
    duty.respond(id, zoe.id, 'declined');
    const expected = {
      source: 'pd',
      id,
      reference: `#${number}`,
      title: 'Checkout is down',
      state: 'open',
      severity: 1,
      services: ['checkout'],
      responders: [ada, bob, eve],
      commanders: [],
      onCall: [{ ...ada, tier: 1 }],
      url: `https://acme.pagerduty.com/incidents/${id}`,
      mergedInto: null,
    };
    for (const text of [id, String(number), `#${number}`, `PD-${number}`]) {
      const { openedAt, ...found } = (await source.find(text, soon())) ?? { openedAt: 0 };
      assert.deepEqual(found, expected, text);
      assert.ok(openedAt > Date.now() - 60_000);
    }
    assert.deepEqual(await source.look(id, soon()), await source.find(id, soon()));
    const [first] = duty.asked;
    assert.equal(first?.headers.authorization, `Token token=${duty.token}`);
    assert.equal(first.headers.accept, 'application/vnd.pagerduty+json;version=2');
  });
});

test('text that can be no incident of PagerDuty is null without a call, and an unknown one with it', async () => {
  await withAccount(async (duty, source) => {
    for (const text of [
      'INC-7',
      '#',
      '0',
      '#01',
      'PD-',
      'pt4khlk',
      'PT4KHLK/merge',
      '../users',
      'PT4KHLK?x=1',
      '12345678901',
      '%50T4KHL',
      'P',
      '__proto__',
      '',
    ]) {
      assert.equal(await source.find(text, soon()), null, text);
    }
    for (const id of ['123', '', '..', 'a/b', 'é']) assert.equal(await source.look(id, soon()), null, id);
    assert.deepEqual(duty.asked, []);
    assert.equal(await source.find('PT4KHLK', soon()), null);
    assert.equal(await source.find('#4711', soon()), null);
    assert.equal(await source.look('PT4KHLK', soon()), null);
    assert.equal(duty.asked.length, 3);
  });
});

test('triggered and acknowledged are open, resolved is closed, and nobody is asked who is on call for what is over', async () => {
  await withAccount(async (duty, source) => {
    const ada = duty.addUser('Ada', 'ada@example.com');
    duty.setOnCall('checkout', [{ user: ada.id, level: 1 }]);
    const { id } = duty.openIncident({ title: 'x', service: 'checkout' });
    const look = async () => (await source.look(id, soon())) ?? assert.fail('gone');
    assert.equal((await look()).state, 'open');
    duty.acknowledge(id, ada.id);
    assert.equal((await look()).state, 'open');
    duty.resolve(id);
    const calls = duty.asked.length;
    const closed = await look();
    assert.deepEqual([closed.state, closed.onCall, closed.responders, closed.mergedInto], ['closed', [], [], null]);
    assert.deepEqual(
      duty.asked.slice(calls).map(({ path }) => path),
      [`/incidents/${id}`],
    );
    duty.reopen(id);
    assert.equal((await look()).state, 'open');
  });
});

test('a merged incident is closed and names the one that it became part of', async () => {
  await withAccount(async (duty, source) => {
    const [one, two] = [duty.openIncident({ title: 'one' }), duty.openIncident({ title: 'two' })];
    duty.merge(one.id, two.id);
    const merged = await source.look(one.id, soon());
    assert.deepEqual([merged?.state, merged?.mergedInto], ['closed', two.id]);
    const target = await source.look(two.id, soon());
    assert.deepEqual([target?.state, target?.mergedInto], ['open', null]);
  });
});

test('the priority is ranked as configured; another one, none, and urgency are no severity', async () => {
  await withAccount(async (duty, source) => {
    for (const [priority, severity] of [
      ['P1', 1],
      ['P2', 2],
      ['P3', null],
      [null, null],
      ['high', null],
      ['__proto__', null],
      ['constructor', null],
    ] as const) {
      const { id } = duty.openIncident({ title: 'x', priority });
      assert.equal((await source.look(id, soon()))?.severity, severity, String(priority));
    }
  });
});

test('on call counts on the configured levels, over all pages, and changes with the rotation', async () => {
  const levels = { tiers: new Set([1, 2]) };
  await withAccount(
    async (duty, source) => {
      const users = Array.from({ length: 5 }, (_, at) => duty.addUser(`U${at}`, `u${at}@example.com`));
      const list = users.map(({ id }, at) => ({ user: id, level: at < 4 ? 2 : 3 }));
      const { id } = duty.openIncident({ title: 'x', service: 'checkout', assignees: [] });
      const onCall = async () => (await source.look(id, soon()))?.onCall.map(({ name, tier }) => `${name}:${tier}`);
      assert.deepEqual(await onCall(), []);
      duty.setOnCall('checkout', list);
      assert.deepEqual(await onCall(), ['U0:2', 'U1:2', 'U2:2', 'U3:2']);
      const [first] = users;
      assert.ok(first !== undefined);
      duty.setOnCall('checkout', [
        { user: first.id, level: 2 },
        { user: first.id, level: 1 },
      ]);
      assert.deepEqual(await onCall(), ['U0:1'], 'the first level on which somebody is called');
    },
    { pageSize: 1 },
    levels,
  );
});

test('open ones come newest first over all pages, each once, at most 200, with their people', async () => {
  await withAccount(
    async (duty, source) => {
      const ada = duty.addUser('Ada', 'ada@example.com');
      const opened = Array.from({ length: 7 }, (_, at) => duty.openIncident({ title: `n${at}`, assignees: [ada.id] }));
      duty.resolve(opened[3]?.id ?? '');
      duty.respond(opened[0]?.id ?? '', ada.id, 'joined');
      const found = await source.open(soon());
      assert.deepEqual(
        found.map(({ title }) => title),
        ['n6', 'n5', 'n4', 'n2', 'n1', 'n0'],
      );
      assert.deepEqual(found[5]?.responders, [ada]);
      assert.equal(
        found.every(({ onCall, state }) => onCall.length === 0 && state === 'open'),
        true,
      );
      assert.deepEqual(
        duty.asked.map(({ path, query }) => `${path} ${query.get('offset')}`),
        ['/incidents 0', '/incidents 3'],
      );
    },
    { pageSize: 3 },
  );
  await withAccount(async (duty, source) => {
    for (let at = 0; at < 230; at++) duty.openIncident({ title: `n${at}` });
    const found = await source.open(soon());
    assert.equal(found.length, 200);
    assert.equal(found[0]?.title, 'n229');
  });
});

test('an incident that is older than a month is among the open ones', async () => {
  let at = Date.now() - 40 * 86_400_000;
  await withAccount(
    async (duty, source) => {
      duty.openIncident({ title: 'old' });
      at = Date.now();
      assert.deepEqual(
        (await source.open(soon())).map(({ title }) => title),
        ['old'],
      );
    },
    { now: () => at },
  );
});

test('people of whom an answer has no more than a reference are looked up once; who is gone has no address', async () => {
  await withAccount(async (duty, source) => {
    const [ada, bob] = [duty.addUser('Ada', 'ada@example.com'), duty.addUser('Bob', 'bob@example.com')];
    const ids = Array.from({ length: 3 }, () => duty.openIncident({ title: 'x' }).id);
    for (const id of ids) for (const { id: user } of [ada, bob]) duty.respond(id, user, 'joined');
    duty.removeUser(bob.id);
    const responders = [ada, { id: bob.id, name: 'Gone', email: null }];
    for (const one of await source.open(soon())) assert.deepEqual(one.responders, responders);
    await source.look(ids[0] ?? '', soon());
    assert.equal(duty.asked.filter(({ path }) => path.startsWith('/users/')).length, 2);
  });
});
