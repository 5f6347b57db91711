/**
 * From a question to the engine's own terms, and from those to the scene by which policies are picked.
 * @module
 */
import type { Principal } from '../core/principal.ts';
import type { Call } from './engine.ts';
import { entityName } from './expression.ts';
import type { Entity, Known, Scene } from './known.ts';
import type { EmergencyQuestion, Question, RevokeQuestion } from './question.ts';

const KINDS = { user: 'Jit::User', workload: 'Jit::Workload', agent: 'Jit::Agent' } as const;

/** The actions on which policies are asked. */
export type DecidedAction = 'Request' | 'BreakGlass' | 'Approve' | 'Revoke';

/** The type of groups in the schema. */
export const GROUP = 'Jit::Group';

// Mutable because the engine's own types are.
interface EntityId {
  type: string;
  id: string;
}

interface EntityValue {
  __entity: EntityId;
}

type Value = string | boolean | number | EntityValue | (string | EntityValue)[];

/** A record is only ever in the context, and holds none itself. */
type Context = Record<string, Value | Record<string, Exclude<Value, EntityValue>>>;

interface EntityRecord {
  uid: EntityId;
  attrs: Record<string, Value>;
  parents: EntityId[];
}

/** A call whose parts are known well enough to read facts from it. */
export interface TypedCall extends Call {
  readonly principal: EntityId;
  readonly resource: EntityId;
  readonly context: Context;
  /** The principal, the target, and the person for whom the principal acts, if any. */
  readonly entities: [EntityRecord, EntityRecord, ...EntityRecord[]];
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

/** May the question's principal be given this in its emergency? */
export function emergencyCall(question: EmergencyQuestion, groups: ReadonlySet<string>, pair: Pair): TypedCall {
  const { source, open, severity, services, responder, commander, onCallTier, verified, drill } = question.incident;
  return callFor('BreakGlass', question.principal, question, groups, {
    ...contextOf(question, pair),
    incident: { source, open, severity, services: [...services], responder, commander, onCallTier, verified, drill },
  });
}

/** May `voter` approve that the question's principal is given this? */
export function approveCall(voter: Principal, question: Question, groups: ReadonlySet<string>, pair: Pair): TypedCall {
  const context = { ...contextOf(question, pair), ...requesterFacts(question.principal, groups) };
  return callFor('Approve', voter, question, groups, context);
}

/** May `caller` end what the holder has at this target? */
export function revokeCall(caller: Principal, question: RevokeQuestion, groups: ReadonlySet<string>): TypedCall {
  return callFor('Revoke', caller, question, groups, requesterFacts(question.holder, groups));
}

function requesterFacts(requester: Principal, groups: ReadonlySet<string>): Record<string, Value> {
  const person = requester.kind === 'user' ? requester : requester.actsFor;
  const set = (of: readonly string[]): Value => parentsOf(of, groups).map((group) => ({ __entity: group }));
  return {
    requesterKind: requester.kind,
    requesterIssuer: requester.issuer,
    requesterSubject: requester.subject,
    requesterGroups: set(requester.groups),
    requesterPersonGroups: set(person?.groups ?? []),
  };
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
  action: DecidedAction,
  principal: Principal,
  { target }: Pick<Question, 'target'>,
  groups: ReadonlySet<string>,
  context: Context,
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
        attrs: {
          provider: target.provider,
          environment: target.environment,
          sandbox: target.sandbox,
          tags: [...(target.tags ?? [])],
        },
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

/** What a call is about, read from the call itself so that whoever picks policies and the engine cannot disagree. */
export function sceneOf({ context, entities }: TypedCall): Scene {
  const [principal, resource, ...others] = entities;
  const known = new Map(others.map((record) => [entityName(record.uid), entityIn(record, new Map())]));
  return {
    principal: entityIn(principal, known),
    resource: entityIn(resource, known),
    context: valuesIn(flat(context), known),
  };
}

/** What is in a record, under the names of both. */
function flat(context: Context): Record<string, Value> {
  const found: Record<string, Value> = {};
  for (const [name, value] of Object.entries(context)) {
    if (!isRecord(value)) found[name] = value;
    else for (const [inner, part] of Object.entries(value)) found[`${name}.${inner}`] = part;
  }
  return found;
}

function isRecord(value: Context[string]): value is Record<string, Exclude<Value, EntityValue>> {
  return typeof value === 'object' && !Array.isArray(value) && !('__entity' in value);
}

function entityIn({ uid, attrs, parents }: EntityRecord, known: ReadonlyMap<string, Entity>): Entity {
  return {
    name: entityName(uid),
    type: uid.type,
    parents: new Set(parents.map(entityName)),
    attributes: valuesIn(attrs, known),
  };
}

function valuesIn(values: Record<string, Value>, known: ReadonlyMap<string, Entity>): Record<string, Known> {
  const found: Record<string, Known> = {};
  for (const [name, value] of Object.entries(values)) {
    const read = Array.isArray(value) ? new Set(value.map(elementName)) : valueOf(value, known);
    if (read !== undefined) found[name] = read;
  }
  return found;
}

function elementName(element: string | EntityValue): string {
  return typeof element === 'string' ? element : entityName(element.__entity);
}

function valueOf(value: string | boolean | number | EntityValue, known: ReadonlyMap<string, Entity>) {
  return typeof value === 'object' ? known.get(entityName(value.__entity)) : value;
}
