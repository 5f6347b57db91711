/**
 * What is decided in an emergency, through policies as they are written.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Person, Principal } from '../../src/core/principal.ts';
import type { EmergencyQuestion } from '../../src/policy/question.ts';
import {
  emergency,
  emergencyForbids,
  emergencyPermits,
  emergencyPolicies,
  emergencyQuestions,
  INCIDENT,
  rule,
  words,
} from './emergencies.ts';
import { JANE, load, REQUEST } from './questions.ts';
import { policies, questions, withIds } from './rules.ts';

const PIPELINE: Principal = { ...JANE, kind: 'workload', subject: 'repo:acme/web', name: 'web', groups: ['pipelines'] };

test('a permit on BreakGlass gives what it says, with defaults that keep nothing and warn nobody', async () => {
  const bare = (await load(rule('bare'))).emergency(emergency());
  assert.deepEqual(bare, {
    kind: 'permit',
    tier: 'break-glass',
    policyId: 'bare',
    why: 'permitted in an emergency by policy bare',
    maxSeconds: 3_600,
    needsTicket: false,
    minReason: 0,
    renewals: 0,
    idleSeconds: null,
    warnSeconds: 0,
    handover: 'stays',
    sealed: null,
    also: [],
  });
  const full =
    '@tier("break-glass") @max("2h") @needs("ticket") @reason("20") @renewals("2") @idle("10m") @warn("2m") ' +
    '@handover("ends") @sealed("3") @sealed_group("on-call") @sealed_max("30m")';
  const all = (await load(rule('full', '', full))).emergency(emergency({}, { hasTicket: true }));
  assert.deepEqual(all, {
    ...bare,
    policyId: 'full',
    why: 'permitted in an emergency by policy full',
    maxSeconds: 7_200,
    needsTicket: true,
    minReason: 20,
    renewals: 2,
    idleSeconds: 600,
    warnSeconds: 120,
    handover: 'ends',
    sealed: { approvers: 3, group: 'on-call', maxSeconds: 1_800 },
  });
});

test('the shortest sealed path of those that are not given a length is no longer than the permit itself', async () => {
  const sealed = async (max: string): Promise<unknown> => {
    const verdict = (await load(rule('s', '', `@max("${max}") @sealed("2") @sealed_group("on-call")`))).emergency(
      emergency({}, { seconds: 60 }),
    );
    return verdict.kind === 'permit' ? verdict.sealed?.maxSeconds : verdict;
  };
  assert.equal(await sealed('1h'), 900);
  assert.equal(await sealed('5m'), 300);
});

test('an incident that is not open gives nothing, whatever the rules say', async () => {
  const set = await load(rule('any'));
  assert.equal(words(set.emergency(emergency())), 'permit any');
  assert.equal(words(set.emergency(emergency({ open: false }))), 'the incident is not open any more');
});

test('facts that no incident can have are refused and never compared', async () => {
  const set = await load(rule('any', 'when { context.incident.severity <= 2 }'));
  for (const severity of [0, -1, 1.5, 6, Number.NaN]) {
    assert.match(words(set.emergency(emergency({ severity }))), /severity of the incident/);
  }
  for (const onCallTier of [-1, 0.5, Number.NaN]) {
    assert.match(words(set.emergency(emergency({ onCallTier }))), /tier on call/);
  }
  assert.match(words(set.emergency(emergency({ services: ['\ud800'] }))), /not valid Unicode/);
});

test('without its source an incident gives only what has a sealed path, and for no longer than that path', async () => {
  const open = rule('open', '', '@max("4h")');
  const sealed = rule('sealed', '', '@max("1h") @sealed("2") @sealed_group("on-call")');
  const unseen = { verified: false, open: false };
  const denied = (await load(open)).emergency(emergency(unseen));
  assert.match(words(denied), /cannot be reached, and no policy has a sealed path/);
  const set = await load(open + sealed);
  assert.equal(words(set.emergency(emergency())), 'permit open');
  const given = set.emergency(emergency(unseen));
  assert.ok(given.kind === 'permit');
  assert.deepEqual([given.policyId, given.maxSeconds], ['sealed', 900]);
  const long = set.emergency(emergency(unseen, { seconds: 901 }));
  assert.ok(long.kind === 'deny');
  assert.deepEqual([long.why, long.hint], ['at most 15m here', '--for 15m']);
});

test('what could not be verified is shown to no rule, whatever was claimed of it', async () => {
  const sealed = '@sealed("2") @sealed_group("on-call")';
  const claimed = {
    verified: false,
    open: true,
    severity: 1,
    services: ['payments'],
    responder: true,
    commander: true,
  };
  for (const body of [
    'context.incident.severity <= 5',
    'context.incident.responder || context.incident.commander || context.incident.onCallTier == 1',
    'context.incident.services.contains("payments")',
    'context.incident.open',
  ]) {
    const set = await load(rule('s', `when { ${body} }`, sealed));
    assert.equal(set.emergency(emergency(claimed)).kind, 'deny', body);
    assert.equal(set.emergency(emergency({ ...claimed, verified: true })).kind, 'permit', body);
  }
  const silent = await load(rule('silent', 'when { !context.incident.verified }', sealed));
  assert.equal(words(silent.emergency(emergency(claimed))), 'permit silent');
});

test('a pipeline gets what a scope names it for, and nothing of what is for people', async () => {
  const asked = emergency({}, { principal: PIPELINE });
  const decide = async (who: string): Promise<string> => (await load(rule('p', '', '', who))).emergency(asked).kind;
  assert.equal(await decide('principal is Jit::User'), 'deny');
  assert.equal(await decide('principal is Jit::Workload'), 'permit');
  assert.equal(await decide('principal is Jit::Workload in Jit::Group::"pipelines"'), 'permit');
  assert.equal(await decide(`principal == Jit::Workload::"${PIPELINE.issuer}|${PIPELINE.subject}"`), 'permit');
  assert.equal(await decide(`principal == Jit::Workload::"${PIPELINE.issuer}|repo:acme/other"`), 'deny');
});

test('a forbid on BreakGlass and one on every action win; one on Request is none of its business', async () => {
  const decide = async (forbid: string): Promise<string> =>
    words((await load(`${rule('any')}@id("no") @description("not today") ${forbid}`)).emergency(emergency()));
  assert.equal(await decide('forbid (principal, action == Jit::Action::"BreakGlass", resource);'), 'not today');
  assert.equal(await decide('forbid (principal, action, resource);'), 'not today');
  assert.equal(
    await decide('forbid (principal, action in [Jit::Action::"Request", Jit::Action::"BreakGlass"], resource);'),
    'not today',
  );
  assert.equal(await decide(`forbid (principal, ${REQUEST}, resource);`), 'permit any');
});

test('hours of a permit hold in an emergency, too', async () => {
  const set = await load(rule('nights', '', '@hours("20:00-06:00 UTC")'));
  assert.match(words(set.emergency(emergency())), /no policy permits this now: nights does from .* 20:00 UTC/);
  assert.equal(words(set.emergency(emergency({}, { now: Date.UTC(2026, 3, 1, 23) }))), 'permit nights');
});

test('of several permits the most generous whose limits are met decides, in whatever order they are written', async () => {
  const all = [
    rule('a-ticket', '', '@max("8h") @needs("ticket")'),
    rule('b-short', '', '@max("30m") @renewals("9")'),
    rule('c-long', '', '@max("2h")'),
    rule('d-long-and-warned', '', '@max("2h") @warn("1m")'),
    rule('e-long-and-ends', '', '@max("2h") @warn("1m") @handover("ends")'),
  ];
  for (const texts of [all, all.toReversed()]) {
    const set = await load(texts.join(''));
    const decided = (seconds: number, hasTicket: boolean): string =>
      words(set.emergency(emergency({}, { seconds, hasTicket })));
    assert.equal(decided(600, false), 'permit d-long-and-warned');
    assert.equal(decided(600, true), 'permit d-long-and-warned');
    assert.equal(decided(10_000, true), 'permit a-ticket');
    const long = set.emergency(emergency({}, { seconds: 10_000 }));
    assert.ok(long.kind === 'deny' && long.policyIds.length === 5);
    assert.deepEqual([long.why, long.hint], ['a ticket is needed', '--for 2h']);
  }
});

test('several permissions: everything has to be permitted, and the tightest of each term holds', async () => {
  const asking = (actions: readonly string[], facts = {}): EmergencyQuestion =>
    emergency(facts, { permission: { target: 'prod', operation: 'recover', actions, resources: ['r'] } });
  const one = rule(
    'one',
    'when { context.permission == "a:One" }',
    '@max("2h") @renewals("3") @warn("2m") @handover("ends") @sealed("2") @sealed_group("on-call") @sealed_max("1h")',
  );
  const two = rule(
    'two',
    'when { context.permission == "a:Two" }',
    '@max("1h") @idle("5m") @warn("1m") @needs("ticket") @sealed("3") @sealed_group("on-call") @sealed_max("10m")',
  );
  const set = await load(one + two);
  const both = set.emergency({ ...asking(['a:One', 'a:Two']), hasTicket: true });
  assert.ok(both.kind === 'permit');
  assert.deepEqual(
    [both.maxSeconds, both.renewals, both.idleSeconds, both.warnSeconds, both.handover, both.needsTicket],
    [3_600, 0, 300, 60, 'ends', true],
  );
  assert.deepEqual(both.sealed, { approvers: 3, group: 'on-call', maxSeconds: 600 });
  assert.equal(set.emergency({ ...asking(['a:One', 'a:Three']), hasTicket: true }).kind, 'deny');
  const other = await load(one + two.replace('@sealed_group("on-call")', '@sealed_group("security")'));
  const apart = other.emergency({ ...asking(['a:One', 'a:Two']), hasTicket: true });
  assert.ok(apart.kind === 'permit' && apart.sealed === null);
  const unseen = other.emergency({ ...asking(['a:One', 'a:Two'], { verified: false }), hasTicket: true, seconds: 60 });
  assert.match(words(unseen), /people of different groups/);
});

test('an agent never breaks glass, not even one that acts for somebody who may', async () => {
  const person: Person = { ...JANE, kind: 'user' };
  const agent: Principal = { ...JANE, kind: 'agent', subject: 'bot' };
  await fc.assert(
    fc.asyncProperty(emergencyPolicies, emergencyQuestions, async (texts, question) => {
      const set = await load(withIds(texts).join('\n') + rule('all'));
      for (const principal of [agent, { ...agent, actsFor: person }, { ...PIPELINE, actsFor: person }]) {
        assert.equal(set.emergency({ ...question, principal }).kind, 'deny');
      }
    }),
    { numRuns: 40 },
  );
});

test('rules on requests never give anything in an emergency, nor those on emergencies anything without one', async () => {
  await fc.assert(
    fc.asyncProperty(policies, emergencyPolicies, emergencyQuestions, questions, async (some, others, asked, plain) => {
      const requests = await load(withIds(some).join('\n'));
      assert.equal(requests.emergency(asked).kind, 'deny');
      assert.equal(requests.emergency({ ...plain, incident: INCIDENT }).kind, 'deny');
      const emergencies = await load(withIds(others).join('\n'));
      assert.equal(emergencies.decide(asked).kind, 'deny');
      assert.equal(emergencies.decide(plain).kind, 'deny');
    }),
    { numRuns: 60 },
  );
});

test('one more forbid never gives more, and one more permit never takes anything but by failing', async () => {
  let given = 0;
  await fc.assert(
    fc.asyncProperty(
      emergencyPolicies,
      emergencyForbids,
      emergencyPermits.filter((text) => !text.includes('9223372036854775807')),
      fc.array(emergencyQuestions, { minLength: 4, maxLength: 8 }),
      async (texts, forbid, permit, asked) => {
        const set = await load(withIds(texts).join('\n'));
        const narrower = await load(withIds([...texts, forbid]).join('\n'));
        const wider = await load(withIds([...texts, permit]).join('\n'));
        for (const question of asked) {
          const before = set.emergency(question).kind;
          if (before === 'permit') given += 1;
          if (before === 'deny') assert.equal(narrower.emergency(question).kind, 'deny');
          else assert.equal(wider.emergency(question).kind, 'permit');
        }
      },
    ),
    { numRuns: 80 },
  );
  assert.ok(given > 5, 'the random policies permit something');
});
