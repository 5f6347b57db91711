/**
 * Alerts as incidents, asked over real HTTP of a service that answers as the published pages have it, in both of its flavours.
 * @module
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { JitError } from '../../../src/core/errors.ts';
import type { IncidentSource, OpenSource } from '../../../src/core/incident.ts';
import { Secret } from '../../../src/core/secret.ts';
import { JSM_FORMS, OPSGENIE_FORMS, peopleOnDuty } from '../../../src/incidents/jsm/form.ts';
import { type JsmParts, openJsm } from '../../../src/incidents/jsm/source.ts';
import { makeCall } from '../../../src/outbound/call.ts';
import { type FakeJsm, type JsmParticipant, startJsm, uuid } from '../../fakes/incidents/jsm.ts';

const signal = new AbortController().signal;
const START = 1_800_000_000_000;
const TEAM = uuid(1_001);
const [FIRST, SECOND, OTHER] = [uuid(1_002), uuid(1_003), uuid(1_004)];

const isUntrusted = (thrown: unknown): boolean =>
  thrown instanceof JitError && thrown.code === 'ERR_INCIDENT_SOURCE' && !/canary|127\.0\.0\.1/.test(thrown.message);

interface World {
  readonly jsm: FakeJsm;
  readonly source: IncidentSource;
  readonly clock: { now: number };
}

function open(jsm: FakeJsm, clock: { readonly now: number }, over: Partial<JsmParts> = {}): OpenSource {
  return openJsm({
    name: 'ops',
    api: jsm.url,
    reach: 'private',
    token: new Secret(jsm.token),
    signingSecrets: [],
    severities: new Map([['P1', 1]]),
    tiers: new Set([1, 2]),
    now: () => clock.now,
    call: makeCall(),
    flavour: jsm.flavour === 'jsm' ? { kind: 'jsm', cloud: jsm.cloud, user: jsm.user } : { kind: 'opsgenie' },
    schedules: [
      { id: FIRST, tier: 1, for: [TEAM] },
      { id: SECOND, tier: 2, for: [TEAM] },
      { id: OTHER, tier: 1, for: [] },
    ],
    header: jsm.header,
    ...over,
  });
}

async function withJsm(
  flavour: FakeJsm['flavour'],
  body: (world: World) => Promise<void>,
  parts: { readonly pageSize?: number } = {},
): Promise<void> {
  const jsm = await startJsm(flavour, parts);
  const clock = { now: START };
  try {
    for (const id of [FIRST, SECOND, OTHER]) jsm.onCall.set(id, []);
    await body({ jsm, clock, source: open(jsm, clock).source });
  } finally {
    await jsm.stop();
  }
}

for (const flavour of ['jsm', 'opsgenie'] as const) {
  describe(`alerts of ${flavour}`, () => {
    test('an alert is found by its id and its number, with those who respond and are on call', async () => {
      await withJsm(flavour, async ({ jsm, source }) => {
        jsm.onCall.set(FIRST, [{ type: 'user', id: 'ada-1', name: 'ada@example.com' }]);
        jsm.onCall.set(SECOND, [
          {
            type: 'escalation',
            id: uuid(1_005),
            onCallParticipants: [
              { type: 'user', id: 'eve-1', name: 'eve@example.com', escalationTime: 0 },
              { type: 'user', id: 'late-1', name: 'late@example.com', escalationTime: 10 },
            ],
          },
        ]);
        jsm.onCall.set(OTHER, [{ type: 'user', id: 'mallory-1', name: 'mallory@example.com' }]);
        const alert = jsm.openAlert({
          message: 'checkout is down',
          tags: ['checkout', 'web'],
          entity: 'web-1',
          acknowledged: true,
          responders: [
            { type: 'team', id: TEAM },
            { type: 'user', id: 'grace-1' },
          ],
        });
        const expected = {
          source: 'ops',
          id: alert.id,
          reference: '#1',
          title: 'checkout is down',
          state: 'open',
          severity: 1,
          services: ['checkout', 'web', 'web-1'],
          responders: [{ id: 'grace-1', name: 'grace-1', email: null }],
          commanders: [],
          onCall: [
            { id: 'ada-1', name: 'ada@example.com', email: 'ada@example.com', tier: 1 },
            { id: 'eve-1', name: 'eve@example.com', email: 'eve@example.com', tier: 2 },
          ],
          openedAt: alert.createdAt,
          url: null,
          mergedInto: null,
        };
        for (const text of [alert.id, '#1', '1']) assert.deepEqual(await source.find(text, signal), expected, text);
        assert.deepEqual(await source.look(alert.id, signal), expected);
        jsm.change(alert.id, { status: 'closed', priority: 'P9' }, 'Close');
        const closed = await source.look(alert.id, signal);
        assert.deepEqual([closed?.state, closed?.severity, closed?.onCall], ['closed', null, []]);
        jsm.remove(alert.id);
        assert.equal(await source.look(alert.id, signal), null);
        assert.equal(await source.find('#1', signal), null);
      });
    });

    test('a tier that does not count is not even asked for', async () => {
      await withJsm(flavour, async ({ jsm, clock }) => {
        jsm.onCall.set(SECOND, [{ type: 'user', id: 'eve-1' }]);
        const { source } = open(jsm, clock, { tiers: new Set([1]) });
        const alert = jsm.openAlert({ responders: [{ type: 'schedule', id: SECOND }] });
        assert.deepEqual((await source.look(alert.id, signal))?.onCall, []);
        assert.ok(!jsm.asked.some(({ path }) => path.includes(SECOND)));
      });
    });

    test('what can be no alert is asked of nobody', async () => {
      await withJsm(flavour, async ({ jsm, source }) => {
        const { id } = jsm.openAlert();
        const before = jsm.asked.length;
        for (const text of [
          '',
          '..',
          '1 OR 1',
          '#',
          '-1',
          '1.5',
          `${id}/notes`,
          `${id}?x`,
          'INC-1',
          '1'.repeat(19),
          '%31',
        ]) {
          assert.equal(await source.find(text, signal), null, text);
          assert.equal(await source.look(text, signal), null, text);
        }
        assert.equal(await source.look('1', signal), null, 'a number is no id');
        assert.equal(jsm.asked.length, before);
      });
    });

    test('a number that has come round again means the open one, and of two open ones neither', async () => {
      await withJsm(flavour, async ({ jsm, source }) => {
        const old = jsm.openAlert({ tinyId: '7', status: 'closed' });
        assert.equal((await source.find('#7', signal))?.id, old.id);
        const now = jsm.openAlert({ tinyId: '7' });
        assert.equal((await source.find('#7', signal))?.id, now.id);
        jsm.openAlert({ tinyId: '7' });
        await assert.rejects(source.find('#7', signal), isUntrusted);
        assert.equal((await source.find(now.id, signal))?.id, now.id);
      });
    });

    test('open ones come from all pages, newest first, 200 at most', async () => {
      await withJsm(
        flavour,
        async ({ jsm, source }) => {
          assert.deepEqual(await source.open(signal), []);
          const made = Array.from({ length: 25 }, () => jsm.openAlert().id);
          jsm.openAlert({ status: 'closed' });
          const ids = (await source.open(signal)).map(({ id }) => id);
          assert.deepEqual(ids, made.toReversed());
          for (let more = 0; more < 200; more += 1) jsm.openAlert();
          assert.equal((await source.open(signal)).length, 200);
        },
        { pageSize: 10 },
      );
    });

    test('a page that is missing, broken or without end is no shorter list', async () => {
      await withJsm(
        flavour,
        async ({ jsm, source }) => {
          for (let more = 0; more < 11; more += 1) jsm.openAlert();
          const first = { ...jsm.openAlert(), createdAt: new Date(START).toISOString() };
          const page = (list: readonly object[]): string => {
            const next = { next: 'https://canary.example/' };
            return JSON.stringify(flavour === 'jsm' ? { values: list, links: next } : { data: list, paging: next });
          };
          for (const fault of [
            { status: 500 },
            { status: 404 },
            { status: 403 },
            { status: 200, body: '{}' },
            { status: 200, body: page([]) },
            'half',
            'reset',
          ] as const) {
            jsm.faults.push({ status: 200, body: page([first]) }, fault);
            await assert.rejects(source.open(signal), isUntrusted, JSON.stringify(fault));
            assert.deepEqual(jsm.faults, []);
          }
          assert.equal((await source.open(signal)).length, 12);
        },
        { pageSize: 5 },
      );
    });

    test('an answer that is not surely right counts for nothing', async () => {
      await withJsm(flavour, async ({ jsm, source, clock }) => {
        const alert = jsm.openAlert({ responders: [{ type: 'team', id: TEAM }] });
        const other = jsm.openAlert();
        const body = (over: object): string => {
          const one = { ...alert, createdAt: new Date(START).toISOString(), ...over };
          return JSON.stringify(flavour === 'jsm' ? one : { data: one });
        };
        for (const fault of [
          { status: 500 },
          { status: 401, body: '{"message":"canary"}' },
          { status: 302, headers: { location: 'https://canary.example/' } },
          { status: 200, body: 'canary' },
          { status: 200, body: body({}), headers: { 'content-type': 'text/html' } },
          { status: 200, body: body({ id: other.id }) },
          { status: 200, body: body({ status: 'canary' }) },
          { status: 200, body: body({ tinyId: 'canary' }) },
          { status: 200, body: body({ createdAt: 'canary' }) },
          { status: 200, body: body({ message: 7 }) },
          { status: 200, body: body({ responders: [{ type: 'user', id: 7 }] }) },
          { status: 200, body: body({ x: 'x'.repeat(2_000_000) }) },
          'half',
          'reset',
        ] as const) {
          jsm.faults.push(fault);
          await assert.rejects(source.look(alert.id, signal), isUntrusted, JSON.stringify(fault).slice(0, 200));
        }
        jsm.onCall.delete(FIRST);
        await assert.rejects(source.look(alert.id, signal), isUntrusted, 'a schedule that is not there');
        jsm.onCall.set(FIRST, []);
        jsm.faults.push({ status: 429, headers: { 'retry-after': '2' } });
        await assert.rejects(source.look(alert.id, signal), isUntrusted);
        const asked = jsm.asked.length;
        await assert.rejects(source.look(alert.id, signal), isUntrusted);
        assert.equal(jsm.asked.length, asked, 'left alone for as long as it asks');
        clock.now += 2_001;
        assert.equal((await source.look(alert.id, signal))?.id, alert.id);
        jsm.faults.push('hang');
        await assert.rejects(source.look(alert.id, AbortSignal.timeout(100)), isUntrusted);
        await jsm.down();
        await assert.rejects(source.look(alert.id, signal), isUntrusted);
      });
    });
  });
}

test('whatever an answer is, reading it gives an alert, a page, people or nothing, and never a fault', () => {
  const bits = fc.record(
    {
      id: fc.oneof(fc.string(), fc.constant(uuid(1))),
      tinyId: fc.oneof(fc.string(), fc.constant('1')),
      message: fc.string(),
      status: fc.constantFrom('open', 'closed', 'acked'),
      createdAt: fc.oneof(fc.string(), fc.constant('2027-01-15T08:00:00Z')),
      responders: fc.option(fc.array(fc.record({ type: fc.string(), id: fc.string() }))),
    },
    { requiredKeys: [] },
  );
  const anything = fc.oneof(fc.jsonValue(), bits, fc.record({ data: bits }), fc.record({ values: fc.array(bits) }));
  fc.assert(
    fc.property(anything, (value) => {
      for (const forms of [JSM_FORMS, OPSGENIE_FORMS]) {
        const read = forms.alert.safeParse(value);
        if (read.success) assert.ok(['open', 'closed'].includes(read.data.status));
        forms.page.safeParse(value);
        forms.onCall.safeParse(value);
      }
    }),
  );
});

/** Each with an id of its own, that says where it stands. */
function numbered(list: readonly JsmParticipant[], under = 'p'): readonly JsmParticipant[] {
  return list.map((each, at) => {
    const id = `${under}-${at}`;
    return { ...each, id, onCallParticipants: numbered(each.onCallParticipants ?? [], id) };
  });
}

test('nobody is on call whom an escalation calls later, however deep they stand', () => {
  const { one } = fc.letrec<{ one: JsmParticipant }>((tie) => ({
    one: fc.record(
      {
        type: fc.constantFrom('user', 'team', 'escalation'),
        id: fc.constant(''),
        escalationTime: fc.constantFrom(0, 5),
        onCallParticipants: fc.oneof({ maxDepth: 3 }, fc.constant([]), fc.array(tie('one'), { maxLength: 3 })),
      },
      { requiredKeys: ['type', 'id'] },
    ),
  }));
  const everybody = (list: readonly JsmParticipant[]): readonly JsmParticipant[] =>
    list.flatMap((each) => [each, ...everybody(each.onCallParticipants ?? [])]);
  fc.assert(
    fc.property(fc.array(one, { maxLength: 5 }), (made) => {
      const list = numbered(made);
      const all = everybody(list);
      const late = all.filter(({ escalationTime = 0 }) => escalationTime > 0).map(({ id }) => id);
      const found = peopleOnDuty(list).map(({ id }) => id);
      for (const id of found) {
        assert.equal(all.find((each) => each.id === id)?.type, 'user');
        assert.ok(!late.some((each) => id === each || id.startsWith(`${each}-`)), id);
      }
      for (const { id, type, escalationTime = 0 } of list) {
        if (type === 'user' && escalationTime === 0) assert.ok(found.includes(id));
      }
    }),
  );
  // So deep that reading it by recursion would end the process's stack.
  const nested = `${'{"type":"team","onCallParticipants":['.repeat(20_000)}${']}'.repeat(20_000)}`;
  const read = JSM_FORMS.onCall.safeParse({ onCallParticipants: [JSON.parse(nested) as unknown] });
  assert.deepEqual(read.success ? peopleOnDuty(read.data.onCallParticipants) : null, []);
});
