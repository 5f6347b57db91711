/**
 * `--plan`: what would be decided and issued, with nothing submitted.
 * @module
 */
import type { RevocationClass } from '../../core/access.ts';
import { formatDuration } from '../../core/duration.ts';
import { ERRORS } from '../../core/errors.ts';
import type { PlanView } from '../../wire/views.ts';
import type { Context } from '../context.ts';
import { withProgress } from '../progress.ts';
import { brokerFact, type Site, siteOf } from '../site.ts';
import { type Fact, fact, record } from '../table.ts';
import type { Line } from '../text.ts';
import { emergencyFacts } from './emergency-words.ts';
import { bodyOf } from './submit.ts';
import { accessWords, asksOf, SANDBOX_NOTE } from './words.ts';
import type { CompleteAccess } from './complete.ts';

/** @returns 0, or the status of a denial where the request would be denied. */
export async function showPlan(context: Context, access: CompleteAccess): Promise<number> {
  const { client } = await context.broker();
  const site = await siteOf(context);
  const waiting = { what: 'asking the broker', broker: site.broker, until: null };
  const [plan, sandboxes] = await withProgress(context, waiting, async () => {
    const view = await client.plan(bodyOf(access));
    return [view, await sandboxTargets(() => client.catalog())] as const;
  });
  const exit = plan.decision === 'permit' && plan.available ? 0 : ERRORS.ERR_DENIED.exit;
  if (access.format === 'json') {
    context.out.document('plan', {
      ...plan,
      targets: plan.targets.map((target) => ({ ...target, sandbox: sandboxes.has(target.target) })),
      broker: site.name,
      exit,
    });
  } else {
    await context.out.print(planLines(plan, access, site, sandboxes, context.out.width));
  }
  return exit;
}

async function sandboxTargets(
  catalog: () => Promise<{ readonly targets: readonly { readonly name: string; readonly sandbox: boolean }[] }>,
): Promise<ReadonlySet<string>> {
  return new Set((await catalog()).targets.filter(({ sandbox }) => sandbox).map(({ name }) => name));
}

function planLines(
  plan: PlanView,
  access: CompleteAccess,
  site: Site,
  sandboxes: ReadonlySet<string>,
  width: number,
): Line[] {
  const facts: Fact[] = [
    ...brokerFact(site),
    fact('access', accessWords({ asks: asksOf(access) })),
    ...(access.incident === null ? [] : [fact('incident', access.incident)]),
    fact('for', formatDuration(access.seconds)),
    decision(plan),
    ...(plan.hint === null ? [] : [fact('hint', plan.hint)]),
    ...(plan.maxSeconds === null ? [] : [fact('longest', formatDuration(plan.maxSeconds))]),
    ...(plan.decision === 'deny' ? [] : terms(plan)),
    fact('approval', approval(plan)),
    ...emergencyFacts(plan, access.incident ?? ''),
  ];
  return [
    ...record(facts, width),
    ...plan.targets.flatMap((target) => [
      '',
      ...record(
        [
          fact('target', sandboxes.has(target.target) ? `${target.target} (${SANDBOX_NOTE})` : target.target),
          fact('level', `${target.assessment.access}, ${target.assessment.breadth}`),
          ...target.words.map((words, index) => fact(index === 0 ? 'means' : '', words)),
          fact('revocation', revocationWords(target.revocation, target.residualSeconds)),
        ],
        width,
      ),
      ...permissionLines(target.permission),
    ]),
  ];
}

function decision({ decision: verdict, available, tier, why }: PlanView): Fact {
  if (verdict === 'deny') return fact('decision', `denied: ${why}`, 'bad');
  const tone = available ? 'good' : 'bad';
  return fact('decision', `${tier ?? 'permitted'}: ${why}`, tone);
}

function terms({ renewals, idleSeconds }: PlanView): Fact[] {
  const often = renewals === 0 ? 'none' : renewals === 1 ? 'once' : `up to ${renewals} times`;
  const idle = idleSeconds === null ? 'may rest until its end' : `ends when idle for ${formatDuration(idleSeconds)}`;
  return [fact('renewal', often), fact('idle', idle)];
}

function approval({ decision: verdict, tier, quorum, available }: PlanView): string {
  if (verdict === 'deny') return 'nobody can approve it';
  if (tier === 'auto') return 'nobody needs to approve';
  if (tier === 'self-serve') return 'you confirm it yourself';
  if (tier === 'break-glass' && quorum.length === 0) return 'nobody approves it beforehand';
  const who = quorumWords(quorum);
  const by = who === '' ? 'by somebody else' : `by ${who}`;
  return available ? by : `${by}, which this broker cannot arrange`;
}

/** `2 people of leads and 1 person`. */
export function quorumWords(quorum: PlanView['quorum']): string {
  return quorum
    .map(
      ({ group, approvers }) =>
        `${approvers} ${approvers === 1 ? 'person' : 'people'}${group === null ? '' : ` of ${group}`}`,
    )
    .join(' and ');
}

/** What can be promised about an early end. */
export function revocationWords(revocation: RevocationClass, residualSeconds: number): string {
  switch (revocation.kind) {
    case 'immediate':
      return 'at once; access never outlives the end';
    case 'within':
      return `within ${formatDuration(revocation.seconds)} of the end`;
    case 'expiry-only':
      return `none: what is out works for up to ${formatDuration(residualSeconds)} after the end`;
  }
}

/** The provider's own document, indented as JSON where it is JSON. */
export function permissionLines(permission: string): Line[] {
  let text = permission;
  try {
    text = JSON.stringify(JSON.parse(permission), null, 2);
  } catch {
    // Another provider's language: shown as it is.
  }
  return ['permission', ...text.split('\n').map((line) => `  ${line}`)];
}
