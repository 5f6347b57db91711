/**
 * One's own word on a self-serve request: asked for on a terminal, given by a flag elsewhere.
 * @module
 */
import { formatDuration } from '../../core/duration.ts';
import { JitError } from '../../core/errors.ts';
import type { Outcome, ReviewView } from '../../wire/views.ts';
import { askYes } from '../ask.ts';
import type { Flag } from '../command.ts';
import type { Context } from '../context.ts';
import type { Format } from '../output.ts';
import { brokerFact, type Site } from '../site.ts';
import { type Fact, fact, record } from '../table.ts';
import { revocationWords } from './plan.ts';
import { accessWords, incidentFact } from './words.ts';

/** `given`: with `--yes`, nobody is asked. */
export type Consent = 'ask' | 'given';

export const YES_FLAG: Flag = { name: 'yes', about: 'confirm a self-serve request without being asked' };

export function consentOf({ switches }: { readonly switches: ReadonlySet<string> }): Consent {
  return switches.has('yes') ? 'given' : 'ask';
}

/** Whether a question can be put to anybody. */
export function canAsk({ terminal }: Context, format: Format): boolean {
  return terminal.interactive && format === 'human';
}

/**
 * Confirms the request, after showing on a terminal what will be possible. Throws `ERR_PENDING` where nobody can be asked: the
 * request lives on; and `ERR_DENIED` after a no, which takes it back.
 */
export async function confirmOwn(
  context: Context,
  { request }: Outcome,
  how: { readonly consent: Consent; readonly format: Format; readonly site: Site },
): Promise<Outcome> {
  const { consent, format, site } = how;
  const { client } = await context.broker();
  const { id, hash, policy } = request;
  if (consent === 'ask') {
    if (!canAsk(context, format)) {
      throw new JitError({
        code: 'ERR_PENDING',
        message: 'it needs your own confirmation; the request lives on',
        hint: `confirm it with: ${site.line(`jit wait ${id} --yes`)}`,
        subject: id,
        broker: site.broker,
      });
    }
    await context.out.before(record(reviewFacts(await client.review(id), site), context.out.width));
    if (!(await askYes(context, 'go ahead?'))) {
      await client.cancel(id);
      throw new JitError({
        code: 'ERR_DENIED',
        message: 'not confirmed, so the request was taken back',
        subject: id,
        broker: site.broker,
      });
    }
  }
  return await client.confirmRequest(id, { hash, policy });
}

/** What would be possible, in the words that an approver needs. */
export function reviewFacts({ request, targets, terms }: ReviewView, site: Site): Fact[] {
  const { requester, reason, ticket, seconds } = request;
  const person = requester.actsFor === undefined ? '' : `, for ${requester.actsFor.name}`;
  return [
    fact('request', request.id, 'strong'),
    ...brokerFact(site),
    fact('who', `${requester.name} (${requester.kind} ${requester.subject} of ${requester.issuer}${person})`),
    fact('access', accessWords(request), 'strong'),
    ...incidentFact(request),
    fact('for', `${formatDuration(seconds)}, counted from when it is taken up`),
    ...(terms === null || terms.renewals === 0 ? [] : [fact('renewable', renewalWords(terms), 'warn')]),
    ...(terms === null || terms.idleSeconds === null
      ? []
      : [fact('idle', `ends when idle for ${formatDuration(terms.idleSeconds)}`)]),
    fact('reason', reason),
    ...(ticket === null ? [] : [fact('ticket', ticket)]),
    ...targets.flatMap((target) => [
      fact('target', target.target),
      fact('level', `${target.assessment.access}, ${target.assessment.breadth}`),
      ...target.words.map((words, index) => fact(index === 0 ? 'means' : '', words)),
      fact('revocation', revocationWords(target.revocation, target.residualSeconds)),
    ]),
  ];
}

function renewalWords({ renewals, maxSeconds }: NonNullable<ReviewView['terms']>): string {
  return `${renewals === 1 ? 'once' : `${renewals} times`}, each time for up to ${formatDuration(maxSeconds)}, without asking again`;
}
