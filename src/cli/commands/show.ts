/**
 * `jit show`: one request and its grant, with everything that has happened to them.
 * @module
 */
import type { BrokerClient } from '../../client/client.ts';
import { formatDuration } from '../../core/duration.ts';
import type { GrantId, RequestId } from '../../core/ids.ts';
import type { EntriesView, GrantView, Outcome } from '../../wire/views.ts';
import { legFacts, permissionLines } from '../access/legs.ts';
import { accessWords, incidentFact, missingWords, voteWords } from '../access/words.ts';
import { command } from '../command.ts';
import type { Context } from '../context.ts';
import { ANY_ID, lookUp, readId, standing } from '../ids.ts';
import type { Format } from '../output.ts';
import { brokerFact, type Site, siteOf } from '../site.ts';
import { type Fact, fact, record } from '../table.ts';
import { type Line, toned } from '../text.ts';
import { recordedTime, roughly } from '../time.ts';
import { lastGranted, readTimeline, type Step } from '../timeline.ts';

export interface ShowOptions {
  readonly id: GrantId | RequestId;
  readonly format: Format;
}

export const show = command<ShowOptions>({
  name: 'show',
  group: 'inspect',
  summary: 'show a request: decision, permission, what happened',
  positionals: [ANY_ID],
  flags: [],
  examples: [
    { about: 'the whole story of a grant', line: 'jit show gr_01hv3k9x7m2q5w8e4r6t0yabcd' },
    { about: 'what the clouds were given', line: "jit show gr_… --json | jq '.granted[]'" },
  ],
  parse: (input) => ({ id: readId(input), format: input.format }),
  run: (context, { id, format }) => showOutcome(context, id, format),
});

/** Prints `jit.show/v1`, or the same for people. Throws `ERR_NOT_FOUND`. */
export async function showOutcome(context: Context, id: GrantId | RequestId, format: Format): Promise<number> {
  const broker = await context.broker();
  const outcome = await lookUp(broker, id);
  const site = await siteOf(context);
  const timeline = await timelineOf(broker.client, outcome.request.id);
  const { out, now } = context;
  if (format === 'json')
    out.document('show', {
      ...outcome,
      granted: lastGranted(timeline),
      timeline: timeline.map(plain),
      broker: site.name,
    });
  else await out.print(storyOf(outcome, timeline, site, { now: now(), width: out.width }));
  return 0;
}

/** What has happened to a request and its grant, for whoever may see it. */
export async function timelineOf(client: Pick<BrokerClient, 'entries'>, request: RequestId): Promise<readonly Step[]> {
  return readTimeline(await entriesOf(client, request));
}

/** Without what stands in its details already. */
const plain = ({ sequence, at, type, details }: Step): Omit<Step, 'granted'> => ({ sequence, at, type, details });

const PAGE = 100;
const MOST_PAGES = 20;

/** Of the request, which those of its grant name too: whoever may see the request may read them. */
async function entriesOf(client: Pick<BrokerClient, 'entries'>, request: RequestId): Promise<EntriesView['entries']> {
  const all: EntriesView['entries'][number][] = [];
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const { entries } = await client.entries({ request, from: (all.at(-1)?.sequence ?? -1) + 1, limit: PAGE });
    all.push(...entries);
    if (entries.length < PAGE) break;
  }
  return all;
}

function storyOf(
  outcome: Outcome,
  timeline: readonly Step[],
  site: Site,
  { now, width }: { readonly now: number; readonly width: number },
): Line[] {
  const { request, grant } = outcome;
  const time = (text: string): string => recordedTime(Date.parse(text), now);
  const granted = lastGranted(timeline);
  const given = (target: string): readonly Line[] =>
    granted
      .filter((one) => one.target === target)
      .flatMap(({ permission }) => [[toned('dim', 'granted')], ...permissionLines(permission, width)]);
  const facts: Fact[] = [
    fact('request', request.id, 'strong'),
    ...(grant === null ? [] : [fact('grant', grant.id, 'strong')]),
    ...brokerFact(site),
    fact('state', standing(outcome), 'strong'),
    fact('access', accessWords(request)),
    fact('for', formatDuration(request.seconds)),
    fact('reason', request.reason),
    ...(request.ticket === null ? [] : [fact('ticket', request.ticket)]),
    ...incidentFact(request),
    fact('by', by(request.requester)),
    fact('asked', time(request.createdAt)),
    fact('decision', `${request.state}${request.tier === null ? '' : `, ${request.tier}`}: ${request.why}`),
    ...request.votes.map((vote) => fact('vote', `${voteWords(vote)}, ${time(vote.at)}`)),
    ...(grant === null && request.state === 'pending' ? openFacts(request, now) : []),
    ...(grant === null ? [] : [...grantTimes(grant, time), ...grantTerms(grant)]),
  ];
  return [
    ...record(facts, width),
    ...request.permissions.flatMap(({ target, actions, resources }) => [
      '',
      ...record([fact('permission', actions.join(', ')), fact('on', resources.join(', ')), fact('at', target)], width),
    ]),
    ...(grant?.legs ?? []).flatMap((leg) => ['', ...record([...legFacts(leg, now)], width), ...given(leg.target)]),
    ...(timeline.length === 0
      ? []
      : [
          '',
          ...record(
            timeline.map((step) => fact(step.at, [step.type, ...shortDetails(step)].join('  '))),
            width,
          ),
        ]),
  ];
}

/** The permission has a place of its own. */
function shortDetails({ granted, details }: Step): readonly string[] {
  return granted === undefined ? details : details.filter((each) => each !== `granted=${granted.permission}`);
}

function openFacts(request: Outcome['request'], now: number): Fact[] {
  const { deadline, quorum } = request;
  return [
    ...(quorum.length === 0 ? [] : [fact('missing', missingWords(request), 'warn')]),
    ...(deadline === null ? [] : [fact('waits', `${roughly(Math.max(0, Date.parse(deadline) - now))} more`, 'warn')]),
  ];
}

function grantTimes(grant: GrantView, time: (text: string) => string): Fact[] {
  const times = [
    ['issued', grant.issuedAt],
    ['ends', grant.expiresAt],
    ['ended', grant.endedAt],
    ['closed', grant.closedAt],
  ] as const;
  return times.flatMap(([name, at]) => (at === null ? [] : [fact(name, time(at))]));
}

function grantTerms({ state, renewals, idleSeconds }: GrantView): Fact[] {
  return [
    ...(renewals === 0 ? [] : [fact('renewed', renewals === 1 ? 'once' : `${renewals} times`)]),
    ...(idleSeconds === null || state !== 'active'
      ? []
      : [fact('idle', `ends when idle for ${formatDuration(idleSeconds)}`)]),
  ];
}

function by({ name, kind, subject, issuer, actsFor }: Outcome['request']['requester']): string {
  const own = `${name} (${kind} ${subject} of ${issuer})`;
  return actsFor === undefined ? own : `${own} for ${actsFor.name} (${actsFor.subject} of ${actsFor.issuer})`;
}
