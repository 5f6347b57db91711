/**
 * One question, put to the engine and answered.
 * @module
 */
import { display } from '../core/display.ts';
import { type Call, type Cedar, evaluate } from './engine.ts';
import { entitiesIn } from './expression.ts';
import { entityName, type Fact, fact, indexOf, needsOf } from './facts.ts';
import type { Principal } from '../core/principal.ts';
import type { Policy } from './read.ts';
import type { Question } from './question.ts';
import { choose, combine, deny, type Rule, type Verdict } from './verdict.ts';

const KINDS = { user: 'Jit::User', workload: 'Jit::Workload', agent: 'Jit::Agent' } as const;

const GROUP = 'Jit::Group';

/** More pairs of permission and resource than any one task needs; each is decided on its own. */
const MOST_PAIRS = 500;

/** @param version names exactly these policies. */
export function makeDecider(cedar: Cedar, version: string, all: readonly Policy[]): (question: Question) => Verdict {
  const policies = all.filter((policy) => policy.decidesRequests);
  const byId = new Map(policies.map((policy) => [policy.id, policy]));
  const groups = new Set(policies.flatMap((policy) => entitiesIn(policy.json, GROUP)));
  const candidatesFor = indexOf(policies.map((policy) => needsOf(policy.json)));

  const decidePair = (question: Question, permission: string, resource: string): Verdict => {
    const call = callFor(question, groups, permission, resource);
    const positions = candidatesFor(factsOf(call));
    if (positions.length === 0) return deny('no policy permits this');
    const chosen = (): Readonly<Record<string, string>> =>
      Object.fromEntries(positions.flatMap((position) => policies[position] ?? []).map(({ id, text }) => [id, text]));
    const outcome = evaluate(cedar, `${version}/${positions.join(',')}`, chosen, call);
    if (outcome.kind === 'broken') return deny('the policies could not be evaluated', outcome.policyIds);
    const satisfied = outcome.satisfied.flatMap((id) => byId.get(id) ?? []);
    if (!outcome.allowed) return forbidden(satisfied);
    const rules: Rule[] = satisfied.flatMap(({ id, terms }) => (terms === null ? [] : [{ id, terms }]));
    return rules.length === 0 ? deny('no policy permits this') : choose(rules, question);
  };

  const decideFor = (question: Question): Verdict => {
    const { permission } = question;
    const unfit = unfitness(question);
    if (unfit !== null) return deny(unfit);
    const verdicts: Verdict[] = [];
    for (const action of new Set(permission.actions)) {
      for (const resource of new Set(permission.resources)) {
        const verdict = decidePair(question, action, resource);
        if (verdict.kind === 'deny') return verdict;
        verdicts.push(verdict);
      }
    }
    return combine(verdicts);
  };

  return (question) => {
    const { actsFor } = question.principal;
    const own = decideFor(question);
    if (actsFor === undefined || own.kind === 'deny') return own;
    // No rule for agents can give one more than the person has for whom it acts.
    const persons = decideFor({ ...question, principal: actsFor });
    if (persons.kind === 'permit') return combine([own, persons]);
    return { ...persons, why: `not for the person it acts for: ${persons.why}` };
  };
}

/** Why no rule may be asked, or null. */
function unfitness({ principal, permission, target, seconds }: Question): string | null {
  const { actions, resources } = permission;
  if (actions.length === 0 || resources.length === 0) return 'nothing was asked for';
  if (actions.length * resources.length > MOST_PAIRS) return `more than ${MOST_PAIRS} pairs of permission and resource`;
  if (permission.target !== target.name) return 'the permission is for another target';
  if (!Number.isSafeInteger(seconds) || seconds < 1) return 'the duration is not a whole number of seconds';
  // A rule names permissions one by one, so a wildcard would slip past every forbid.
  const wild = actions.find((action) => /[*?]/.test(action));
  if (wild !== undefined) return `a permission with a wildcard cannot be decided: ${display(wild, 100)}`;
  const people = principal.actsFor === undefined ? [principal] : [principal, principal.actsFor];
  // The bar parts issuer and subject in the entity's id: with another in the issuer two people could share one.
  if (people.some(({ issuer }) => issuer.includes('|')))
    return 'the issuer of this identity cannot be named in a policy';
  // The engine would read every lone surrogate as the same character, and so take two names for one.
  const names = people.flatMap(({ issuer, subject, groups }) => [issuer, subject, ...groups]);
  const texts = [...names, target.name, permission.operation];
  const broken = [...texts, ...actions, ...resources].some((text) => !text.isWellFormed());
  return broken ? 'a name in the request is not valid Unicode' : null;
}

function forbidden(policies: readonly Policy[]): Verdict {
  const [first] = policies.toSorted((a, b) => Number(a.description === null) - Number(b.description === null));
  if (first === undefined) return deny('no policy permits this');
  return deny(
    first.description ?? `forbidden by policy ${first.id}`,
    policies.map((policy) => policy.id),
  );
}

interface TypedCall extends Call {
  readonly principal: { type: string; id: string };
  readonly resource: { type: string; id: string };
  readonly context: Record<string, string | boolean | number>;
}

/** @param groups those that any policy speaks of: a sign-in may bring hundreds that none does. */
function callFor(question: Question, groups: ReadonlySet<string>, permission: string, resource: string): TypedCall {
  const { principal, target, assessment, operation } = question;
  const who = entityOf(principal);
  const { actsFor } = principal;
  const parents = (of: readonly string[]): { type: string; id: string }[] =>
    of.filter((id) => groups.has(id)).map((id) => ({ type: GROUP, id }));
  const where = { type: 'Jit::Target', id: target.name };
  return {
    principal: who,
    action: { type: 'Jit::Action', id: 'Request' },
    resource: where,
    context: {
      operation: question.permission.operation,
      named: operation.named,
      permission,
      resource,
      access: assessment.access,
      breadth: assessment.breadth,
      risk: operation.risk,
      seconds: question.seconds,
      hasTicket: question.hasTicket,
    },
    entities: [
      {
        uid: who,
        attrs: {
          issuer: principal.issuer,
          subject: principal.subject,
          ...(actsFor === undefined ? {} : { actsFor: { __entity: entityOf(actsFor) } }),
        },
        parents: parents(principal.groups),
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
              parents: parents(actsFor.groups),
            },
          ]),
    ],
  };
}

function entityOf({ kind, issuer, subject }: Principal): { type: string; id: string } {
  return { type: KINDS[kind], id: `${issuer}|${subject}` };
}

/** Everything that a policy may need to hold, read from the call itself so that index and engine cannot disagree. */
function factsOf({ principal, resource, context, entities }: TypedCall): Set<Fact> {
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
