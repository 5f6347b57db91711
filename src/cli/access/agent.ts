/**
 * A person's part in what their agent asks for: their word, and no credentials, which are the agent's own.
 * @module
 */
import { JitError, worded } from '../../core/errors.ts';
import type { Outcome } from '../../wire/views.ts';
import type { Context } from '../context.ts';
import { type Site, siteOf } from '../site.ts';
import { awaitOutcome, settled, type Waiter } from './submit.ts';
import { reportVote } from './vote.ts';

/** Whether an agent asked, and the caller is the person for whom it acts. */
export async function isForAgent(context: Context, { request }: Outcome): Promise<boolean> {
  if (request.requester.kind !== 'agent') return false;
  const { client } = await context.broker();
  return (await client.session()).principal.kind === 'user';
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
