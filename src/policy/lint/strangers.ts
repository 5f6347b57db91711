/**
 * Rules about things that the broker's configuration does not have.
 * @module
 */
import type { Target } from '../../core/ports.ts';
import { didYouMean } from '../../core/suggest.ts';
import { entitiesIn } from '../expression.ts';
import type { Policy } from '../read.ts';
import { atomsOf, type Limits, limitsOf } from './atoms.ts';
import type { Finding } from './findings.ts';

/** What a configuration has. Groups are not among it: they come with each sign-in. */
export interface Configured {
  readonly targets: ReadonlyMap<string, Pick<Target, 'provider' | 'environment' | 'sandbox' | 'tags'>>;
  readonly operations: ReadonlyMap<string, unknown>;
}

/** For each policy that speaks of an unknown target or operation, or of targets of which there is none. */
export function strangersIn(policies: readonly Policy[], { targets, operations }: Configured): Finding[] {
  return policies.flatMap((policy) => {
    const found: Finding[] = [];
    const report = (message: string): void =>
      void found.push({
        rule: 'not-configured',
        policyId: policy.id,
        source: policy.source,
        line: policy.line,
        message,
      });
    const limits = atomsOf(policy).flatMap((atom) => limitsOf(atom) ?? []);
    const unknown = [...new Set(entitiesIn(policy.json, 'Jit::Target'))].filter((name) => !targets.has(name));
    for (const name of unknown) {
      report(`the configuration has no target ${name}${hintFor(name, targets.keys())}`);
    }
    for (const name of operationsIn(limits).filter((each) => !/[:/.]/.test(each) && !operations.has(each))) {
      report(`the configuration has no operation ${name}${hintFor(name, operations.keys())}`);
    }
    const fitting = [...targets].filter(([name, target]) => limits.every((each) => fits(each, name, target)));
    if (unknown.length === 0 && fitting.length === 0) report('no target of the configuration is meant by it');
    return found;
  });
}

function hintFor(name: string, known: Iterable<string>): string {
  const hint = didYouMean(name, known);
  return hint === undefined ? '' : `, ${hint}`;
}

function operationsIn(limits: readonly Limits[]): string[] {
  return limits.flatMap(({ subject, among }) => (subject === 'context.operation' && among !== null ? [...among] : []));
}

/** Whether a target meets a condition; one about something else is met. */
function fits(
  { subject, among, not }: Limits,
  name: string,
  { provider, environment, sandbox, tags = [] }: Pick<Target, 'provider' | 'environment' | 'sandbox' | 'tags'>,
): boolean {
  const values = new Map([
    ['resource', `Jit::Target::"${name}`],
    ['resource.provider', provider],
    ['resource.environment', environment],
    ['resource.sandbox', String(sandbox)],
  ]);
  const held = 'resource.tags holds ';
  const value = subject.startsWith(held) ? String(tags.includes(subject.slice(held.length))) : values.get(subject);
  return value === undefined || ((among?.has(value) ?? true) && !not.has(value));
}
