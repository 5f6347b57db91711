/**
 * `jit revoke`: end access now, one's own or what policy lets one end of others.
 * @module
 */
import { display } from '../../core/display.ts';
import { ERRORS, JitError, worded } from '../../core/errors.ts';
import type { GrantId } from '../../core/ids.ts';
import type { GrantView, Outcome, UserRevocation } from '../../wire/views.ts';
import { untilClosed } from '../access/ending.ts';
import { legEnd, legEndLine } from '../access/legs.ts';
import { parseIncident } from '../access/flags.ts';
import { boundWords, targetWords } from '../access/words.ts';
import { command, single, usage } from '../command.ts';
import type { Broker, Context } from '../context.ts';
import { GRANT_ID, isLive, readGrantId } from '../ids.ts';
import type { Format } from '../output.ts';
import { unlessStopped, withProgress } from '../progress.ts';
import { type Site, siteOf } from '../site.ts';
import { wipeHere } from '../sweep.ts';
import { type Line, spansOf, toned } from '../text.ts';
import { bothTimes, clockTime } from '../time.ts';

export interface RevokeOptions {
  readonly scope:
    | { readonly kind: 'one'; readonly id: GrantId }
    | { readonly kind: 'all' }
    /** As people call it, perhaps with its source in front. */
    | { readonly kind: 'incident'; readonly incident: string }
    /** The issuer is the caller's own where it is null. */
    | { readonly kind: 'user'; readonly subject: string; readonly issuer: string | null };
  readonly format: Format;
}

const WAIT_MS = 30_000;

export const revoke = command<RevokeOptions>({
  name: 'revoke',
  group: 'everyday',
  summary: 'end a grant now, here and at the cloud',
  positionals: [{ ...GRANT_ID, takes: 'at most one' }],
  flags: [
    { name: 'all', about: 'every live grant of yours' },
    { name: 'incident', value: 'id', about: 'everything of this incident that you may end', offers: 'incidents' },
    { name: 'user', value: 'subject', about: 'every live grant of this user, as far as policy lets you end it' },
    { name: 'issuer', value: 'url', about: 'with --user: their identity provider, where it is not your own' },
  ],
  examples: [
    { about: 'end one grant', line: 'jit revoke gr_01hv3k9x7m2q5w8e4r6t0yabcd' },
    { about: 'end everything', line: 'jit revoke --all' },
    { about: 'end all access of an incident', line: 'jit revoke --incident INC-7' },
    { about: 'end what somebody else has', line: 'jit revoke --user mallory' },
  ],
  notes: [
    'By its id you end a grant of your own, and one that policy lets you end: see action\nRevoke. --user and --incident say what stays, and then exit 5; 9 where there was\nnothing that you may end.',
    'For each target it says when it was gone and how that was verified, or until when\naccess could last; a target that does not answer holds up no other.',
    'Exit status: 0 when the grant is over; 10 when the cloud has not confirmed the\nend within 30s (jit keeps trying, and says until when access could last).',
  ],
  parse: (input) => ({ scope: parseScope(input), format: input.format }),
  run: async (context, { scope, format }) => {
    await wipeFirst(context, scope);
    const broker = await context.broker();
    const { items: begun, kept, others } = await begin(broker, scope);
    const site = await siteOf(context);
    if (scope.kind === 'user' && begun.length + kept.length === 0) {
      throw new JitError({
        code: 'ERR_NOT_FOUND',
        message: `there is no live grant of ${display(scope.subject, 100)} that you may end`,
        broker: site.broker,
      });
    }
    const until = context.now() + WAIT_MS;
    const what =
      begun.length === 1 ? 'waiting for the cloud to confirm' : `waiting for the cloud to confirm ${begun.length} ends`;
    const outcomes = await withProgress(context, { what, broker: site.broker, until }, () =>
      unlessStopped(context.signal, Promise.all(begun.map((each) => untilClosed(context, broker, each, until)))),
    );
    return await report(context, { outcomes, kept, others }, site, format);
  },
});

function parseScope(input: Parameters<typeof readGrantId>[0]): RevokeOptions['scope'] {
  const all = input.switches.has('all');
  const [subject, issuer, incident] = [single(input, 'user'), single(input, 'issuer'), single(input, 'incident')];
  if (all && input.words.length > 0) throw usage('an id and --all exclude each other');
  if (subject !== null && (all || input.words.length > 0)) throw usage('--user goes with neither an id nor --all');
  if (incident !== null && (all || subject !== null || input.words.length > 0))
    throw usage('--incident goes with neither an id nor --all nor --user');
  if (issuer !== null && subject === null) throw usage('--issuer says whose user is meant', 'add: --user SUBJECT');
  if (subject !== null) return { kind: 'user', subject, issuer };
  if (incident !== null) return { kind: 'incident', incident: parseIncident(incident) };
  return all ? { kind: 'all' } : { kind: 'one', id: readGrantId(input) };
}

/** What has begun to end, and what goes on: by its id, or counted where it is nobody's business here. */
interface Begun extends UserRevocation {
  readonly others: number;
}

async function begin({ client }: Broker, scope: RevokeOptions['scope']): Promise<Begun> {
  switch (scope.kind) {
    case 'one':
      return { items: [await client.revoke(scope.id, 'revoked')], kept: [], others: 0 };
    case 'all':
      return { ...(await client.revokeMine()), kept: [], others: 0 };
    case 'incident': {
      const { items, kept } = await client.revokeIncident(scope.incident);
      return { items, kept: [], others: kept };
    }
    case 'user': {
      const { subject, issuer } = scope;
      return { ...(await client.revokeUser({ subject, ...(issuer === null ? {} : { issuer }) })), others: 0 };
    }
  }
}

/** Locally first: that works although the broker is out of reach. */
async function wipeFirst(context: Context, scope: RevokeOptions['scope']): Promise<void> {
  // What others hold is not here.
  if (scope.kind === 'user') return;
  const { failed } = await wipeHere(context, await selectionOf(context, scope));
  for (const error of failed) await context.out.note(worded(error));
}

type Selection = Parameters<typeof wipeHere>[1];

async function selectionOf(
  context: Context,
  scope: Exclude<RevokeOptions['scope'], { kind: 'user' }>,
): Promise<Selection> {
  switch (scope.kind) {
    case 'one':
      return ({ grant }) => grant === scope.id;
    case 'all':
      return () => true;
    case 'incident': {
      const held = (await (await context.peekKeeper())?.list()) ?? [];
      const { incident } = scope;
      // One by another of its names is wiped as soon as the keeper hears of its end.
      const named = held.filter(({ about }) => about.incident !== null && isNamed(about.incident, incident));
      const grants = new Set(named.map(({ grant }) => grant));
      return ({ grant }) => grants.has(grant);
    }
  }
}

const isNamed = (reference: string, text: string): boolean => text === reference || text.endsWith(`/${reference}`);

async function report(
  { out, now }: Context,
  { outcomes, kept, others }: Pick<Begun, 'kept' | 'others'> & { readonly outcomes: readonly Outcome[] },
  { broker, name, line }: Site,
  format: Format,
): Promise<number> {
  const open = outcomes.filter(({ grant }) => grant !== null && isLive(grant));
  const problem = kept.length + others > 0 ? 'ERR_DENIED' : open.length > 0 ? 'ERR_CLOUD_BUSY' : null;
  const exit = problem === null ? 0 : ERRORS[problem].exit;
  if (format === 'json') {
    out.document('revocation', {
      items: outcomes.map(({ request, grant }) => ({
        request,
        grant,
        ...(grant === null ? {} : { ...endOfAccess(grant), legs: grant.legs.map(legEnd) }),
      })),
      kept,
      others,
      broker: name,
      exit,
    });
    return exit;
  }
  if (outcomes.length + kept.length + others === 0) await out.note(worded({ broker, message: 'no live grants' }));
  await out.print(outcomes.flatMap((outcome) => [sentence(outcome, broker, now()), ...placesOf(outcome, now())]));
  for (const { grant } of open)
    if (grant !== null) await out.hint(`jit goes on trying; look again with: ${line(`jit show ${grant.id}`)}`);
  for (const id of kept) await out.note(worded({ broker, message: `${id} was not ended: it goes on` }));
  if (others > 0) {
    const message = others === 1 ? 'one more grant of it goes on' : `${others} more grants of it go on`;
    await out.note(worded({ broker, message: `${message}: not yours to end` }));
  }
  if (kept.length + others > 0)
    await out.hint('somebody who may has to end them, or try again where the broker was busy');
  return exit;
}

/** `goneAt`: when the cloud confirmed. `residualUntil`: how long access could last otherwise. */
function endOfAccess(grant: GrantView): { readonly goneAt: string | null; readonly residualUntil: string | null } {
  if (!isLive(grant)) return { goneAt: grant.closedAt, residualUntil: null };
  const latest = grant.legs
    .filter(({ state }) => state !== 'gone')
    .map(({ notAfter }) => notAfter)
    .toSorted()
    .at(-1);
  return { goneAt: null, residualUntil: latest ?? null };
}

/** One line for each target: when and how it was seen to be gone, or until when access could last. */
function placesOf({ grant }: Outcome, now: number): readonly Line[] {
  return (grant?.legs ?? []).map((leg) => ['  ', ...spansOf(legEndLine(leg, now))]);
}

function sentence({ request, grant }: Outcome, broker: string | undefined, now: number): Line {
  const by = broker === undefined ? '' : ` (broker ${broker})`;
  if (grant === null) return `${request.id}: nothing was granted${by}`;
  const { goneAt, residualUntil } = endOfAccess(grant);
  const what = `${boundWords(request)} at ${targetWords(grant.legs)}${by}`;
  if (goneAt !== null)
    return [
      toned('strong', grant.id),
      '  ',
      toned('good', `gone at ${clockTime(Date.parse(goneAt), now)}`),
      `  ${what}`,
    ];
  const latest = residualUntil === null ? '' : `; access could last until ${bothTimes(Date.parse(residualUntil), now)}`;
  return [toned('strong', grant.id), '  ', toned('warn', `not confirmed yet${latest}`), `  ${what}`];
}
