import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { inZone, isWithin, nextChange, parseHours } from '../../src/policy/hours.ts';
import { localTime } from '../../src/policy/zone.ts';
import { ask, JANE, load, REQUEST } from './questions.ts';

const at = (text: string): number => Date.parse(text);
const within = (hours: string, time: string): boolean | null => isWithin(parseHours(hours), at(time));

test('office hours stay at the same time of the wall clock on both sides of a change of clocks', () => {
  const berlin = 'Mon-Fri 08:00-18:00 Europe/Berlin';
  // Winter time ended on Sunday, 29 March 2026.
  assert.equal(within(berlin, '2026-03-27T06:59:59Z'), false);
  assert.equal(within(berlin, '2026-03-27T07:00:00Z'), true);
  assert.equal(within(berlin, '2026-03-30T05:59:59Z'), false);
  assert.equal(within(berlin, '2026-03-30T06:00:00Z'), true);
  assert.equal(within(berlin, '2026-03-30T15:59:59Z'), true);
  assert.equal(within(berlin, '2026-03-30T16:00:00Z'), false);
  assert.equal(within(berlin, '2026-03-29T10:00:00Z'), false);
});

test('windows past midnight belong to the day on which they start, several windows add up, days may wrap', () => {
  const night = 'Fri 22:00-06:00, Sun 10:00-12:00 UTC';
  assert.equal(within(night, '2026-04-03T21:59:00Z'), false);
  assert.equal(within(night, '2026-04-03T22:00:00Z'), true);
  assert.equal(within(night, '2026-04-04T05:59:00Z'), true);
  assert.equal(within(night, '2026-04-04T06:00:00Z'), false);
  assert.equal(within(night, '2026-04-05T11:00:00Z'), true);
  assert.equal(within('Sat-Mon 00:00-24:00 UTC', '2026-04-06T23:59:00Z'), true);
  assert.equal(within('Sat-Mon 00:00-24:00 UTC', '2026-04-07T00:00:00Z'), false);
  assert.equal(within('08:00-09:00 Asia/Kolkata', '2026-04-07T02:30:00Z'), true);
});

test('the next change is told by the wall clock of the zone', () => {
  const hours = parseHours('Mon-Fri 08:00-18:00 Europe/Berlin');
  const next = nextChange(hours, at('2026-03-27T17:00:00Z')) ?? 0;
  assert.equal(new Date(next).toISOString(), '2026-03-30T06:00:00.000Z');
  assert.equal(inZone(hours, next), 'Mon 2026-03-30 08:00 Europe/Berlin');
  // 02:30 does not exist on this day: the window opens where the clock goes on, at 03:00.
  const gap = parseHours('Sun 02:30-04:00 Europe/Berlin');
  assert.equal(new Date(nextChange(gap, at('2026-03-29T00:00:00Z')) ?? 0).toISOString(), '2026-03-29T01:00:00.000Z');
  assert.equal(nextChange(parseHours('00:00-24:00 UTC'), at('2026-03-29T00:00:00Z')), null);
});

const zones = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Pacific/Apia', 'Asia/Kathmandu', 'UTC'];
const minute = fc.integer({ min: 0, max: 1_439 });
const clock = (minutes: number): string =>
  `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
const days = fc.constantFrom('', 'Mon ', 'Sat-Sun ', 'Fri-Mon ', 'Thu-Fri ');
const hoursText = fc
  .tuple(fc.array(fc.tuple(days, minute, minute), { minLength: 1, maxLength: 3 }), fc.constantFrom(...zones))
  .map(([windows, zone]) => {
    const texts = windows.map(
      ([day, from, to]) => `${day}${clock(from)}-${clock(from === to ? (to + 1) % 1_440 : to)}`,
    );
    return `${texts.join(', ')} ${zone}`;
  });
// Around days on which clocks were moved, half an hour in Lord Howe, and the day that Samoa left out.
const moments = fc
  .tuple(
    fc.constantFrom(
      '2026-03-29T01:00Z',
      '2026-10-25T01:00Z',
      '2026-03-08T07:00Z',
      '2026-11-01T06:00Z',
      '2026-04-04T15:00Z',
      '2026-10-03T15:30Z',
      '2011-12-30T10:00Z',
      '2026-07-01T00:00Z',
    ),
    fc.integer({ min: -3_000, max: 3_000 }),
  )
  .map(([text, offset]) => at(text) + offset * 60_000);

test('the next change is the first minute at which the answer differs, whatever the clocks do', () => {
  fc.assert(
    fc.property(hoursText, moments, (text, now) => {
      const hours = parseHours(text);
      const expected = isWithin(hours, now);
      const next = nextChange(hours, now);
      const limit = next ?? now + 3 * 86_400_000;
      for (let each = now; each < Math.min(limit, now + 4 * 86_400_000); each += 60_000) {
        assert.equal(isWithin(hours, each), expected, `${text} at ${new Date(each).toISOString()}`);
      }
      if (next !== null) assert.equal(isWithin(hours, next), !(expected ?? false));
    }),
    { numRuns: 150 },
  );
});

test('the time zone of the process changes nothing', () => {
  const before = process.env['TZ'];
  const answers = (): readonly (boolean | null)[] => [
    within('Mon-Fri 08:00-18:00 Europe/Berlin', '2026-03-30T06:00:00Z'),
    within('Mon-Fri 08:00-18:00 Europe/Berlin', '2026-03-30T05:59:59Z'),
    within('Fri 22:00-06:00 UTC', '2026-04-03T21:59:00Z'),
    // A moment at which clocks in New York, and not in Berlin, have changed.
    within('12:00-13:00 Europe/Berlin', '2026-03-10T11:30:00Z'),
  ];
  try {
    for (const zone of ['UTC', 'America/New_York', 'Pacific/Kiritimati', 'Asia/Kolkata']) {
      process.env['TZ'] = zone;
      assert.equal(new Date(0).getHours() === 0, zone === 'UTC', 'the process is there');
      assert.deepEqual(answers(), [true, false, false, true], zone);
    }
  } finally {
    if (before === undefined) delete process.env['TZ'];
    else process.env['TZ'] = before;
  }
});

test('the wall clock is that of Intl, to the minute', () => {
  fc.assert(
    fc.property(fc.constantFrom(...zones), moments, (zone, now) => {
      const local = localTime(zone, now);
      assert.ok(local !== null);
      const shown = new Date(local.day * 86_400_000 + local.minute * 60_000)
        .toISOString()
        .slice(0, 16)
        .replace('T', ' ');
      // The Swedish form is year-month-day and 24 hours.
      const expected = new Date(now).toLocaleString('sv-SE', {
        timeZone: zone,
        dateStyle: 'short',
        timeStyle: 'short',
      });
      assert.equal(shown, expected);
    }),
  );
});

for (const text of [
  '',
  'Mon-Fri 08:00-18:00',
  'Mon-Fri 08:00-18:00 Europe/Berlim',
  'Mon-Fri 08:00-18:00 +02:00',
  'Mon-Fri 08:00-18:00 CET',
  'mon-fri 08:00-18:00 Europe/Berlin',
  'Moo 08:00-18:00 Europe/Berlin',
  'Mon 8:00-18:00 Europe/Berlin',
  'Mon 08:00-08:00 Europe/Berlin',
  'Mon 08:60-09:00 Europe/Berlin',
  'Mon 24:00-09:00 Europe/Berlin',
  'Mon 08:00-24:30 Europe/Berlin',
  'Mon 08:00-18:00,, Europe/Berlin',
]) {
  test(`refused as hours: ${JSON.stringify(text)}`, () => {
    assert.throws(() => parseHours(text), { name: 'JitError', code: 'ERR_CONFIG' });
  });
}

const office = '"Mon-Fri 08:00-18:00 Europe/Berlin"';
const permit = `@id("office") @tier("auto") @hours(${office}) permit (principal, ${REQUEST}, resource);\n`;
const anytime = `@id("any") @tier("manual") permit (principal, ${REQUEST}, resource);\n`;
const friday = at('2026-03-27T17:30:00Z');
const monday = at('2026-03-30T06:30:00Z');

test('outside its hours a permit does not count, and the denial says from when it will', async () => {
  const set = await load(permit);
  assert.equal(set.decide(ask({ now: monday })).kind, 'permit');
  const verdict = set.decide(ask({ now: friday }));
  assert.ok(verdict.kind === 'deny');
  assert.equal(verdict.why, 'no policy permits this now: office does from Mon 2026-03-30 08:00 Europe/Berlin');
  assert.deepEqual(verdict.policyIds, ['office']);
  const other = (await load(permit + anytime)).decide(ask({ now: friday }));
  assert.ok(other.kind === 'permit' && other.policyId === 'any');
});

test('a permit whose conditions do not hold is not promised for later', async () => {
  const set = await load(permit.replace(';', ' when { resource.sandbox };'));
  const verdict = set.decide(ask({ now: friday }));
  assert.ok(verdict.kind === 'deny' && verdict.why === 'no policy permits this');
});

test('a forbid says whether its hours are those of the ban or those without it', async () => {
  const freeze = (key: string): string =>
    `${anytime}@id("freeze") @description("no changes now") @${key}(${office}) forbid (principal, ${REQUEST}, resource);`;
  const kind = async (key: string, now: number): Promise<string> => (await load(freeze(key))).decide(ask({ now })).kind;
  assert.equal(await kind('during', monday), 'deny');
  assert.equal(await kind('during', friday), 'permit');
  assert.equal(await kind('outside', monday), 'permit');
  assert.equal(await kind('outside', friday), 'deny');
  const verdict = (await load(freeze('outside'))).decide(ask({ now: friday }));
  assert.ok(verdict.kind === 'deny');
  assert.equal(verdict.why, 'no changes now (until Mon 2026-03-30 08:00 Europe/Berlin)');
  await assert.rejects(load(freeze('hours')), /@during forbids only in these hours, @outside only at all other times/);
  await assert.rejects(load(freeze('during').replace('@during', `@outside(${office}) @during`)), /cannot both/);
  await assert.rejects(load(permit.replace('@hours', '@during')), /on a permit: write @hours/);
  await assert.rejects(load(permit.replace('Berlin', 'Berlim')), /did you mean Europe\/Berlin\?/);
});

test('without a clock that can be read, no permit with hours counts and every forbid does', async () => {
  const forbid = `@during(${office}) forbid (principal, ${REQUEST}, resource);`;
  const outside = `@outside(${office}) forbid (principal, ${REQUEST}, resource);`;
  for (const now of [Number.NaN, Number.POSITIVE_INFINITY, -1, 1e18]) {
    assert.equal((await load(permit)).decide(ask({ now })).kind, 'deny');
    assert.equal((await load(anytime)).decide(ask({ now })).kind, 'permit');
    assert.equal((await load(anytime + forbid)).decide(ask({ now })).kind, 'deny');
    assert.equal((await load(anytime + outside)).decide(ask({ now })).kind, 'deny');
  }
});

test('approvals keep hours as well', async () => {
  const set = await load(`@hours(${office}) permit (principal, action == Jit::Action::"Approve", resource);`);
  const max = { ...JANE, subject: 'max' };
  assert.equal(set.approves(max, ask({ now: monday })), true);
  assert.equal(set.approves(max, ask({ now: friday })), false);
});
