/**
 * How long one policy decision takes with 1,000 policies and 10,000 people: `node test/bench/policy.bench.ts [shape…]`. Each shape is
 * a way in which companies write rules; one line a shape. A question has one permission on one resource.
 * @module
 */
import { loadPolicies } from '../../src/policy/load.ts';
import type { Question } from '../../src/policy/question.ts';

const POLICIES = 1_000;
const PEOPLE = 10_000;
const TEAMS = 200;
const QUESTIONS = 20_000;

const REQUEST = 'action == Jit::Action::"Request"';
const environments = ['dev', 'staging', 'prod'] as const;
const levels = ['list', 'read', 'tagging', 'write', 'permissions'] as const;
const verbs = ['GetObject', 'PutObject', 'ListBucket', 'DeleteObject'] as const;

const permit = (number: number, scope: string, rest: string): string =>
  `@id("p${number}") @tier("auto") permit (${scope}) ${rest};`;
const forbid = (number: number, scope: string, rest: string): string => `@id("p${number}") forbid (${scope}) ${rest};`;
const team = (number: number): string => `Jit::Group::"team-${number % TEAMS}"`;
const target = (number: number): string => `Jit::Target::"target-${number % TEAMS}"`;
const level = (number: number): string => levels[number % levels.length] ?? 'read';
const environment = (number: number): string => environments[number % environments.length] ?? 'dev';

/** The text of the nth policy, for each shape. */
const SHAPES: Readonly<Record<string, (n: number) => string>> = {
  'group in the scope': (n) =>
    permit(
      n,
      `principal in ${team(n)}, ${REQUEST}, resource`,
      `when { resource.environment == "${environment(n)}" && context.access == "${level(n)}" }`,
    ),
  'group in a condition, after other conditions': (n) =>
    permit(
      n,
      `principal, ${REQUEST}, resource`,
      `when { resource.environment != "prod" && context.seconds <= 3600 && principal in ${team(n)} && context.access == "${level(n)}" }`,
    ),
  'target in the scope': (n) =>
    permit(
      n,
      `principal is Jit::User, ${REQUEST}, resource == ${target(n)}`,
      `when { context.access == "${level(n)}" }`,
    ),
  'operation of the catalogue': (n) =>
    permit(n, `principal, ${REQUEST}, resource`, `when { context.operation == "operation-${n}" && context.named }`),
  'list of operations': (n) =>
    permit(
      n,
      `principal in Jit::Group::"everybody", ${REQUEST}, resource`,
      `when { ["operation-${n}", "operation-${n + 1}"].contains(context.operation) }`,
    ),
  'resource like a prefix': (n) =>
    permit(
      n,
      `principal in Jit::Group::"everybody", ${REQUEST}, resource`,
      `when { context.resource like "arn:aws:s3:::bucket-${n}/*" }`,
    ),
  'resource like a name inside': (n) =>
    permit(
      n,
      `principal, ${REQUEST}, resource`,
      `when { context.access == "read" && context.resource like "arn:aws:*:*:*:bucket-${n}/*" }`,
    ),
  'environment and access only, many rules alike': (n) =>
    permit(
      n,
      `principal is Jit::User, ${REQUEST}, resource`,
      `when { resource.environment == "${environment(n)}" && context.access == "${level(n)}" && context.permission == "s3:${verbs[n % 4] ?? ''}${n}" }`,
    ),
  'negations and unless-clauses': (n) =>
    n % 2 === 0
      ? permit(
          n,
          `principal, ${REQUEST}, resource`,
          `unless { resource.environment == "prod" || !(principal in ${team(n)}) || !["list", "read"].contains(context.access) }`,
        )
      : forbid(
          n,
          `principal, ${REQUEST}, resource`,
          `when { !(resource.sandbox) && context.resource like "*:bucket-${n}/*" } unless { principal in ${team(n)} }`,
        ),
  'either of several groups': (n) =>
    permit(
      n,
      `principal, ${REQUEST}, resource`,
      `when { (principal in ${team(n)} || principal in ${team(n + 7)}) && (context.access == "read" || resource.environment == "dev") }`,
    ),
  'guards that forbid on tags, beside team permits': (n) =>
    n % 2 === 0
      ? permit(
          n,
          `principal in ${team(n)}, ${REQUEST}, resource == ${target(n)}`,
          'when { context.access != "permissions" }',
        )
      : forbid(
          n,
          `principal, ${REQUEST}, resource`,
          `when { resource.tags.contains("tag-${n}") && !(principal in ${team(n)}) }`,
        ),
  'team permits in office hours': (n) =>
    `@hours("Mon-Fri 0${n % 9}:00-18:00 Europe/Berlin") ${permit(
      n,
      `principal in ${team(n)}, ${REQUEST}, resource`,
      `when { context.access == "${level(n)}" }`,
    )}`,
  'agents of people in a team': (n) =>
    permit(
      n,
      `principal is Jit::Agent, ${REQUEST}, resource`,
      `when { principal has actsFor && principal.actsFor in ${team(n)} && context.access == "read" }`,
    ),
};

/** A small generator of numbers, so that every run asks the same. */
function draws(): (below: number) => number {
  let state = 1;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

function questions(): Question[] {
  const draw = draws();
  const people = Array.from({ length: PEOPLE }, (_, number) => ({
    kind: 'user' as const,
    issuer: 'https://idp.example.com',
    subject: `person-${number}`,
    name: `Person ${number}`,
    groups: ['everybody', ...Array.from({ length: 3 }, () => `team-${draw(TEAMS)}`)],
  }));
  return Array.from({ length: QUESTIONS }, () => {
    const number = draw(TEAMS);
    const name = `target-${number}`;
    const bucket = draw(POLICIES);
    const action = `s3:${verbs[draw(4)] ?? ''}${draw(POLICIES)}`;
    const principal = people[draw(PEOPLE)];
    if (principal === undefined) throw new Error('a draw beyond the people');
    return {
      principal,
      target: {
        name,
        provider: 'aws',
        environment: environment(draw(3)),
        sandbox: false,
        tags: [`tag-${draw(POLICIES)}`],
      },
      permission: {
        target: name,
        operation: `operation-${draw(POLICIES)}`,
        actions: [action],
        resources: [`arn:aws:s3:::bucket-${bucket}/reports/2026/*`],
      },
      assessment: { access: levels[draw(5)] ?? 'read', breadth: 'within' },
      operation: { named: draw(2) === 0, risk: 'medium' },
      seconds: 600,
      hasTicket: false,
      reasonLength: 30,
      now: Date.UTC(2026, 3, 1, 10) + draw(600) * 1_000,
    };
  });
}

function figure(values: readonly number[], share: number): string {
  const sorted = values.toSorted((a, b) => a - b);
  return ((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0) * 1_000).toFixed(0);
}

async function measure(name: string, rule: (n: number) => string, asked: readonly Question[]): Promise<void> {
  const text = Array.from({ length: POLICIES }, (_, n) => rule(n)).join('\n');
  const agents = name.startsWith('agents');
  const begin = performance.now();
  const set = await loadPolicies({ sources: [{ name: 'bench.cedar', text }] });
  const loaded = performance.now() - begin;
  const took: number[] = [];
  let permitted = 0;
  let before = process.cpuUsage();
  for (const [round, question] of [...asked.slice(0, 5_000), ...asked].entries()) {
    const { principal } = question;
    const given = agents
      ? {
          ...question,
          principal: { ...principal, kind: 'agent' as const, actsFor: { ...principal, kind: 'user' as const } },
        }
      : question;
    const start = performance.now();
    const verdict = set.decide(given);
    const end = performance.now();
    // The first quarter warms up the engine's compiled sets, as a broker that runs has them.
    if (round === 5_000) before = process.cpuUsage();
    if (round < 5_000) continue;
    took.push(end - start);
    if (verdict.kind === 'permit') permitted += 1;
  }
  const { user, system } = process.cpuUsage(before);
  const mean = (took.reduce((sum, each) => sum + each, 0) / took.length) * 1_000;
  process.stdout.write(
    `${name}: mean ${mean.toFixed(0)} µs, p50 ${figure(took, 0.5)}, p99 ${figure(took, 0.99)}; CPU ${((user + system) / took.length).toFixed(0)} µs; ${((permitted / took.length) * 100).toFixed(0)} % permitted; loaded in ${loaded.toFixed(0)} ms\n`,
  );
}

const only = process.argv.slice(2);
const asked = questions();
for (const [name, rule] of Object.entries(SHAPES)) {
  if (only.length === 0 || only.some((each) => name.includes(each))) await measure(name, rule, asked);
}
