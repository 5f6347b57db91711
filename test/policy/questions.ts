/** Questions and policies that the tests of this folder ask about. @module */
import { loadPolicies, type PolicySet } from '../../src/policy/load.ts';
import type { Question } from '../../src/policy/question.ts';

export const REQUEST = 'action == Jit::Action::"Request"';

export function load(...texts: readonly string[]): Promise<PolicySet> {
  return loadPolicies({ sources: texts.map((text, index) => ({ name: `p${index}.cedar`, text })) });
}

export const JANE = {
  kind: 'user',
  issuer: 'https://idp.example.com',
  subject: 'jane',
  name: 'Jane',
  groups: ['sre'],
} as const;

export const PROD = {
  name: 'prod',
  provider: 'aws',
  environment: 'prod',
  sandbox: false,
  tags: ['sensitive'],
} as const;
export const SANDBOX = { name: 'sandbox', provider: 'aws', environment: 'sandbox', sandbox: true, tags: [] } as const;

/** Jane reading inside one bucket of production for ten minutes, but for what is given. */
export function ask(changes: Partial<Question> = {}): Question {
  const target = changes.target ?? PROD;
  return {
    principal: JANE,
    target,
    permission: {
      target: target.name,
      operation: 's3:GetObject',
      actions: ['s3:GetObject'],
      resources: ['arn:aws:s3:::reports/*'],
    },
    assessment: { access: 'read', breadth: 'within' },
    operation: { named: false, risk: 'medium' },
    seconds: 600,
    hasTicket: false,
    reasonLength: 30,
    // A Wednesday, 10:00 in UTC.
    now: Date.UTC(2026, 3, 1, 10),
    ...changes,
  };
}
