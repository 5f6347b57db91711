/** Emergencies, and random rules on them. @module */
import * as fc from 'fast-check';
import type { EmergencyQuestion, IncidentFacts, Question } from '../../src/policy/question.ts';
import type { EmergencyVerdict } from '../../src/policy/verdict.ts';
import { ask, JANE } from './questions.ts';
import { permits, questions } from './rules.ts';

export const BREAK_GLASS = 'action == Jit::Action::"BreakGlass"';

/** One that Jane, first on call, works on with nobody else. */
export const INCIDENT: IncidentFacts = {
  source: 'pagerduty',
  open: true,
  severity: 1,
  services: ['payments'],
  responder: true,
  commander: false,
  onCallTier: 1,
  verified: true,
  drill: false,
};

/** Jane's question in this incident, but for what is given. */
export function emergency(facts: Partial<IncidentFacts> = {}, changes: Partial<Question> = {}): EmergencyQuestion {
  return { ...ask(changes), incident: { ...INCIDENT, ...facts } };
}

/** A permit for people, or for whom the scope says. */
export function rule(id: string, body = '', annotations = '', who = 'principal is Jit::User'): string {
  return `@id("${id}") ${annotations} permit (${who}, ${BREAK_GLASS}, resource) ${body};\n`;
}

/** What a test compares: who decided, or why not. */
export function words(verdict: EmergencyVerdict): string {
  return verdict.kind === 'permit' ? `permit ${verdict.policyId}` : verdict.why;
}

const aboutIncident = fc.constantFrom(
  'context.incident.severity <= 2',
  'context.incident.severity == 3 || context.incident.commander',
  'context.incident.responder || context.incident.onCallTier == 1',
  'context.incident.onCallTier > 0 && context.incident.onCallTier <= 2',
  'context.incident.responder && context.incident.onCallTier == 1',
  'context.incident.services.contains("payments")',
  'context.incident.services.containsAny(["web", "search"])',
  'context.incident.services.containsAll(["payments", "web"])',
  '["pagerduty", "file"].contains(context.incident.source)',
  'context.incident.source like "pager*" && !context.incident.drill',
  'context.incident.drill || context.incident.commander',
  '!context.incident.verified || context.incident.responder',
  'context.incident.open && context.incident.verified',
  'if context.incident.drill then true else context.incident.severity < 3',
  'context has incident && context.incident has severity && context.incident.severity != 9',
  'context.incident.severity * 9223372036854775807 > 0 && context.incident.responder',
  'context.incident.services == ["payments"]',
  'context.incident.source == context.permission || context.incident.responder',
  'context.hasTicket || context.incident.severity == 1',
);

/** Conditions on everything that a rule sees, from the rules on requests, too. */
const elsewhere = permits.map((text) => /(?:when|unless) \{[^]*$/.exec(text)?.[0] ?? ';');
const scope = fc.constantFrom(
  'principal is Jit::User',
  'principal is Jit::User in Jit::Group::"sre"',
  'principal is Jit::Workload in Jit::Group::"leads"',
  'principal is Jit::Workload',
  'principal == Jit::User::"https://idp.example.com|jane"',
);
const terms = fc.constantFrom(
  '',
  '@max("5m")',
  '@max("8h") @needs("ticket")',
  '@max("8h") @sealed("2") @sealed_group("on-call") @handover("ends")',
  '@max("2h") @sealed("3") @sealed_group("on-call") @sealed_max("30m") @warn("2m")',
  '@renewals("2") @idle("10m") @reason("20")',
);

/** With a type in the scope, another in a condition would be refused as impossible. */
const fitting = (text: string): boolean => !/principal (?:is|==|has)/.test(text);

export const emergencyPermits = fc
  .oneof(
    {
      weight: 3,
      arbitrary: fc.tuple(
        scope,
        terms,
        aboutIncident.map((body) => `when { ${body} };`),
      ),
    },
    { weight: 1, arbitrary: fc.tuple(scope, terms, elsewhere.filter(fitting)) },
  )
  .map(([who, annotations, rest]) => `${annotations} permit (${who}, ${BREAK_GLASS}, resource) ${rest}`);
export const emergencyForbids = fc
  .tuple(fc.constantFrom(BREAK_GLASS, 'action'), aboutIncident)
  .map(([action, body]) =>
    action === BREAK_GLASS
      ? `forbid (principal, ${BREAK_GLASS}, resource) when { ${body} };`
      : 'forbid (principal, action, resource) when { resource.sandbox };',
  );
export const emergencyPolicies = fc.array(fc.oneof(emergencyPermits, emergencyPermits, emergencyForbids), {
  maxLength: 6,
});

export const incidents: fc.Arbitrary<IncidentFacts> = fc.record({
  source: fc.constantFrom('pagerduty', 'file', 'other'),
  open: fc.constant(true),
  severity: fc.constantFrom(1, 2, 3, 5, 9),
  services: fc.subarray(['payments', 'web', 'search']),
  responder: fc.boolean(),
  commander: fc.boolean(),
  onCallTier: fc.constantFrom(0, 1, 2, 3),
  verified: fc.constantFrom(true, true, true, false),
  drill: fc.boolean(),
});

export const emergencyQuestions: fc.Arbitrary<EmergencyQuestion> = fc
  .tuple(questions, incidents, fc.constantFrom('user', 'user', 'user', 'workload'))
  .map(([question, incident, kind]) => ({
    ...question,
    principal: { ...JANE, groups: question.principal.groups, kind, subject: question.principal.subject },
    incident,
  }));
