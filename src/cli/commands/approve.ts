/**
 * `jit approve`: a vote for exactly what was shown.
 * @module
 */
import { display } from '../../core/display.ts';
import { formatDuration } from '../../core/duration.ts';
import { worded } from '../../core/errors.ts';
import type { RequestId } from '../../core/ids.ts';
import { parseReason } from '../../core/request.ts';
import type { ReviewView } from '../../wire/views.ts';
import { canAsk } from '../access/consent.ts';
import { reportVote, requireOpen, reviewLines } from '../access/vote.ts';
import { askYes } from '../ask.ts';
import { command, single, usage } from '../command.ts';
import { readRequestId, REQUEST_ID } from '../ids.ts';
import type { Format } from '../output.ts';
import { siteOf } from '../site.ts';

export interface ApproveOptions {
  readonly id: RequestId;
  readonly comment: string | null;
  readonly asked: 'already' | 'first';
  readonly format: Format;
}

export const approve = command<ApproveOptions>({
  name: 'approve',
  group: 'approvals',
  summary: 'look at a request and approve it',
  positionals: [REQUEST_ID],
  flags: [
    { name: 'comment', value: 'text', about: 'goes to the requester and into the record' },
    { name: 'yes', about: 'approve without being asked, where policy permits that; needed off a terminal' },
  ],
  examples: [
    { about: 'look, then decide', line: 'jit approve req_01hv3k9x7m2q5w8e4r6t0yabcd' },
    { about: 'with a word to the requester', line: "jit approve req_… --comment 'after the freeze only'" },
  ],
  notes: [
    'With --yes nobody is asked, and that counts only where policy permits it:\n@unattended("yes") on each permit on Approve by which you may vote.',
    'Your vote is for exactly what was shown, under the policy under which it was shown.\nIf either has changed meanwhile, nothing is counted (exit status 5).',
  ],
  parse: (input) => {
    const comment = single(input, 'comment');
    return {
      id: readRequestId(input),
      comment: comment === null ? null : parseReason(comment),
      asked: input.switches.has('yes') ? 'already' : 'first',
      format: input.format,
    };
  },
  run: async (context, { id, comment, asked, format }) => {
    if (asked === 'first' && !canAsk(context, format)) {
      throw usage('an approval is given by a person who has looked', 'look with jit show, then add: --yes');
    }
    const { client } = await context.broker();
    const site = await siteOf(context);
    const review = await client.review(id);
    requireOpen(review.request, 'approve', site);
    if (asked === 'first') {
      await context.out.before(reviewLines(review, site, context.out.width, context.now()));
      if (!(await askYes(context, question(review)))) {
        await context.out.note(worded({ broker: site.broker, message: 'nothing was decided' }));
        return 0;
      }
    }
    const { hash, policy } = review.request;
    const word = { ...(comment === null ? {} : { comment }), attended: asked === 'first' };
    const outcome = await client.approve(id, { hash, policy, ...word });
    return await reportVote(context, outcome, site, format);
  },
});

function question({ request }: ReviewView): string {
  return `let ${display(request.requester.name, 60)} do this for ${formatDuration(request.seconds)}?`;
}
