/**
 * Incidents of incident.io over real HTTP, from a server that speaks its published API.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { soon, withAccount } from './account.ts';

test('an incident is found by reference and id, with who leads it, who works on it and who is on call', async () => {
  await withAccount(async (io, source) => {
    const [ada, bob, eve, zoe] = ['Ada', 'Bob', 'Eve', 'Zoe'].map((name) =>
      io.addUser(name, `${name.toLowerCase()}@example.com`),
    );
    assert.ok(ada && bob && eve && zoe);
    io.setOnCall('checkout', [
      { user: bob.id, level: 1 },
      { user: zoe.id, level: 2 },
    ]);
    const { id } = io.openIncident({
      title: 'Checkout is down',
      priority: 'Critical',
      service: 'checkout',
      lead: ada.id,
      assignees: [bob.id],
    });
    io.assign(id, ada.id, 'custom');
    io.assign(id, eve.id, 'reporter');
    const expected = {
      source: 'io',
      id,
      reference: 'INC-1',
      title: 'Checkout is down',
      state: 'open',
      severity: 1,
      services: ['checkout'],
      responders: [ada, bob],
      commanders: [ada],
      onCall: [{ ...bob, tier: 1 }],
      url: 'https://app.incident.io/acme/incidents/1',
      mergedInto: null,
    };
    for (const text of [id, 'INC-1']) {
      const { openedAt, ...found } = (await source.find(text, soon())) ?? { openedAt: 0 };
      assert.deepEqual(found, expected, text);
      assert.ok(openedAt > Date.now() - 60_000);
    }
    assert.deepEqual(await source.look(id, soon()), await source.find(id, soon()));
    assert.equal(io.asked[0]?.headers.authorization, `Bearer ${io.token}`);
  });
});

test('text that can be no incident of incident.io is null without a call, and one of another prefix is null as well', async () => {
  await withAccount(async (io, source) => {
    io.openIncident({ title: 'x' });
    for (const text of [
      '1',
      '#1',
      'INC-',
      'INC-0',
      'INC-01',
      'inc-1',
      'INC-1/actions',
      'INC-1?x',
      'INC--1',
      'PT4KHLK',
      '01FCNDV6P870EA6S7TKILOU000',
      '..',
      '__proto__',
      '',
      'INC-1234567890',
    ]) {
      assert.equal(await source.find(text, soon()), null, text);
    }
    for (const id of ['', '..', 'a/b', 'a?b', 'é', 'x'.repeat(65)])
      assert.equal(await source.look(id, soon()), null, id);
    assert.deepEqual(io.asked, []);
    assert.equal(await source.find('PD-1', soon()), null);
    assert.equal(await source.find('INC-2', soon()), null);
    assert.equal(await source.find('01FDAG4SAP5TYPT98WGR2N7W91', soon()), null);
    assert.equal((await source.find('INC-1', soon()))?.reference, 'INC-1');
  });
});

test('triage and live are open; paused, learning, closed, declined and cancelled are not', async () => {
  await withAccount(async (io, source) => {
    const { id } = io.openIncident({ title: 'x', triage: 'triage' });
    const state = async (): Promise<string | undefined> => (await source.look(id, soon()))?.state;
    assert.equal(await state(), 'open');
    io.acknowledge(id, io.addUser('Ada', 'ada@example.com').id);
    assert.equal(await state(), 'open');
    for (const category of ['paused', 'learning', 'closed', 'declined', 'canceled', 'merged'] as const) {
      io.move(id, category);
      assert.equal(await state(), 'closed', category);
      io.reopen(id);
      assert.equal(await state(), 'open');
    }
  });
});

test('tests, tutorials and what is written down afterwards are no incidents', async () => {
  await withAccount(async (io, source) => {
    for (const mode of ['test', 'tutorial', 'retrospective'] as const) {
      const { id, reference } = io.openIncident({ title: mode, mode });
      assert.equal(await source.look(id, soon()), null);
      assert.equal(await source.find(reference, soon()), null);
    }
    assert.deepEqual(await source.open(soon()), []);
  });
});

test('a merged incident is closed and names the one that it became part of last, over all pages of its updates', async () => {
  let at = Date.now();
  await withAccount(
    async (io, source) => {
      const [one, two, three] = ['one', 'two', 'three'].map((title) => io.openIncident({ title }));
      assert.ok(one && two && three);
      for (const step of [() => io.merge(one.id, two.id), () => io.reopen(one.id), () => io.merge(one.id, three.id)]) {
        at += 1_000;
        step();
      }
      const merged = await source.look(one.id, soon());
      assert.deepEqual([merged?.state, merged?.mergedInto], ['closed', three.id]);
      assert.equal(io.asked.filter(({ path }) => path === '/v2/incident_updates').length, 3);
      io.reopen(one.id);
      const reopened = await source.look(one.id, soon());
      assert.deepEqual([reopened?.state, reopened?.mergedInto], ['open', null]);
    },
    { pageSize: 1, now: () => at },
  );
});

test('the severity is ranked by its name as configured; another one and none are null', async () => {
  await withAccount(async (io, source) => {
    for (const [priority, severity] of [
      ['Critical', 1],
      ['Minor', 4],
      ['Major', null],
      [null, null],
      ['__proto__', null],
    ] as const) {
      const { id } = io.openIncident({ title: 'x', priority });
      assert.equal((await source.look(id, soon()))?.severity, severity, String(priority));
    }
  });
});

test('open ones come newest first over all pages, at most 200', async () => {
  await withAccount(
    async (io, source) => {
      const opened = Array.from({ length: 7 }, (_, at) => io.openIncident({ title: `n${at}` }));
      io.resolve(opened[3]?.id ?? '');
      io.openIncident({ title: 'triage', triage: 'triage' });
      const found = await source.open(soon());
      assert.deepEqual(
        found.map(({ title }) => title),
        ['triage', 'n6', 'n5', 'n4', 'n2', 'n1', 'n0'],
      );
      assert.deepEqual(
        io.asked.map(({ path }) => path),
        ['/v2/incidents', '/v2/incidents', '/v2/incidents'],
      );
      for (let at = 0; at < 230; at++) io.openIncident({ title: `m${at}` });
      const many = await source.open(soon());
      assert.deepEqual([many.length, many[0]?.title], [200, 'm229']);
    },
    { pageSize: 3 },
  );
});
