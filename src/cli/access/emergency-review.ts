/**
 * Reviews of emergency access: what waits for whom, and all that a verdict needs.
 * @module
 */
import { formatDuration } from '../../core/duration.ts';
import { JitError, worded } from '../../core/errors.ts';
import type { GrantId, RequestId } from '../../core/ids.ts';
import type { ReviewItem } from '../../wire/emergencies.ts';
import type { RequestView } from '../../wire/views.ts';
import type { Context } from '../context.ts';
import { isLive } from '../ids.ts';
import type { Format } from '../output.ts';
import { brokerFact, type Site, siteOf } from '../site.ts';
import { type Cell, type Column, type Fact, fact, record, table } from '../table.ts';
import { type Line, toned } from '../text.ts';
import { recordedTime, roughly } from '../time.ts';
import type { Step } from '../timeline.ts';
import { accessWords, boundWords, endOf, targetWords } from './words.ts';

/** `jit.reviews/v1`, or two tables: what one may close, then what waits for others. @returns 0. */
export async function listReviews(context: Context, format: Format): Promise<number> {
  const { out, now } = context;
  const { client } = await context.broker();
  const { broker, name, line } = await siteOf(context);
  const { items } = await client.reviews();
  if (format === 'json') {
    out.document('reviews', { items, broker: name });
    return 0;
  }
  const [mine, others] = [items.filter(({ can }) => can), items.filter(({ can }) => !can)];
  const print = (list: readonly ReviewItem[]): Promise<void> =>
    out.print(
      table(
        COLUMNS,
        list.map((item) => row(item, now())),
        out.width,
      ),
    );
  if (items.length === 0) await out.note(worded({ broker, message: 'no review is open' }));
  if (mine.length > 0) {
    await print(mine);
    await out.hint(`look at one and close it: ${line(`jit review ${mine[0]?.request.id ?? 'ID'}`)}`);
  }
  if (others.length > 0) {
    await out.note(worded({ broker, message: 'these wait for somebody else, or for their access to be over:' }));
    await print(others);
  }
  return 0;
}

const COLUMNS: readonly Column[] = [
  { title: 'ID', cut: 'never' },
  { title: 'OPEN FOR', cut: 'never' },
  { title: 'ACCESS', cut: 'never' },
  { title: 'WHO', cut: 'may' },
  { title: 'WHAT', cut: 'may' },
  { title: 'REASON', cut: 'may' },
];

function row({ request, grant, openedAt }: ReviewItem, now: number): readonly Cell[] {
  return [
    toned('strong', request.id),
    toned('warn', roughly(Math.max(0, now - Date.parse(openedAt)))),
    toned('plain', grant === null ? '-' : isLive(grant) ? 'live' : 'over'),
    toned('plain', request.requester.name),
    toned('plain', boundWords(request)),
    toned('dim', request.reason),
  ];
}

/** The open review of a request or a grant. Throws `ERR_NOT_FOUND`. */
export async function findReview(context: Context, id: GrantId | RequestId): Promise<ReviewItem> {
  const { client } = await context.broker();
  const { items } = await client.reviews();
  const found = items.find(({ request, grant }) => request.id === id || grant?.id === id);
  if (found !== undefined) return found;
  const { broker, line } = await siteOf(context);
  throw new JitError({
    code: 'ERR_NOT_FOUND',
    message: `no review of ${id} is open for you`,
    hint: `the open ones: ${line('jit review')}; what became of it: ${line(`jit show ${id}`)}`,
    broker,
  });
}

/** Throws `ERR_DENIED` for one's own, `ERR_PENDING` while the access is live. */
export async function requireClosable(context: Context, { request, grant, can }: ReviewItem): Promise<void> {
  if (can) return;
  const { broker, line } = await siteOf(context);
  const { id } = request;
  if (await isOwn(context, request)) {
    throw new JitError({
      code: 'ERR_DENIED',
      message: 'it is your own emergency access: somebody else has to review it',
      hint: `whoever may approve such access can: ${line(`jit review ${id}`)}`,
      subject: id,
      broker,
    });
  }
  throw new JitError({
    code: 'ERR_PENDING',
    message: 'the access is still live, and is reviewed when it is over',
    hint: `end it with: ${line(`jit revoke ${grant?.id ?? id}`)}`,
    subject: id,
    broker,
  });
}

async function isOwn(context: Context, { requester }: RequestView): Promise<boolean> {
  if ((await context.brokerRef()).kind === 'embedded') return true;
  const { principal } = await (await context.broker()).client.session();
  const [reader, holder] = [principal.actsFor ?? principal, requester.actsFor ?? requester];
  return reader.issuer === holder.issuer && reader.subject === holder.subject;
}

/** Who, for what, when, how often it was used, and what was possible. */
export function reviewedLines(
  { request, grant, openedAt }: ReviewItem,
  timeline: readonly Step[],
  site: Site,
  { now, width }: { readonly now: number; readonly width: number },
): Line[] {
  const time = (text: string): string => recordedTime(Date.parse(text), now);
  const { requester, incident } = request;
  const facts: Fact[] = [
    fact('request', request.id, 'strong'),
    ...brokerFact(site),
    fact('who', `${requester.name} (${requester.kind} ${requester.subject} of ${requester.issuer})`, 'strong'),
    ...(incident === null ? [] : [fact('incident', `${incident.reference} (${incident.source})`, 'strong')]),
    fact('access', accessWords(request), 'strong'),
    ...(grant === null ? [] : [fact('target', targetWords(grant.legs))]),
    fact('for', formatDuration(request.seconds)),
    fact('reason', request.reason),
    ...(request.ticket === null ? [] : [fact('ticket', request.ticket)]),
    fact('asked', time(request.createdAt)),
    fact('decision', `${request.tier ?? request.state}: ${request.why}`),
    ...request.votes.map((vote) => fact('vote', `${vote.choice} by ${vote.by.name}, ${time(vote.at)}`)),
    ...(grant === null ? [] : grantFacts(grant, time)),
    fact('used', usedWords(timeline)),
    fact('review', `open since ${time(openedAt)}`),
  ];
  return [
    ...request.permissions.map(({ actions, resources }) => `${actions.join(', ')} on ${resources.join(', ')}`),
    '',
    ...record(facts, width),
    '',
  ];
}

function grantFacts(grant: NonNullable<ReviewItem['grant']>, time: (text: string) => string): Fact[] {
  const over = grant.closedAt ?? grant.endedAt;
  const end = endOf(grant);
  return [
    fact('grant', grant.id),
    ...(grant.issuedAt === null ? [] : [fact('issued', time(grant.issuedAt))]),
    ...(over === null
      ? end === null
        ? []
        : [fact('ends', time(new Date(end).toISOString()))]
      : [fact('ended', `${time(over)}${grant.reason === null ? '' : `: ${grant.reason}`}`)]),
  ];
}

/** By what was handed out: each credential may have served many calls, which the cloud's own log has. */
function usedWords(timeline: readonly Step[]): string {
  const counts = timeline
    .filter(({ type }) => type === 'credential.used')
    .flatMap(({ details }) => details.flatMap((each) => /^count=(\d+)$/.exec(each)?.[1] ?? []));
  const used = counts.reduce((sum, count) => sum + Number(count), 0);
  const issued = timeline.filter(({ type }) => type === 'credential.issued').length;
  if (used === 0) return issued === 0 ? 'never' : 'its credentials were fetched, and nobody was seen to use them';
  return used === 1 ? 'its credentials were handed out once' : `its credentials were handed out ${used} times`;
}
