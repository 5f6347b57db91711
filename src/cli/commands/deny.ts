/**
 * `jit deny`: one person's no ends a request.
 * @module
 */
import type { RequestId } from '../../core/ids.ts';
import { parseReason } from '../../core/request.ts';
import { JitError } from '../../core/errors.ts';
import { canAsk } from '../access/consent.ts';
import { reportVote, requireOpen, reviewLines } from '../access/vote.ts';
import { askText } from '../ask.ts';
import { command, single } from '../command.ts';
import { readRequestId, REQUEST_ID } from '../ids.ts';
import type { Format } from '../output.ts';
import { siteOf } from '../site.ts';

export interface DenyOptions {
  readonly id: RequestId;
  readonly reason: string | null;
  readonly format: Format;
}

export const deny = command<DenyOptions>({
  name: 'deny',
  group: 'approvals',
  summary: 'deny a request; the requester reads your reason',
  positionals: [REQUEST_ID],
  flags: [{ name: 'reason', value: 'text', about: 'why; asked for on a terminal' }],
  examples: [{ about: 'say no', line: "jit deny req_01hv3k9x7m2q5w8e4r6t0yabcd --reason 'use the replica'" }],
  notes: ['An approved request can still be denied until its requester has taken it up.'],
  parse: (input) => {
    const reason = single(input, 'reason');
    return { id: readRequestId(input), reason: reason === null ? null : parseReason(reason), format: input.format };
  },
  run: async (context, { id, reason: given, format }) => {
    if (given === null && !canAsk(context, format)) {
      throw new JitError({
        code: 'ERR_MISSING_INPUT',
        message: '--reason is missing',
        hint: "add: --reason 'why not'",
      });
    }
    const { client } = await context.broker();
    const site = await siteOf(context);
    const review = await client.review(id);
    requireOpen(review.request, 'deny', site);
    if (given === null) await context.out.before(reviewLines(review, site, context.out.width, context.now()));
    const reason = given ?? parseReason(await askText(context, { message: 'why not?', parse: parseReason }));
    const { hash, policy } = review.request;
    return await reportVote(context, await client.deny(id, { hash, policy, reason }), site, format);
  },
});
