/**
 * From a complete request to a live grant, or to an error that says how things stand.
 * @module
 */
import { asJitError, JitError, worded } from '../../core/errors.ts';
import type { Random } from '../../core/ports.ts';
import type { RequestBody } from '../../wire/bodies.ts';
import { whyOver } from '../../keeper/ending.ts';
import type { GrantView, Outcome, RequestView } from '../../wire/views.ts';
import type { Context } from '../context.ts';
import { unlessStopped, withProgress } from '../progress.ts';
import { type Site, siteOf } from '../site.ts';
import { tellDesktop } from '../desktop.ts';
import type { Format } from '../output.ts';
import { failedWords } from './legs.ts';
import type { CompleteAccess } from './complete.ts';
import type { Consent } from './consent.ts';
import type { Patience } from './flags.ts';
import { missingWords } from './words.ts';

/** An outcome whose grant is there. */
export interface Granted extends Outcome {
  readonly grant: GrantView;
}

export function bodyOf({ ask, also, seconds, reason, ticket, incident }: CompleteAccess): RequestBody {
  return {
    authorization_details: [ask, ...also].map(({ operation, resources, target }) => ({
      type: 'jit_access',
      operation,
      resources: [...resources],
      ...(target === undefined ? {} : { target }),
    })),
    seconds,
    reason,
    ...(ticket === null ? {} : { ticket }),
    ...(incident === null ? {} : { incident }),
  };
}

/** An Idempotency-Key: however often the network loses the answer, there is one request. */
export function newKey(random: Random): string {
  return Buffer.from(random(16)).toString('base64url');
}

/** After Ctrl-C the answer to a request that is already on its way is still waited for, to be able to name it. */
const LINGER_MS = 2_000;

/**
 * Sends the request. Interrupted before it is sent, nothing exists; interrupted later, the error names what lives on.
 * @param key Idempotency-Key.
 */
export async function submit(context: Context, body: RequestBody, key: string): Promise<Outcome> {
  const { signal } = context;
  signal.throwIfAborted();
  const lingering = new AbortController();
  const linger = (): void => void setTimeout(() => lingering.abort(signal.reason), LINGER_MS).unref();
  signal.addEventListener('abort', linger, { once: true });
  const site = await siteOf(context);
  const { client } = await context.broker(lingering.signal);
  try {
    const waiting = { what: 'asking the broker', broker: site.broker, until: null };
    const outcome = await withProgress(context, waiting, () => client.request(body, key));
    if (signal.aborted) throw livesOn(asJitError(signal.reason), outcome, site);
    return outcome;
  } catch (thrown) {
    if (!lingering.signal.aborted) throw thrown;
    const { code } = asJitError(signal.reason);
    throw new JitError({
      code,
      message: 'interrupted; the request may have reached the broker',
      hint: `see: ${site.line('jit list --all')}`,
      broker: site.broker,
    });
  } finally {
    signal.removeEventListener('abort', linger);
    client.close();
  }
}

/** How somebody waits for a grant. */
export interface Waiter {
  readonly patience: Patience;
  readonly consent: Consent;
  readonly format: Format;
}

/**
 * Brings a request to its live grant: confirms what is self-serve, waits for those who approve, and takes up what they
 * approved. Throws `ERR_DENIED` and `ERR_CLOUD` with the broker's own words, `ERR_PENDING` when
 * patience ends first, `ERR_GRANT_ENDED` when the grant is over already; each names what lives on.
 */
export async function awaitGrant(context: Context, first: Outcome, waiter: Waiter): Promise<Granted> {
  const began = context.now();
  const granted = await awaitOutcome(context, first, { ...waiter, until: settled });
  if (context.now() - began > WORTH_TELLING_MS) await tellDesktop(context, 'your access is ready');
  return granted;
}

/** How far somebody brings a request, and how they wait. */
export interface Errand<T> extends Waiter {
  /** What they are there for; null as long as it has not come. Throws when it will not come any more. */
  readonly until: (outcome: Outcome, site: Site) => T | null;
}

/** Does what the caller can do themselves, and waits for what others do. Throws as `awaitGrant` does. */
export async function awaitOutcome<T>(context: Context, first: Outcome, errand: Errand<T>): Promise<T> {
  const { patience, consent, format } = errand;
  const { now, signal } = context;
  const until = patience.kind === 'none' ? now() : now() + patience.seconds * 1_000;
  const site = await siteOf(context);
  let outcome = first;
  let told: string | null = null;
  for (;;) {
    const done = errand.until(outcome, site);
    if (done !== null) return done;
    if (outcome.request.can.includes('confirm')) {
      const { confirmOwn } = await import('./consent.ts');
      outcome = await confirmOwn(context, outcome, { consent, format, site });
      continue;
    }
    if (outcome.request.can.includes('issue')) {
      outcome = await takeUp(context, outcome, site, until);
      continue;
    }
    const left = until - now();
    if (left <= 0) throw pending(outcome, site);
    const lacking = whatLacks(outcome);
    if (format === 'human' && lacking !== null && lacking !== told)
      await tellWhatLacks(context, outcome, lacking, site);
    told = lacking;
    const { id, version } = outcome.request;
    outcome = await withProgress(context, { what: waitingFor(outcome), broker: site.broker, until }, async () => {
      const { client } = await context.broker();
      return await unlessStopped(
        signal,
        poll(context, () => client.getRequest(id, { waitSeconds: pollSeconds(left), after: version }), until),
      );
    }).catch((thrown: unknown) => {
      throw signal.aborted ? livesOn(asJitError(signal.reason), outcome, site) : thrown;
    });
  }
}

/** What has come sooner has been seen coming. */
const WORTH_TELLING_MS = 15_000;

/**
 * Whatever has changed meanwhile, such as an approval that does not hold any more, is seen by looking again. However often it is
 * asked for, there is one grant.
 */
async function takeUp(context: Context, { request }: Outcome, site: Site, until: number): Promise<Outcome> {
  const { client } = await context.broker();
  try {
    return await withProgress(context, { what: 'asking the cloud', broker: site.broker, until: null }, () =>
      poll(context, () => client.issue(request.id), until),
    );
  } catch (thrown) {
    if (!(thrown instanceof JitError) || thrown.code !== 'ERR_PENDING') throw thrown;
    return await client.getRequest(request.id);
  }
}

/** Whose word is missing, in words; null where none is. */
function whatLacks({ request, grant }: Outcome): string | null {
  const { state, tier, requester } = request;
  if (grant !== null || state !== 'pending') return null;
  if (tier === 'self-serve') return `confirmation by ${requester.actsFor?.name ?? 'a person'}`;
  // The one reason for which emergency access waits for anybody.
  if (request.incident !== null)
    return `confirmation by ${missingWords(request)}, since ${request.incident.source} gives no answer`;
  return request.quorum.some(({ missing }) => missing > 0) ? `approval by ${missingWords(request)}` : null;
}

/** In lines that stay, for whoever has to be told. */
async function tellWhatLacks({ out }: Context, { request }: Outcome, lacking: string, site: Site): Promise<void> {
  const verb = request.tier === 'self-serve' ? 'wait' : 'approve';
  await out.note(worded({ broker: site.broker, message: `it needs ${lacking}` }));
  await out.hint(`for them to look and decide: ${site.line(`jit ${verb} ${request.id}`)}`);
}

function waitingFor(outcome: Outcome): string {
  const { request, grant } = outcome;
  if (grant !== null) return 'waiting for the cloud';
  if (request.state !== 'pending') return `waiting until ${request.id} is taken up`;
  const lacking = whatLacks(outcome);
  return lacking === null ? `waiting for a decision on ${request.id}` : `waiting for ${lacking}`;
}

const LONGEST_POLL_SECONDS = 30;

export function pollSeconds(leftMs: number): number {
  return Math.max(1, Math.min(LONGEST_POLL_SECONDS, Math.ceil(leftMs / 1_000)));
}

const PAUSE_MS = 1_000;

/** Asks again while the broker is out of reach: a broker that restarts must not lose those who wait for it. */
export async function poll<T>(
  context: Pick<Context, 'now' | 'signal'>,
  ask: () => Promise<T>,
  until: number,
): Promise<T> {
  const { pause } = await import('../../local/clock.ts');
  for (;;) {
    try {
      return await ask();
    } catch (thrown) {
      const error = asJitError(thrown);
      if (!error.facts.retryable || context.signal.aborted || context.now() + PAUSE_MS >= until) throw thrown;
    }
    await pause(PAUSE_MS, context.signal);
  }
}

/** The live grant; null while it is not decided or not issued yet. Throws when there will be none. */
export function settled(outcome: Outcome, site: Site): Granted | null {
  const { request, grant } = outcome;
  const { broker } = site;
  switch (request.state) {
    case 'pending':
      return null;
    case 'denied':
      throw new JitError({ code: 'ERR_DENIED', message: `denied: ${request.why}`, subject: request.id, broker });
    case 'cancelled':
    case 'timed-out':
      throw new JitError({
        code: 'ERR_DENIED',
        message: `the request was ${request.state}: ${request.why}`,
        subject: request.id,
        broker,
      });
    case 'approved':
      break;
  }
  if (grant === null || grant.state === 'issuing') return null;
  if (grant.state === 'active') return { request, grant };
  if (grant.reason === 'failed') {
    throw new JitError({
      code: 'ERR_CLOUD',
      message: failedWords(grant.legs),
      hint: `the whole story: ${site.line(`jit show ${grant.id}`)}`,
      subject: grant.id,
      broker,
    });
  }
  throw ended(grant, request, site);
}

export function ended(
  grant: Pick<GrantView, 'id' | 'reason'>,
  { incident }: Pick<RequestView, 'incident'>,
  { broker, line }: Site,
): JitError {
  const why = whyOver(grant.reason, incident?.reference ?? null);
  return new JitError({
    code: 'ERR_GRANT_ENDED',
    message: `the grant has ended${why !== null ? `: ${why}` : grant.reason === null ? '' : ` (${grant.reason})`}`,
    hint: `the whole story: ${line(`jit show ${grant.id}`)}`,
    subject: grant.id,
    broker,
  });
}

function pending(outcome: Outcome, { broker, line }: Site): JitError {
  const { request, grant } = outcome;
  const lacking = whatLacks(outcome);
  const needs = lacking === null ? '' : `: it needs ${lacking}`;
  const { actsFor } = request.requester;
  const together = request.state === 'pending' && request.tier === 'self-serve' && actsFor !== undefined;
  return new JitError({
    code: 'ERR_PENDING',
    message:
      request.state === 'pending'
        ? `not decided yet${needs}; the request lives on`
        : 'not issued yet; the grant lives on',
    hint: `${together ? `${actsFor.name} confirms it, and you go on, both` : 'go on waiting'} with: ${line(`jit wait ${grant?.id ?? request.id}`)}`,
    subject: grant?.id ?? request.id,
    broker,
  });
}

function livesOn({ code }: JitError, { request, grant }: Outcome, { broker, line }: Site): JitError {
  const id = grant?.id ?? request.id;
  const end = grant === null ? '' : `, end it with: ${line(`jit revoke ${grant.id}`)}`;
  return new JitError({
    code,
    message: `interrupted; ${id} lives on`,
    hint: `take it up again with: ${line(`jit wait ${id}`)}${end}`,
    subject: id,
    broker,
  });
}
