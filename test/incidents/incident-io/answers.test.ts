/**
 * Answers of incident.io that are hostile, broken, late or about something else, over real HTTP.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JitError } from '../../../src/core/errors.ts';
import { Secret } from '../../../src/core/secret.ts';
import { openAt, soon, withAccount } from './account.ts';

const isSilent = (thrown: unknown): boolean => thrown instanceof JitError && thrown.code === 'ERR_INCIDENT_SOURCE';

/** The least that an answer may hold, of an incident for which nobody is asked who is on call. */
const BARE = {
  id: '01FDAG4SAP5TYPT98WGR2N7W91',
  reference: 'INC-123',
  name: 'x',
  mode: 'standard',
  created_at: '2021-08-17T13:28:57.801578Z',
  incident_status: { category: 'closed' },
  incident_role_assignments: [],
  custom_field_entries: [],
};
const other = (over: object): string => JSON.stringify({ incident: { ...BARE, ...over } });

test('the example of the documentation is read', async () => {
  await withAccount(async (io, source) => {
    // Of https://docs.incident.io/api-reference/incidents-v2/show, without what is about costs, documents and channels.
    const lisa = {
      email: 'lisa@incident.io',
      id: '01FCNDV6P870EA6S7TK1DSYDG0',
      name: 'Lisa Karlin Curtis',
      role: 'viewer',
      slack_user_id: 'U02AYNF2XJM',
    };
    const example = {
      call_url: 'https://zoom.us/foo',
      created_at: '2021-08-17T13:28:57.801578Z',
      creator: { user: lisa },
      custom_field_entries: [
        {
          custom_field: {
            description: 'Which team is impacted by this issue',
            field_type: 'single_select',
            id: '01FCNDV6P870EA6S7TK1DSYDG0',
            name: 'Affected Team',
            options: [],
          },
          values: [
            {
              value_catalog_entry: {
                aliases: ['lawrence'],
                external_id: '761722cd',
                id: '01FCNDV6P870EA6S7TK1DSYDG0',
                name: 'Primary On-call',
              },
              value_numeric: '123.456',
            },
          ],
        },
      ],
      has_debrief: false,
      id: '01FDAG4SAP5TYPT98WGR2N7W91',
      incident_role_assignments: [
        {
          assignee: lisa,
          role: { id: '01FCNDV6P870EA6S7TK1DSYDG0', name: 'Incident Lead', role_type: 'lead', shortform: 'lead' },
        },
      ],
      incident_status: { category: 'closed', id: '01FCNDV6P870EA6S7TK1DSYD5H', name: 'Closed', rank: 4 },
      mode: 'standard',
      name: 'Our database is sad',
      permalink: 'https://app.incident.io/incidents/123',
      reference: 'INC-123',
      severity: {
        description: 'Issues with **low impact**.',
        id: '01FCNDV6P870EA6S7TK1DSYDG0',
        name: 'Minor',
        rank: 1,
      },
      slack_channel_id: 'C02AW36C1M5',
      visibility: 'public',
    };
    const person = { id: lisa.id, name: lisa.name, email: lisa.email };
    io.faults.push({ status: 200, body: JSON.stringify({ incident: example }) });
    assert.deepEqual(await source.find('INC-123', soon()), {
      source: 'io',
      id: '01FDAG4SAP5TYPT98WGR2N7W91',
      reference: 'INC-123',
      title: 'Our database is sad',
      state: 'closed',
      severity: 4,
      services: [],
      responders: [person],
      commanders: [person],
      onCall: [],
      openedAt: Date.UTC(2021, 7, 17, 13, 28, 57, 801),
      url: 'https://app.incident.io/incidents/123',
      mergedInto: null,
    });
  });
});

test('hostile text is kept as data, and members that nobody asked for are ignored', async () => {
  await withAccount(async (io, source) => {
    const name = '\u001b[31mred\u202e\u0000\n<b>&amp;';
    const body = other({ name, permalink: 'javascript:alert(1)' }).replace(
      '"name"',
      '"__proto__":{"incident_status":{"category":"live"}},"name"',
    );
    io.faults.push({ status: 200, body });
    const found = await source.look(BARE.id, soon());
    assert.deepEqual([found?.title, found?.url, found?.state], [name, null, 'closed']);
  });
});

test('services are the values of fields that are called so', async () => {
  await withAccount(async (io, source) => {
    const field = (name: string, ...values: readonly object[]): object => ({ custom_field: { name }, values });
    const custom_field_entries = [
      field(
        'Affected services',
        { value_option: { value: 'checkout' } },
        { value_catalog_entry: { name: 'search' } },
        { value_text: 'free' },
      ),
      field('Service', { value_option: { value: 'checkout' } }),
      field('Serviceability', { value_option: { value: 'no' } }),
      field('Team', { value_option: { value: 'no' } }),
    ];
    io.faults.push({ status: 200, body: other({ custom_field_entries }) });
    assert.deepEqual((await source.look(BARE.id, soon()))?.services, ['checkout', 'search']);
  });
});

test('an answer that is not as published is no answer', async () => {
  await withAccount(async (io, source) => {
    const role = (over: object): object => ({ incident_role_assignments: [{ role: { role_type: 'lead' }, ...over }] });
    const bodies = [
      '',
      'null',
      '[]',
      '{}',
      '{"incident":null}',
      `${other({})}x`,
      other({ id: undefined }),
      other({ id: '01FDAG4SAP5TYPT98WGR2N7W92' }),
      other({ id: '../x' }),
      other({ reference: 'INC 1' }),
      other({ name: null }),
      other({ mode: 'other' }),
      other({ mode: undefined }),
      other({ created_at: 'yesterday' }),
      other({ incident_status: null }),
      other({ incident_status: { category: 'active' } }),
      other({ incident_role_assignments: null }),
      other({ custom_field_entries: undefined }),
      other(role({ role: { role_type: 'boss' } })),
      other(role({ assignee: { id: '', name: 'x' } })),
      other(role({ assignee: { id: 'x' } })),
      other({ severity: 'Minor' }),
    ];
    for (const body of bodies) {
      io.faults.push({ status: 200, body });
      await assert.rejects(source.look(BARE.id, soon()), isSilent, body);
    }
    io.faults.push({ status: 200, headers: { 'content-type': 'text/html' }, body: other({}) });
    await assert.rejects(source.look(BARE.id, soon()), isSilent);
    io.faults.push({ status: 200, body: other({ reference: 'INC-7' }) });
    await assert.rejects(source.find('INC-123', soon()), isSilent, 'another incident than was asked for');
    io.faults.push({ status: 200, body: other({}) });
    assert.equal((await source.look(BARE.id, soon()))?.id, BARE.id);
  });
});

test('an answer that is huge, half, slow or somewhere else is no answer, and its words are in no message', async () => {
  await withAccount(async (io, source) => {
    const { id } = io.openIncident({ title: 'x' });
    io.faults.push(
      { status: 200, body: other({ id, name: 'x'.repeat(1_100_000) }) },
      'half',
      'reset',
      { status: 301, headers: { location: `${io.url}/v2/incidents/${id}` } },
      ...[201, 400, 401, 403, 422, 500, 503].map((status) => ({ status, body: '{"errors":[{"message":"canary"}]}' })),
    );
    const faults = io.faults.length;
    for (let at = 0; at < faults; at++) {
      await assert.rejects(source.look(id, soon()), (thrown: unknown) => {
        assert.ok(isSilent(thrown) && thrown instanceof JitError);
        assert.doesNotMatch(`${thrown.message}${thrown.hint ?? ''}${String(thrown.cause)}`, /canary/);
        return true;
      });
    }
    assert.equal(io.asked.length, faults, 'no redirect is followed');
    io.faults.push('hang');
    await assert.rejects(source.look(id, AbortSignal.timeout(100)), isSilent);
    assert.equal((await source.look(id, soon()))?.id, id);
  });
});

test('a page that is missing, broken or leads nowhere is not the end of the list, and neither is a part that is missing', async () => {
  await withAccount(async (io, source) => {
    const { id } = io.openIncident({ title: 'x' });
    const first = { status: 200, body: JSON.stringify({ incidents: [BARE], pagination_meta: { after: 'a&b' } }) };
    const loop = { status: 200, body: JSON.stringify({ incidents: [], pagination_meta: { after: 'next' } }) };
    for (const second of [
      { status: 404 },
      { status: 500 },
      { status: 200, body: '{}' },
      first,
      loop,
      'half',
    ] as const) {
      // Were it to go on, it would find the end.
      io.faults.push(first, second, { status: 200, body: '{"incidents":[]}' });
      await assert.rejects(source.open(soon()), isSilent);
      io.faults.length = 0;
    }
    assert.equal(io.asked[1]?.query.get('after'), 'a&b', 'a cursor is one value');
    assert.equal(io.asked[1]?.query.get('sort_by'), 'created_at_newest_first');
    io.faults.push(first, { status: 200, body: '{"incidents":[]}' });
    assert.deepEqual(await source.open(soon()), [], 'what is not open is not listed');
    for (const second of [{ status: 404 }, { status: 500 }, { status: 200, body: '{"escalations":[{}]}' }] as const) {
      io.faults.push({ status: 200, body: other({ id, incident_status: { category: 'live' } }) }, second);
      await assert.rejects(source.look(id, soon()), isSilent, 'who is on call is part of the answer');
      io.faults.push({ status: 200, body: other({ id, incident_status: { category: 'merged' } }) }, second);
      await assert.rejects(source.look(id, soon()), isSilent, 'and so is what it became part of');
    }
  });
});

test('after too many questions it is left alone until the date that it says', async () => {
  let at = Date.UTC(2026, 0, 15, 12);
  await withAccount(
    async (io, source) => {
      const { id } = io.openIncident({ title: 'x' });
      // As the API writes it, with the zone UTC.
      const date = new Date(at + 30_000).toUTCString().replace('GMT', 'UTC');
      io.faults.push({ status: 429, headers: { 'retry-after': date }, body: '{"type":"too_many_requests"}' });
      await assert.rejects(source.look(id, soon()), isSilent);
      at += 29_999;
      await assert.rejects(source.look(id, soon()), isSilent);
      assert.equal(io.asked.length, 1);
      at += 1;
      assert.equal((await source.look(id, soon()))?.id, id);
    },
    { now: () => at },
    { now: () => at },
  );
});

test('a wrong key and a service that is down are no answer, and it is asked again when it is back', async () => {
  await withAccount(async (io, source) => {
    const { id } = io.openIncident({ title: 'x' });
    const wrong = openAt(io, { token: new Secret('canary-token') }).source;
    await assert.rejects(
      wrong.look(id, soon()),
      (thrown: unknown) => isSilent(thrown) && !JSON.stringify(thrown).includes('canary'),
    );
    await io.down();
    await assert.rejects(source.look(id, soon()), isSilent);
    await io.up();
    assert.equal((await source.look(id, soon()))?.id, id);
  });
});
