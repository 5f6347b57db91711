/**
 * A person's part in what their agent asks for: their word, and no credentials, which are the agent's own.
 * @module
 */
import { JitError, worded } from '../../core/errors.ts';
import { answersFor, type PrincipalKey, samePrincipal } from '../../core/principal.ts';
import type { Outcome } from '../../wire/views.ts';
import type { Context } from '../context.ts';
import { type Site, siteOf } from '../site.ts';
import { awaitOutcome, settled, type Waiter } from './submit.ts';
import { reportVote } from './vote.ts';

/**
 * Whose request it is: the caller's, or that of an agent of theirs. Throws `ERR_DENIED` where it is neither: whoever may vote on
 * a request sees it too, and is given nothing by it.
 */
export async function ownerOf(context: Context, { request }: Outcome): Promise<'me' | 'my agent'> {
  const { id, requester, can } = request;
  if (requester.kind !== 'agent' && can.includes('cancel')) return 'me';
  // The embedded broker has one user, and no sessions.
  if ((await context.brokerRef()).kind === 'embedded') return 'me';
  const { client } = await context.broker();
  const { principal } = await client.session();
  if (samePrincipal(keyOf(principal), keyOf(requester))) return 'me';
  if (answersFor(keyOf(principal), keyOf(requester))) return 'my agent';
  const { broker, line } = await siteOf(context);
  throw new JitError({
    code: 'ERR_DENIED',
    message: `it is the request of ${requester.name}, and nobody else takes it up`,
    hint: `how it stands: ${line(`jit show ${id}`)}`,
    subject: id,
    broker,
  });
}

type Who = Pick<Outcome['request']['requester'], 'issuer' | 'subject' | 'actsFor'>;

function keyOf({ issuer, subject, actsFor }: Who): PrincipalKey {
  return actsFor === undefined ? { issuer, subject } : { issuer, subject, actsFor };
}

/**
 * Brings the agent's request to its approval, the person's own confirmation included. Throws as `awaitGrant` does, and
 * `ERR_DECIDED` where the agent has its grant already.
 * @returns 0.
 */
export async function supervise(context: Context, first: Outcome, waiter: Waiter): Promise<number> {
  const site = await siteOf(context);
  const { name } = first.request.requester;
  if (first.grant !== null) throw has(first, site);
  const outcome = await awaitOutcome(context, first, { ...waiter, until: approved });
  await reportVote(context, outcome, site, waiter.format);
  if (outcome.grant === null && waiter.format === 'human') {
    await context.out.note(worded({ broker: site.broker, message: `${name} takes it up itself` }));
  }
  return 0;
}

function approved(outcome: Outcome, site: Site): Outcome | null {
  if (outcome.request.state === 'approved') return outcome;
  settled(outcome, site);
  return null;
}

function has({ request, grant }: Outcome, { broker, line }: Site): JitError {
  return new JitError({
    code: 'ERR_DECIDED',
    message: `${request.requester.name} has taken it up, and what it was given is its own`,
    hint: `the whole story: ${line(`jit show ${grant?.id ?? request.id}`)}`,
    subject: grant?.id ?? request.id,
    broker,
  });
}
