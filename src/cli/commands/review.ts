/**
 * `jit review`: what people make of emergency access when it is over.
 * @module
 */
import { display } from '../../core/display.ts';
import { JitError, worded } from '../../core/errors.ts';
import type { GrantId, RequestId } from '../../core/ids.ts';
import { type ReviewVerdict, VERDICTS } from '../../core/incident.ts';
import { parseReason } from '../../core/request.ts';
import type { ReviewItem } from '../../wire/emergencies.ts';
import { type Lack, missing } from '../access/complete.ts';
import { canAsk } from '../access/consent.ts';
import { findReview, listReviews, requireClosable, reviewedLines } from '../access/emergency-review.ts';
import { askChoice, askText } from '../ask.ts';
import { command, single, usage } from '../command.ts';
import type { Context } from '../context.ts';
import { readId } from '../ids.ts';
import type { Format } from '../output.ts';
import { siteOf } from '../site.ts';

export interface ReviewOptions {
  /** Null: which are there? */
  readonly id: GrantId | RequestId | null;
  readonly verdict: ReviewVerdict | null;
  readonly comment: string | null;
  readonly format: Format;
}

export const review = command<ReviewOptions>({
  name: 'review',
  group: 'approvals',
  summary: 'list the open reviews of emergency access, or close one',
  positionals: [{ name: 'id', about: 'a request (req_…) or its grant', takes: 'at most one', offers: 'reviews' }],
  flags: [
    { name: 'verdict', value: 'word', about: 'justified or unjustified; asked for on a terminal', offers: VERDICTS },
    { name: 'comment', value: 'text', about: 'what you found; asked for on a terminal' },
  ],
  examples: [
    { about: 'what is open', line: 'jit review' },
    { about: 'look at one, then say what you think', line: 'jit review req_01hv3k9x7m2q5w8e4r6t0yabcd' },
    { about: 'how many wait for me', line: "jit review --json | jq '[.items[] | select(.can)] | length'" },
  ],
  notes: [
    'Nobody reviews their own. Whoever may approve such access may review it, once it is\nover. Too many open reviews hold up further emergency access of the same person.',
    'Exit status: 5 for your own, 6 while the access is live, 9 where none is open.',
  ],
  parse: (input) => {
    const [verdict, comment] = [single(input, 'verdict'), single(input, 'comment')];
    const id = input.words.length === 0 ? null : readId(input);
    if (id === null && (verdict !== null || comment !== null))
      throw usage('which review?', 'list them with: jit review');
    return {
      id,
      verdict: verdict === null ? null : parseVerdict(verdict),
      comment: comment === null ? null : parseReason(comment),
      format: input.format,
    };
  },
  run: async (context, { id, ...said }) => {
    if (id === null) return await listReviews(context, said.format);
    if (!canAsk(context, said.format)) demandAll(said);
    const item = await findReview(context, id);
    await requireClosable(context, item);
    const { verdict, comment } = await complete(context, item, said);
    const { client } = await context.broker();
    const { hash } = item.request;
    return await report(context, await client.closeReview(item.request.id, { hash, verdict, comment }), said.format);
  },
});

function parseVerdict(text: string): ReviewVerdict {
  const verdict = VERDICTS.find((known) => known === text);
  if (verdict !== undefined) return verdict;
  throw usage(`${display(text, 40)} is no verdict`, `one of: ${VERDICTS.join(', ')}`);
}

type Said = Pick<ReviewOptions, 'verdict' | 'comment' | 'format'>;

function demandAll({ verdict, comment }: Said): void {
  const lacks: readonly Lack[] = [
    ...(verdict === null ? [['--verdict', '--verdict justified'] as const] : []),
    ...(comment === null ? [['--comment', "--comment 'what you found'"] as const] : []),
  ];
  if (lacks.length > 0) throw missing(lacks);
}

async function complete(
  context: Context,
  item: ReviewItem,
  { verdict, comment }: Said,
): Promise<{ readonly verdict: ReviewVerdict; readonly comment: string }> {
  if (verdict !== null && comment !== null) return { verdict, comment };
  const { timelineOf } = await import('./show.ts');
  const { client } = await context.broker();
  const site = await siteOf(context);
  const steps = await timelineOf(client, item.request.id);
  await context.out.before(reviewedLines(item, steps, site, { now: context.now(), width: context.out.width }));
  const found = verdict ?? parseVerdict(await askChoice(context, 'was it justified?', [...VERDICTS]));
  return {
    verdict: found,
    comment: comment ?? parseReason(await askText(context, { message: 'what did you find?', parse: parseReason })),
  };
}

async function report({ out, ...context }: Context, item: ReviewItem, format: Format): Promise<number> {
  const { broker, name } = await siteOf(context);
  if (format === 'json') {
    out.document('review', { ...item, broker: name });
    return 0;
  }
  const { closed, request } = item;
  if (closed === null) throw new JitError({ code: 'ERR_BROKER_REPLY', message: 'the broker closed nothing', broker });
  await out.note(worded({ broker, message: `the review of ${request.id} is closed: ${closed.verdict}` }));
  return 0;
}
