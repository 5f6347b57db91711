/**
 * Answers of PagerDuty that are hostile, broken, late or about something else, over real HTTP.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JitError } from '../../../src/core/errors.ts';
import { Secret } from '../../../src/core/secret.ts';
import { openAt, soon, withAccount } from './account.ts';

const isSilent = (thrown: unknown): boolean => thrown instanceof JitError && thrown.code === 'ERR_INCIDENT_SOURCE';

/** The least that an answer may hold. */
const BARE = {
  id: 'PT4KHLK',
  incident_number: 1,
  title: 'x',
  created_at: '2026-01-01T00:00:00Z',
  status: 'triggered',
  assignments: [],
};

test('a service that acknowledges by itself, and an address that is none, are nobody', async () => {
  await withAccount(async (duty, source) => {
    const odd = duty.addUser('Odd', 'no address at all');
    const { id } = duty.openIncident({ title: 'x', assignees: [odd.id] });
    assert.deepEqual((await source.look(id, soon()))?.responders, [{ id: odd.id, name: 'Odd', email: null }]);
    const body = JSON.stringify({
      incident: {
        ...BARE,
        acknowledgements: [
          { at: '2026-01-01T00:00:00Z', acknowledger: { id: 'PSERVICE', type: 'service_reference', summary: 'API' } },
        ],
      },
    });
    duty.faults.push({ status: 200, body });
    assert.deepEqual((await source.look(BARE.id, soon()))?.responders, []);
  });
});

test('hostile text is kept as data, members that nobody asked for are ignored, links that are none are left out', async () => {
  await withAccount(async (duty, source) => {
    const title = '\u001b[31mred\u202e\u0000\n<b>&amp;';
    const text = JSON.stringify({
      incident: { ...BARE, title, html_url: 'javascript:alert(1)', constructor: { a: 1 } },
    });
    duty.faults.push({
      status: 200,
      body: text.replace('"title"', '"__proto__":{"state":"closed","severity":1},"title"'),
    });
    const found = await source.look(BARE.id, soon());
    assert.deepEqual([found?.title, found?.url, found?.state, found?.severity], [title, null, 'open', null]);
    for (const url of ['http://acme.example/x', 'https://u:p@acme.example/', 'https://acme.example/\u0007', 'x']) {
      duty.faults.push({ status: 200, body: JSON.stringify({ incident: { ...BARE, html_url: url } }) });
      assert.equal((await source.look(BARE.id, soon()))?.url, null, url);
    }
  });
});

test('an answer that is not as published is no answer', async () => {
  await withAccount(async (duty, source) => {
    const other = (over: object) => JSON.stringify({ incident: { ...BARE, ...over } });
    const bodies = [
      '',
      'null',
      '[]',
      '{}',
      '{"incident":null}',
      '{"incident":[]}',
      'x',
      `${other({})}x`,
      other({ id: undefined }),
      other({ id: 'PXXXXXX' }),
      other({ id: 7 }),
      other({ id: '../x' }),
      other({ status: 'closed' }),
      other({ status: undefined }),
      other({ created_at: 'yesterday' }),
      other({ created_at: 1 }),
      other({ assignments: null }),
      other({ assignments: [{}] }),
      other({ assignments: [{ assignee: { id: 'a b', type: 'user' } }] }),
      other({ incidents_responders: 'none' }),
      other({ incident_number: '1' }),
      other({ priority: 'P1' }),
      other({ escalation_policy: { id: 'a&b' } }),
      other({ resolve_reason: { type: 'merge_resolve_reason', incident: { id: '/' } } }),
    ];
    for (const body of bodies) {
      duty.faults.push({ status: 200, body });
      await assert.rejects(source.look(BARE.id, soon()), isSilent, body);
    }
    duty.faults.push({ status: 200, body: Buffer.from(other({ title: 'é' }), 'latin1') });
    await assert.rejects(source.look(BARE.id, soon()), isSilent, 'not UTF-8');
    for (const type of ['text/html', 'text/plain', 'application/octet-stream', 'application/jsonp', '']) {
      duty.faults.push({ status: 200, headers: { 'content-type': type }, body: other({}) });
      await assert.rejects(source.look(BARE.id, soon()), isSilent, type);
    }
    duty.faults.push({
      status: 200,
      headers: { 'content-type': 'application/vnd.pagerduty+json; version=2' },
      body: other({}),
    });
    assert.equal((await source.look(BARE.id, soon()))?.id, BARE.id);
  });
});

test('an answer that is huge, half, slow or somewhere else is no answer, and its words are in no message', async () => {
  await withAccount(async (duty, source) => {
    const { id } = duty.openIncident({ title: 'x' });
    duty.faults.push(
      { status: 200, body: JSON.stringify({ incident: { ...BARE, title: 'x'.repeat(1_100_000) } }) },
      'half',
      'reset',
      { status: 302, headers: { location: `${duty.url}/incidents/${id}` } },
      ...[201, 204, 400, 401, 402, 403, 408, 418, 500, 503].map((status) => ({
        status,
        body: status === 204 ? '' : '{"error":{"message":"canary"}}',
      })),
    );
    const faults = duty.faults.length;
    const before = duty.asked.length;
    for (let at = 0; at < faults; at++) {
      await assert.rejects(source.look(id, soon()), (thrown: unknown) => {
        assert.ok(thrown instanceof JitError);
        assert.equal(thrown.code, 'ERR_INCIDENT_SOURCE');
        assert.equal(thrown.facts.retryable, true);
        assert.doesNotMatch(`${thrown.message}${thrown.hint ?? ''}${String(thrown.cause)}`, /canary/);
        return true;
      });
    }
    assert.equal(duty.asked.length - before, faults, 'no redirect is followed');
    for (const status of [201, 203, 206, 226]) {
      duty.faults.push({ status, body: JSON.stringify({ incident: BARE }) });
      await assert.rejects(source.look(BARE.id, soon()), isSilent, String(status));
    }
    duty.faults.push('hang');
    await assert.rejects(source.look(id, AbortSignal.timeout(100)), isSilent);
    assert.equal((await source.look(id, soon()))?.id, id);
  });
});

test('a page that is missing, empty or broken is not the end of the list', async () => {
  await withAccount(
    async (duty, source) => {
      for (const title of ['a', 'b', 'c']) duty.openIncident({ title });
      const page = { status: 200, body: JSON.stringify({ incidents: [BARE], more: true }) };
      for (const second of [
        { status: 404, body: '{}' },
        { status: 200, body: '{"incidents":[],"more":true}' },
        { status: 200, body: '{"incidents":[]}' },
        { status: 500 },
        'half',
      ] as const) {
        duty.faults.push(page, second);
        await assert.rejects(source.open(soon()), isSilent);
      }
      assert.equal((await source.open(soon())).length, 3);
    },
    { pageSize: 2 },
  );
});

test('who is on call is part of the answer: without it there is none', async () => {
  await withAccount(async (duty, source) => {
    const { id } = duty.openIncident({ title: 'x' });
    const body = JSON.stringify({ incident: { ...BARE, id, escalation_policy: { id: 'PPOLICY' } } });
    for (const second of [
      { status: 500 },
      { status: 404 },
      { status: 200, body: '{"oncalls":[],"more":true}' },
      { status: 200, body: '{"oncalls":[{}],"more":false}' },
    ] as const) {
      duty.faults.push({ status: 200, body }, second);
      await assert.rejects(source.look(id, soon()), isSilent);
    }
  });
});

test('somebody of another policy is not on call, whatever the list says', async () => {
  await withAccount(async (duty, source) => {
    const { id } = duty.openIncident({ title: 'x' });
    const user = { id: 'PUSER', type: 'user', name: 'Eve', email: 'eve@example.com' };
    const oncalls = ['PPOLICY', 'POTHER'].map((policy, at) => ({
      user: { ...user, id: `PUSER${at}` },
      escalation_policy: { id: policy },
      escalation_level: 1,
    }));
    duty.faults.push(
      { status: 200, body: JSON.stringify({ incident: { ...BARE, id, escalation_policy: { id: 'PPOLICY' } } }) },
      { status: 200, body: JSON.stringify({ oncalls, more: false }) },
    );
    assert.deepEqual(
      (await source.look(id, soon()))?.onCall.map((each) => each.id),
      ['PUSER0'],
    );
  });
});

test('after too many questions it is left alone for as long as it says, a minute at most', async () => {
  let at = Date.now();
  await withAccount(
    async (duty, source) => {
      const { id } = duty.openIncident({ title: 'x' });
      for (const [headers, rest] of [
        [{ 'ratelimit-reset': '20' }, 20_000],
        [{ 'retry-after': '5' }, 5_000],
        [{}, 1_000],
        [{ 'ratelimit-reset': '86400' }, 60_000],
        [{ 'ratelimit-reset': '1e9' }, 1_000],
      ] as const) {
        duty.faults.push({ status: 429, headers, body: '{}' });
        await assert.rejects(source.look(id, soon()), isSilent);
        const asked = duty.asked.length;
        at += rest - 1;
        await assert.rejects(source.look(id, soon()), isSilent);
        assert.equal(duty.asked.length, asked);
        at += 1;
        assert.equal((await source.look(id, soon()))?.id, id);
      }
    },
    {},
    { now: () => at },
  );
});

test('a wrong token, another network and a service that is down are no answer, and it is asked again when it is back', async () => {
  await withAccount(async (duty, source) => {
    const { id } = duty.openIncident({ title: 'x' });
    const wrong = openAt(duty, { token: new Secret('canary-token') }).source;
    await assert.rejects(
      wrong.look(id, soon()),
      (thrown: unknown) => isSilent(thrown) && !JSON.stringify(thrown).includes('canary'),
    );
    const far = openAt(duty, { reach: 'public' }).source;
    const calls = duty.asked.length;
    await assert.rejects(far.look(id, soon()), isSilent);
    assert.equal(duty.asked.length, calls);
    await duty.down();
    await assert.rejects(source.look(id, soon()), isSilent);
    await duty.up();
    assert.equal((await source.look(id, soon()))?.id, id);
  });
});

test('a service that never answers is given up without being told to', async () => {
  await withAccount(async (duty, source) => {
    duty.faults.push('hang');
    await assert.rejects(source.look(BARE.id, new AbortController().signal), isSilent);
  });
});
