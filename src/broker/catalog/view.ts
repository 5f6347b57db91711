/**
 * The catalogue as one caller sees it: with what would become of a request.
 * @module
 */
import { placeName } from '../../core/credential.ts';
import { ACCESS_LEVELS } from '../../core/access.ts';
import { formatDuration } from '../../core/duration.ts';
import { JitError } from '../../core/errors.ts';
import type { Clock, Provider, Target } from '../../core/ports.ts';
import type { Principal } from '../../core/principal.ts';
import { type Ask, REASON_LIMIT } from '../../core/request.ts';
import type { PolicySet } from '../../policy/load.ts';
import type { Question } from '../../policy/question.ts';
import { combine, type Verdict } from '../../policy/verdict.ts';
import type { CatalogView } from '../../wire/views.ts';
import type { Catalog } from './catalog.ts';

export interface Shown {
  readonly catalog: Catalog;
  readonly policy: PolicySet;
  readonly targets: ReadonlyMap<string, Target>;
  readonly providers: ReadonlyMap<string, Pick<Provider, 'assess'>>;
  readonly now: Clock;
}

/** The least that anybody would ask for with all that can be demanded, so that no limit hides a permit. */
function best(now: Clock): Pick<Question, 'seconds' | 'hasTicket' | 'reasonLength' | 'now'> {
  return { seconds: 60, hasTicket: true, reasonLength: REASON_LIMIT, now: now() };
}

/** Decisions are those for one minute with a ticket and the longest reason, and with an example for each parameter: a rule may look closer. */
export async function catalogView(shown: Shown, principal: Principal): Promise<CatalogView> {
  const operations = await Promise.all(
    shown.catalog
      .list()
      .map(async ({ name, description, risk, actions, also, resources, parameters, targets, examples }) => ({
        name,
        description,
        risk,
        actions: [...actions],
        also: [...also],
        resources: [...resources],
        parameters: [...parameters],
        targets: [...targets],
        decision: await decisionFor(shown, principal, examples),
      })),
  );
  const targets = [...shown.targets.values()].map((target) => ({
    name: target.name,
    provider: target.provider,
    environment: target.environment,
    sandbox: target.sandbox,
    account: placeName(target.tool),
    decisions: levelsAt(shown, principal, target),
  }));
  return { operations, targets };
}

async function decisionFor(shown: Shown, principal: Principal, examples: readonly Ask[]): Promise<string> {
  const verdicts: Verdict[] = [];
  for (const example of examples) {
    try {
      verdicts.push(await decide(shown, principal, example));
    } catch (thrown) {
      if (thrown instanceof JitError) return `not usable: ${thrown.message}`;
      throw thrown;
    }
  }
  return verdicts.length === 0 ? 'no target here can do this' : words(combine(verdicts));
}

async function decide(
  { catalog, policy, targets, providers, now }: Shown,
  principal: Principal,
  ask: Ask,
): Promise<Verdict> {
  const { permissions, named, risk } = catalog.resolve(ask);
  const verdicts: Verdict[] = [];
  for (const permission of permissions) {
    const target = targets.get(permission.target);
    const provider = providers.get(target?.provider ?? '');
    if (target === undefined || provider === undefined) continue;
    const assessed = await provider.assess(target, permission);
    const operation = { named, risk };
    verdicts.push(policy.decide({ principal, target, ...assessed, operation, ...best(now) }));
  }
  return combine(verdicts);
}

/** How a raw permission of each access level on one whole resource would be decided, for rules that do not name either. */
function levelsAt({ policy, now }: Shown, principal: Principal, target: Target): Record<string, string> {
  return Object.fromEntries(
    ACCESS_LEVELS.map((access) => {
      const verdict = policy.decide({
        principal,
        target,
        permission: { target: target.name, operation: 'any', actions: ['any'], resources: ['any'] },
        assessment: { access, breadth: 'exact' },
        operation: { named: false, risk: 'medium' },
        ...best(now),
      });
      return [access, words(verdict)];
    }),
  );
}

function words(verdict: Verdict): string {
  if (verdict.kind === 'deny') return `denied: ${verdict.why}`;
  const { tier, maxSeconds, needsTicket } = verdict;
  return `${tier}, up to ${formatDuration(maxSeconds)}${needsTicket ? ', with a ticket' : ''}`;
}
