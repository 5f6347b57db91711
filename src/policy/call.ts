/**
 * From a question to the engine's own terms: entities, context, and the facts by which policies are picked.
 * @module
 */
import type { Principal } from '../core/principal.ts';
import type { Call } from './engine.ts';
import { entityName, type Fact, fact } from './facts.ts';
import type { Question } from './question.ts';

const KINDS = { user: 'Jit::User', workload: 'Jit::Workload', agent: 'Jit::Agent' } as const;

/** The type of groups in the schema. */
export const GROUP = 'Jit::Group';

// Mutable because the engine's own types are.
interface EntityId {
  type: string;
  id: string;
}

type Value = string | boolean | number | { __entity: EntityId }[];

/** A call whose parts are known well enough to read facts from it. */
export interface TypedCall extends Call {
  readonly principal: EntityId;
  readonly resource: EntityId;
  readonly context: Record<string, Value>;
}

/** One permission on one resource: what a single evaluation is about. */
export interface Pair {
  readonly permission: string;
  readonly resource: string;
}

/** Every pair of a question once. */
export function pairsOf({ permission: { actions, resources } }: Question): Pair[] {
  return [...new Set(actions)].flatMap((permission) =>
    [...new Set(resources)].map((resource) => ({ permission, resource })),
  );
}

/**
 * May the question's principal be given this?
 * @param groups those that any policy speaks of: a sign-in may bring hundreds that none does.
 */
export function requestCall(question: Question, groups: ReadonlySet<string>, pair: Pair): TypedCall {
  return callFor('Request', question.principal, question, groups, contextOf(question, pair));
}

/** May `voter` approve that the question's principal is given this? */
export function approveCall(voter: Principal, question: Question, groups: ReadonlySet<string>, pair: Pair): TypedCall {
  const requester = question.principal;
  const person = requester.kind === 'user' ? requester : requester.actsFor;
  const set = (of: readonly string[]): Value => parentsOf(of, groups).map((group) => ({ __entity: group }));
  return callFor('Approve', voter, question, groups, {
    ...contextOf(question, pair),
    requesterKind: requester.kind,
    requesterIssuer: requester.issuer,
    requesterSubject: requester.subject,
    requesterGroups: set(requester.groups),
    requesterPersonGroups: set(person?.groups ?? []),
  });
}

function contextOf(question: Question, { permission, resource }: Pair): Record<string, Value> {
  const { assessment, operation } = question;
  return {
    operation: question.permission.operation,
    named: operation.named,
    permission,
    resource,
    access: assessment.access,
    breadth: assessment.breadth,
    risk: operation.risk,
    seconds: question.seconds,
    hasTicket: question.hasTicket,
  };
}

function callFor(
  action: 'Request' | 'Approve',
  principal: Principal,
  { target }: Question,
  groups: ReadonlySet<string>,
  context: Record<string, Value>,
): TypedCall {
  const who = entityOf(principal);
  const { actsFor } = principal;
  const where = { type: 'Jit::Target', id: target.name };
  return {
    principal: who,
    action: { type: 'Jit::Action', id: action },
    resource: where,
    context,
    entities: [
      {
        uid: who,
        attrs: {
          issuer: principal.issuer,
          subject: principal.subject,
          ...(actsFor === undefined ? {} : { actsFor: { __entity: entityOf(actsFor) } }),
        },
        parents: parentsOf(principal.groups, groups),
      },
      {
        uid: where,
        attrs: { provider: target.provider, environment: target.environment, sandbox: target.sandbox },
        parents: [],
      },
      ...(actsFor === undefined
        ? []
        : [
            {
              uid: entityOf(actsFor),
              attrs: { issuer: actsFor.issuer, subject: actsFor.subject },
              parents: parentsOf(actsFor.groups, groups),
            },
          ]),
    ],
  };
}

function entityOf({ kind, issuer, subject }: Principal): EntityId {
  return { type: KINDS[kind], id: `${issuer}|${subject}` };
}

function parentsOf(of: readonly string[], groups: ReadonlySet<string>): EntityId[] {
  return of.filter((id) => groups.has(id)).map((id) => ({ type: GROUP, id }));
}

/** Everything that a policy may need to hold, read from the call itself so that index and engine cannot disagree. */
export function factsOf({ principal, resource, context, entities }: TypedCall): Set<Fact> {
  const holds = new Set<Fact>([
    fact('principal is', principal.type),
    fact('resource is', resource.type),
    fact('principal in', entityName(principal)),
    fact('resource in', entityName(resource)),
  ]);
  const attributes = (variable: string, values: Readonly<Record<string, unknown>>): void => {
    for (const [name, value] of Object.entries(values)) {
      if (typeof value === 'string' || typeof value === 'boolean') holds.add(fact(`${variable}.${name}`, value));
    }
  };
  attributes('context', context);
  // The third is the person for whom an agent acts, about whom no policy can be left out.
  for (const [position, { attrs, parents }] of entities.slice(0, 2).entries()) {
    attributes(position === 0 ? 'principal' : 'resource', attrs);
    for (const parent of parents) if ('type' in parent) holds.add(fact('principal in', entityName(parent)));
  }
  return holds;
}
