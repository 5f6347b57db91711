/**
 * Before glass is broken: what will happen, and whether that is meant.
 * @module
 */
import { formatDuration } from '../../core/duration.ts';
import { JitError } from '../../core/errors.ts';
import type { IncidentView } from '../../wire/emergencies.ts';
import type { PlanView } from '../../wire/views.ts';
import { askYes } from '../ask.ts';
import type { Context } from '../context.ts';
import { unlessStopped, withProgress } from '../progress.ts';
import { brokerFact, type Site, siteOf } from '../site.ts';
import { type Fact, fact, record } from '../table.ts';
import type { Line } from '../text.ts';
import { bothTimes, roughly } from '../time.ts';
import type { Emergency } from './emergency.ts';
import { standingWords } from './emergency-incidents.ts';
import { emergencyFacts } from './emergency-words.ts';
import { permissionLines, quorumWords, revocationWords } from './plan.ts';
import { bodyOf, newKey, submit } from './submit.ts';
import { accessWords, asksOf } from './words.ts';

/**
 * Shows on the terminal what would happen and asks. What would be denied is submitted without a question: the attempt belongs
 * into the log, and the answer is the broker's. Throws `ERR_DENIED` then, and after a no, when nothing was asked for.
 */
export async function agree(context: Context, emergency: Emergency): Promise<void> {
  const { access, seen } = emergency;
  const site = await siteOf(context);
  const { client } = await context.broker();
  const waiting = { what: 'asking the broker', broker: site.broker, until: null };
  const plan = await withProgress(context, waiting, () => unlessStopped(context.signal, client.plan(bodyOf(access))));
  if (plan.decision === 'deny' || !plan.available) return await submitDenied(context, emergency, site);
  await context.out.before(happenings(plan, access, { seen, site, now: context.now(), width: context.out.width }));
  if (await askYes(context, 'break the glass?')) return;
  throw new JitError({ code: 'ERR_DENIED', message: 'not confirmed, so nothing was asked for', broker: site.broker });
}

async function submitDenied(context: Context, { access }: Emergency, site: Site): Promise<never> {
  const { client } = await context.broker();
  const { request, grant } = await submit(context, bodyOf(access), newKey(context.random));
  // Permitted a moment later, and nobody has said yes to that.
  await (grant === null ? client.cancel(request.id) : client.revoke(grant.id, 'revoked'));
  throw new JitError({
    code: 'ERR_DENIED',
    message: 'it would have been denied a moment ago and is not now; what came of it was ended at once',
    hint: 'ask again to be shown what it comes to',
    subject: request.id,
    broker: site.broker,
  });
}

interface Surroundings {
  readonly seen: IncidentView | null;
  readonly site: Site;
  readonly now: number;
  readonly width: number;
}

/** The exact permission comes first, as it may be longer than the screen: what is said in words stays in view above the question. */
function happenings(plan: PlanView, access: Emergency['access'], { seen, site, now, width }: Surroundings): Line[] {
  const { seconds } = access;
  const facts: Fact[] = [
    ...incidentFacts(access.incident, seen, now),
    ...brokerFact(site),
    fact('access', accessWords({ asks: asksOf(access) }), 'strong'),
    fact('until', `${bothTimes(now + seconds * 1_000, now)} at the latest`),
    ...(plan.idleSeconds === null ? [] : [fact('idle', `ends when idle for ${formatDuration(plan.idleSeconds)}`)]),
    ...plan.targets.flatMap((target) => [
      fact('target', target.target),
      fact('level', `${target.assessment.access}, ${target.assessment.breadth}`),
      ...target.words.map((words, index) => fact(index === 0 ? 'means' : '', words)),
      fact('revocation', revocationWords(target.revocation, target.residualSeconds)),
    ]),
    fact('decision', `${plan.tier ?? 'permitted'}: ${plan.why}`),
    ...(plan.quorum.length === 0 ? [] : [fact('before', `confirmed by ${quorumWords(plan.quorum)}`, 'warn')]),
    ...emergencyFacts(plan, seen?.reference ?? access.incident),
  ];
  return [...plan.targets.flatMap(({ permission }) => permissionLines(permission)), '', ...record(facts, width), ''];
}

function incidentFacts(named: string, seen: IncidentView | null, now: number): readonly Fact[] {
  if (seen === null) return [fact('incident', named, 'strong')];
  const { reference, title, source, severity, services, openedAt, url } = seen;
  const facts = [
    `open for ${roughly(Math.max(0, now - Date.parse(openedAt)))}`,
    ...(severity === null ? [] : [`severity ${severity}`]),
    ...(services.length === 0 ? [] : [`hits ${services.join(', ')}`]),
  ];
  return [
    fact('incident', `${reference} (${source}): ${title}`, 'strong'),
    fact('', facts.join(', ')),
    fact('you', standingWords(seen)),
    ...(url === null ? [] : [fact('page', url)]),
  ];
}
