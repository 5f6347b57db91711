/** Random policies and questions. @module */
import * as fc from 'fast-check';
import { ask, JANE, PROD, REQUEST, SANDBOX } from './questions.ts';

// Rules of every kind that the index reads, and some that it cannot.
const condition = fc.constantFrom(
  'true',
  'resource.sandbox',
  '!resource.sandbox',
  'resource.environment == "prod"',
  '"prod" == resource.environment',
  'resource.environment != "prod"',
  'context.access == "read"',
  '["list", "read"].contains(context.access)',
  '["write"].contains(context.access) && context.breadth != "broad"',
  'context.breadth != "broad" && resource.environment == "sandbox"',
  'context.named || context.risk == "low"',
  'context.resource like "arn:aws:s3:::reports/*" && context.permission == "s3:GetObject"',
  'principal in Jit::Group::"sre"',
  'principal.subject == "jane" && resource == Jit::Target::"prod"',
  '!(context.access == "read" && resource.sandbox)',
  'if resource.sandbox then context.seconds < 700 else context.hasTicket',
  'context.seconds * 9223372036854775807 > 0 && resource.sandbox',
  'resource.sandbox && context.seconds * 9223372036854775807 > 0',
  'context.operation == context.permission',
  'context.operation != context.permission || context.seconds >= 600',
  'context.access != "read"',
  '!(["list", "read"].contains(context.access)) || context.hasTicket',
  'resource.tags.contains("sensitive")',
  '!resource.tags.contains("sensitive") && context.risk != "low"',
  'resource.tags.containsAny(["sensitive", "other"]) && resource.tags.containsAll(["sensitive"])',
  'resource.tags.isEmpty() || principal in Jit::Group::"leads"',
  'context.resource like "*:reports/*" && context.resource like "arn:aws:s3:::reports/q1-*"',
  'context.resource like "*rep*ts*" || context.resource like "*-q1-2026-*"',
  '!(context.resource like "*/private/*")',
  'context.resource like "arn:aws:s3:::reports/q1-2026-a.csv"',
  'principal is Jit::Agent || context.named',
  'principal is Jit::User && (principal in Jit::Group::"sre" || principal in Jit::Group::"leads")',
  'principal in [Jit::Group::"leads", Jit::Group::"other"]',
  'context.named || (principal is Jit::Agent && principal has actsFor && principal.actsFor in Jit::Group::"sre")',
  '(principal has actsFor && principal.actsFor.subject == "max") || context.hasTicket',
  '(principal is Jit::Agent && principal.subject like "repo:*:main") || context.risk == "low"',
  'resource in [Jit::Target::"prod", Jit::Target::"staging"]',
  'principal == Jit::User::"https://idp.example.com|jane" || context.named',
  'if context.access == "read" then resource.sandbox else principal in Jit::Group::"sre"',
  'if context.seconds * 9223372036854775807 > 0 then resource.sandbox else resource.sandbox',
  '(resource.sandbox || context.seconds * 9223372036854775807 > 0) && context.hasTicket',
  'context.hasTicket && (context.seconds * 9223372036854775807 > 0 || resource.sandbox)',
  '(context.named && context.risk == "low") || (resource.environment == "prod" && context.access == "write")',
  'context.seconds < 9223372036854775807 && -1 < context.seconds',
  'context.seconds <= 600 && context.resource like "arn:aws:s3:::rep*"',
  'context.seconds >= 600 && context.resource like "*ports/*"',
  'context.seconds < 600 || 600 < context.seconds',
);
const principal = fc.constantFrom(
  'principal',
  'principal is Jit::User',
  'principal in Jit::Group::"sre"',
  'principal is Jit::User in Jit::Group::"leads"',
  'principal == Jit::User::"https://idp.example.com|jane"',
);
const resource = fc.constantFrom('resource', 'resource == Jit::Target::"prod"', 'resource in Jit::Target::"sandbox"');
const clause = fc.constantFrom('when', 'unless');
const scoped = fc
  .tuple(principal, resource, clause, condition, fc.option(fc.tuple(clause, condition), { freq: 3, nil: null }))
  // The loader refuses what can never match.
  .filter(
    ([, , when, body, more]) => (when === 'when' || body !== 'true') && (more?.[0] !== 'unless' || more[1] !== 'true'),
  )
  // Two clauses that exclude each other may be seen by it, so the second is never the only way.
  .map(([who, where, when, body, more]) => {
    const second =
      more === null ? '' : ` ${more[0]} { ${more[0] === 'when' ? `${more[1]} || context.seconds == 60` : more[1]} }`;
    return [who, where, when, body, second] as const;
  });
export const permits = fc
  .tuple(scoped, fc.constantFrom('auto', 'self-serve', 'manual'), fc.constantFrom('5m', '1h', '8h'))
  .map(
    ([[who, where, when, body, second], tier, max]) =>
      `@tier("${tier}") @max("${max}") permit (${who}, ${REQUEST}, ${where}) ${when} { ${body} }${second};`,
  );
export const forbids = scoped.map(
  ([who, where, when, body, second]) => `forbid (${who}, ${REQUEST}, ${where}) ${when} { ${body} }${second};`,
);
export const policies = fc.array(fc.oneof(permits, permits, forbids), { maxLength: 8 });
export const questions = fc
  .record({
    target: fc.constantFrom(PROD, SANDBOX),
    groups: fc.subarray(['sre', 'leads', 'other']),
    kind: fc.constantFrom('user', 'agent'),
    access: fc.constantFrom('list', 'read', 'write', 'permissions'),
    breadth: fc.constantFrom('exact', 'within', 'broad'),
    risk: fc.constantFrom('low', 'high'),
    named: fc.boolean(),
    hasTicket: fc.boolean(),
    seconds: fc.constantFrom(60, 600, 7_200),
    asked: fc.constantFrom(
      'arn:aws:s3:::reports/*',
      'arn:aws:s3:::reports/q1-2026-a.csv',
      'arn:aws:s3:::reports/private/a',
      'arn:aws:s3:::xreports/a-q1-2026-b',
    ),
    subject: fc.constantFrom('jane', 'repo:a/b:main', 'max'),
  })
  .map(({ target, groups, kind, access, breadth, risk, named, hasTicket, seconds, asked, subject }) =>
    ask({
      target,
      principal: { ...JANE, groups, kind, subject },
      permission: { target: target.name, operation: 's3:GetObject', actions: ['s3:GetObject'], resources: [asked] },
      assessment: { access, breadth },
      operation: { named, risk },
      hasTicket,
      seconds,
    }),
  );
export const withIds = (texts: readonly string[]): string[] => texts.map((text, index) => `@id("r${index}") ${text}`);
