/**
 * What a denied emergency is told: true whatever the rules are, in the words of the incident, with what would do.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { emergencyCall } from '../../src/policy/call.ts';
import { loadEngine } from '../../src/policy/engine.ts';
import { makeMatcher } from '../../src/policy/match.ts';
import type { IncidentFacts } from '../../src/policy/question.ts';
import { emergency, emergencyForbids, emergencyPermits, emergencyQuestions, rule, words } from './emergencies.ts';
import { JANE, load } from './questions.ts';
import { withIds } from './rules.ts';

const PAYMENTS = rule(
  'payments',
  'when { context.incident.severity <= 2 && (context.incident.responder || context.incident.onCallTier == 1) && ' +
    'context.incident.services.contains("payments") && context.access == "read" }',
);
const NOBODY = { responder: false, onCallTier: 0 };

const told: readonly (readonly [
  name: string,
  text: string,
  facts: Partial<IncidentFacts>,
  why: string,
  hint: string | null,
])[] = [
  [
    'neither responder nor on call',
    PAYMENTS,
    NOBODY,
    'you are neither responder nor first on call for the incident (policy payments)',
    'possible as responder or first on call for it',
  ],
  [
    'on call in a later tier',
    rule('first', 'when { context.incident.onCallTier == 1 }'),
    { onCallTier: 2 },
    'you are not first on call for the incident (policy first)',
    'possible as first on call for it',
  ],
  [
    'not on call in any tier that counts',
    rule('two', 'when { context.incident.onCallTier > 0 && context.incident.onCallTier <= 2 }'),
    NOBODY,
    'you are not on call in tier 1 or 2 for the incident (policy two)',
    'possible as on call in tier 1 or 2 for it',
  ],
  [
    'a responder where only a commander will do',
    rule('lead', 'when { context.incident.commander }'),
    {},
    'you are not commander for the incident (policy lead)',
    'possible as commander for it',
  ],
  [
    'on call and no responder where both are wanted',
    rule('both', 'when { context.incident.responder && context.incident.onCallTier > 0 }'),
    NOBODY,
    'you are not both responder and first on call for the incident (policy both)',
    'possible as both responder and first on call for it',
  ],
  [
    'too low a severity',
    PAYMENTS,
    { severity: 4 },
    'its severity 4 is too low (policy payments)',
    'possible with severity 2 or more severe',
  ],
  [
    'a severity that nobody has set',
    PAYMENTS,
    { severity: 9 },
    'no severity is known for it (policy payments)',
    'possible with severity 2 or more severe',
  ],
  [
    'another severity than the one',
    rule('three', 'when { context.incident.severity == 3 }'),
    { severity: 1 },
    'its severity 1 is not the right one (policy three)',
    'possible with severity 3',
  ],
  [
    'a foreign service',
    PAYMENTS,
    { services: ['web'] },
    'it does not concern payments (policy payments)',
    'possible with an incident that concerns payments',
  ],
  [
    'a service that rules leave out',
    rule('not-web', 'unless { context.incident.services.contains("web") }'),
    { services: ['web', 'search'] },
    'it concerns web (policy not-web)',
    'possible with an incident that does not concern web',
  ],
  [
    'services beside the only ones',
    rule('alone', 'when { context.incident.services == ["payments"] }'),
    { services: ['web'] },
    'it does not concern payments alone (policy alone)',
    'possible with an incident that concerns payments alone',
  ],
  [
    'another source',
    rule('pd', 'when { context.incident.source == "pagerduty" }'),
    { source: 'file' },
    'it is of file (policy pd)',
    'possible with an incident of pagerduty',
  ],
  [
    'no drill where a drill is wanted, which would help nobody',
    rule('drill', 'when { context.incident.drill }'),
    {},
    'no policy permits break-glass on this',
    null,
  ],
  [
    'all of it at once',
    PAYMENTS,
    { ...NOBODY, severity: 3, services: [] },
    'you are neither responder nor first on call for the incident, its severity 3 is too low, and it does not concern payments (policy payments)',
    'possible as responder or first on call for it, with severity 2 or more severe, and with an incident that concerns payments',
  ],
  [
    'two rules, each of which lacks something else',
    rule('severe', 'when { context.incident.severity == 1 }') + rule('lead', 'when { context.incident.commander }'),
    { severity: 3 },
    'you are not commander for the incident, or its severity 3 is too low (policies lead, severe)',
    'possible as commander for it, or with severity 1',
  ],
  [
    'nothing about the incident would help',
    rule('write', 'when { context.incident.responder && context.access == "write" }'),
    NOBODY,
    'no policy permits break-glass on this',
    null,
  ],
  [
    'a forbid stands behind what would help',
    `${PAYMENTS}forbid (principal, action, resource);`,
    { severity: 4 },
    'forbidden by policy p0.cedar#2',
    null,
  ],
  [
    'a forbid that takes over as soon as the permit matches',
    `${PAYMENTS}forbid (principal, action == Jit::Action::"BreakGlass", resource) when { context.incident.severity <= 2 };`,
    { severity: 4 },
    'no policy permits break-glass on this',
    null,
  ],
  [
    'the source cannot be reached',
    PAYMENTS,
    { verified: false, severity: 4 },
    'no policy permits break-glass on this while the source of the incident cannot be reached',
    null,
  ],
];

for (const [name, text, facts, why, hint] of told) {
  test(`a denial says what it is: ${name}`, async () => {
    const verdict = (await load(text)).emergency(emergency(facts));
    assert.ok(verdict.kind === 'deny');
    assert.deepEqual([verdict.why, verdict.hint], [why, hint]);
    for (const id of verdict.policyIds) assert.ok(text.includes(id) || id.includes('#'));
  });
}

test('a ticket that would help is named beside the incident', async () => {
  const set = await load(rule('t', 'when { context.hasTicket && context.incident.severity == 1 }'));
  const verdict = set.emergency(emergency());
  assert.ok(verdict.kind === 'deny');
  assert.deepEqual([verdict.why, verdict.hint], ['a ticket is needed (policy t)', 'possible with --ticket ID']);
});

test('the whole request is asked again, so nothing is named that would help a part of it only', async () => {
  const set = await load(
    rule('one', 'when { context.permission == "a:One" && context.incident.severity == 1 }') +
      rule('two', 'when { context.permission == "a:Two" && context.incident.commander }'),
  );
  const permission = { target: 'prod', operation: 'x', actions: ['a:One', 'a:Two'], resources: ['r'] };
  const verdict = set.emergency(emergency({ severity: 3 }, { permission }));
  assert.ok(verdict.kind === 'deny');
  assert.equal(
    verdict.why,
    'you are not commander for the incident, and its severity 3 is too low (policies one, two)',
  );
});

test('a request of hundreds of permissions is denied without asking for ever', async () => {
  const set = await load(PAYMENTS + rule('lead', 'when { context.incident.commander && context.access == "read" }'));
  const permission = {
    target: 'prod',
    operation: 'x',
    actions: Array.from({ length: 25 }, (_, index) => `a:A${index}`),
    resources: Array.from({ length: 20 }, (_, index) => `r${index}`),
  };
  const verdict = set.emergency(emergency({ ...NOBODY, severity: 4, services: [] }, { permission }));
  assert.ok(verdict.kind === 'deny');
});

test('of hundreds of rules those about what is asked are told, everything that fails at once', async () => {
  const body = (number: number): string =>
    `when { context.operation == "op-${number}" && context.incident.severity <= 2 && context.incident.source == "pagerduty" && ` +
    `context.incident.services.contains("service-${number}") && context.incident.commander && !context.incident.drill }`;
  const set = await load(Array.from({ length: 300 }, (_, number) => rule(`r${number}`, body(number))).join(''));
  const permission = { target: 'prod', operation: 'op-7', actions: ['a:b'], resources: ['r'] };
  const facts = { ...NOBODY, severity: 5, services: [], source: 'file', drill: true };
  const verdict = set.emergency(emergency(facts, { permission }));
  assert.ok(verdict.kind === 'deny');
  assert.equal(
    verdict.why,
    'you are not commander for the incident, its severity 5 is too low, it does not concern service-7, it is of file, and it is a drill (policy r7)',
  );
});

/** Whether it takes no part in the incident from somebody: nobody is told to be on call less in order to be given more. Who commands responds. */
function keepsPart(now: IncidentFacts, then: Partial<IncidentFacts>): boolean {
  const { responder = false, commander = false, onCallTier = 0 } = then;
  return (
    (responder || !(now.responder || commander)) &&
    (commander || !now.commander) &&
    (now.onCallTier === 0 || (onCallTier > 0 && onCallTier <= now.onCallTier))
  );
}

/** Every incident that the random rules can tell apart. */
const EVERY: readonly Partial<IncidentFacts>[] = [false, true].flatMap((responder) =>
  [false, true].flatMap((commander) =>
    [0, 1, 2].flatMap((onCallTier) =>
      [1, 2, 3, 9].flatMap((severity) =>
        [[], ['payments'], ['payments', 'web'], ['web', 'search'], ['payments', 'web', 'search']].flatMap((services) =>
          // The second for patterns that a forbid leaves something of.
          ['pagerduty', 'pager', 'file', 'other'].flatMap((source) =>
            [false, true].map((drill) => ({ responder, commander, onCallTier, severity, services, source, drill })),
          ),
        ),
      ),
    ),
  ),
);

test('whatever the rules: where a denial names what would do some incident permits it, and where it says that none does none does', async () => {
  const { cedar } = await loadEngine();
  const several = fc
    .tuple(fc.array(emergencyPermits, { minLength: 2, maxLength: 5 }), fc.array(emergencyForbids, { maxLength: 1 }))
    .map(([permits, forbids]) => [...permits, ...forbids]);
  const counted = { helped: 0, hopeless: 0 };
  await fc.assert(
    fc.asyncProperty(several, emergencyQuestions, async (texts, asked) => {
      const set = await load(withIds(texts.map((text) => text.replace(/@max\("5m"\)/, '@max("8h")'))).join('\n'));
      // Somebody whom most of the rules mean.
      const question = { ...asked, principal: JANE, incident: { ...asked.incident, verified: true } };
      const verdict = set.emergency(question);
      if (verdict.kind === 'permit') return;
      const matcher = makeMatcher(cedar, set.version, set.policies(), 'BreakGlass');
      const pair = { permission: 's3:GetObject', resource: question.permission.resources[0] ?? '' };
      const possible = (which: (facts: Partial<IncidentFacts>) => boolean): boolean =>
        [false, true].some((hasTicket) =>
          EVERY.filter(({ drill }) => question.incident.drill || drill === false)
            .filter(which)
            .some((facts) => {
              const other = { ...question, hasTicket, incident: { ...question.incident, ...facts } };
              const call = emergencyCall(other, matcher.groups, pair);
              return matcher.match(call, question.now, ([first]) => first).kind === 'permitted';
            }),
        );
      if (verdict.hint?.startsWith('possible ') === true) {
        counted.helped += 1;
        assert.ok(
          possible(() => true),
          `${verdict.why}: ${texts.join('\n')}`,
        );
      } else if (verdict.why === 'no policy permits break-glass on this') {
        counted.hopeless += 1;
        assert.ok(
          !possible((facts) => keepsPart(question.incident, facts)),
          `${JSON.stringify(question)}\n${texts.join('\n')}`,
        );
      }
    }),
    // A counterexample is made of whole policies, and shrinking one takes minutes.
    { numRuns: 80, endOnFailure: true },
  );
  assert.ok(counted.helped > 1, JSON.stringify(counted));
});

test('what somebody wrote into the incident comes out short and cannot move a cursor', async () => {
  const policies = await load(rule('alone', 'when { context.incident.services == ["payments"] }'));
  const foreign = `\u001b[2J\u202epaid${'x'.repeat(200)}`;
  const many = Array.from({ length: 150 }, (_, at) => `${at} ${foreign}`);
  for (const services of [['payments', foreign], ['payments', ...many], [foreign]]) {
    const verdict = policies.emergency(emergency({ services }));
    assert.ok(verdict.kind === 'deny');
    const text = `${verdict.why} ${verdict.hint}`;
    assert.ok(text.length < 2_000, `${text.length} characters`);
    assert.doesNotMatch(text, /[\p{Cc}\p{Cf}]/u);
  }
});

test('an incident with more services than can be judged gives nothing, and keeps nobody waiting', async () => {
  const policies = await load(rule('any'));
  const services = ['payments', ...Array.from({ length: 1_000 }, (_, at) => `${at} ${'x'.repeat(1_000)}`)];
  const verdict = policies.emergency(emergency({ services }));
  assert.equal(words(verdict), 'the incident names more services than can be judged');
});

test('the larger an incident is, the less is tried to explain its denial', async () => {
  const policies = await load(rule('alone', 'when { context.incident.services == ["payments"] && context.hasTicket }'));
  const few = policies.emergency(emergency({ services: ['web'] }));
  assert.match(words(few), /a ticket is needed/);
  const many = Array.from({ length: 200 }, (_, at) => `${at} ${'x'.repeat(180)}`);
  assert.equal(words(policies.emergency(emergency({ services: many }))), 'no policy permits break-glass on this');
});
