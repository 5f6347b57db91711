/**
 * A grant around one command: credentials before it, an end with it, and a cut when the grant ends first.
 * @module
 */
import { asJitError, JitError, worded } from '../../core/errors.ts';
import { adoptionOf } from '../../keeper/connect.ts';
import { whyOver } from '../../keeper/ending.ts';
import { deadline, type Deadline, pause, readClocks, waitUntilOver } from '../../local/clock.ts';
import { secretFile } from '../../local/secret-files.ts';
import type { Access } from '../../profiles/tool.ts';
import type { GrantView } from '../../wire/views.ts';
import { boundWords, endOf, targetWords, toolOf } from '../access/words.ts';
import { type Granted, poll } from '../access/submit.ts';
import type { Context } from '../context.ts';
import { tellDesktop } from '../desktop.ts';
import { siteOf } from '../site.ts';
import { profilesHere } from '../sweep.ts';
import { bothTimes, clockTime } from '../time.ts';
import { type Ending, runChild } from './child.ts';
import { accessEnvironment, applyChange, losses } from './environment.ts';

const CUT_OFF_STATUS = 107;
const REVOKE_MS = 30_000;

/**
 * Runs the command and revokes the grant after it. Throws only while the command has not run; what was granted by then
 * is revoked first.
 * @returns the status for the shell.
 */
export async function runWithGrant(context: Context, granted: Granted, argv: readonly string[]): Promise<number> {
  let env: Record<string, string>;
  try {
    env = await prepare(context, granted);
    context.signal.throwIfAborted();
  } catch (thrown) {
    await giveBack(context, granted);
    throw thrown;
  }
  const done = new AbortController();
  let why: string | null = null;
  const over = grantOver(context, granted, done.signal).then((reason) => void (why = reason));
  const ending = await runChild({
    argv,
    env,
    onTerminal: context.terminal.interactive,
    signals: context.signals,
    over,
  });
  done.abort();
  await giveBack(context, granted);
  return await report(context, granted, ending, why);
}

const NEVER = new Promise<never>(() => undefined);

async function prepare(context: Context, granted: Granted): Promise<Record<string, string>> {
  const site = await siteOf(context);
  const { id, legs } = granted.grant;
  const accesses = await accessesOf(context, granted);
  const change = await accessEnvironment(context.env, context.platform, id, accesses);
  const lost = losses(context.env, change);
  const { out, now } = context;
  const end = endOf(granted.grant);
  const ends = end === null ? '' : `, ends ${bothTimes(end, now())}`;
  const message = `${boundWords(granted.request)} at ${targetWords(legs)}${ends}`;
  await out.note(worded({ broker: site.broker, message }));
  if (lost.length > 0)
    await out.note(`not passed on to the command, since it would be used instead: ${lost.join(', ')}`);
  return applyChange(context.env, change);
}

/**
 * How a command gets to the grant at each of its targets, the keeper holding it from then on. Throws `ERR_KEEPER` when the
 * keeper serves nothing, `ERR_TARGET` for a target that its broker does not know any more.
 */
export async function accessesOf(context: Context, granted: Granted): Promise<readonly Access[]> {
  const { grant } = granted;
  const [{ ref }, keeper, { broker }] = await Promise.all([context.broker(), context.keeper(), siteOf(context)]);
  const profiles = await profilesHere(context, grant.id);
  const endpoint = await keeper.adopt(adoptionOf(granted, { broker: ref, profiles, delivery: 'endpoint' }));
  if (endpoint === null) {
    throw new JitError({ code: 'ERR_KEEPER', message: 'the keeper serves no endpoint for this grant' });
  }
  const { runtime, jit: script } = context.installation;
  return grant.legs.map((leg) => {
    const { target, name } = leg;
    const tool = toolOf(granted.request, leg);
    if (tool === null) {
      throw new JitError({
        code: 'ERR_TARGET',
        message: `the broker does not know the target ${target} any more`,
        broker,
      });
    }
    return {
      grant: grant.id,
      target,
      tool,
      external: name,
      endpoint: grant.legs.length === 1 ? endpoint : { ...endpoint, url: `${endpoint.url}/${target}` },
      secretFile: secretFile(context.paths().run, grant.id, target),
      command: { runtime, script },
      expiresAt: endOf(grant) ?? 0,
    };
  });
}

/**
 * Resolves when the time is up on either clock, or when the broker says that the grant has ended.
 * @returns why, where there is more to say than that; else null.
 */
async function grantOver(context: Context, { grant, request }: Granted, stop: AbortSignal): Promise<string | null> {
  const incident = request.incident?.reference ?? null;
  let until = deadlineOf(grant);
  let moved = new AbortController();
  let cut: string | null = null;
  const follow = (seen: GrantView): void => {
    const end = endOf(seen);
    if (end === null || end === until.endsAt) return;
    // An earlier end is measured from where the old one was: a clock that was set back meanwhile gains nothing.
    const earlier = end < until.endsAt;
    until = earlier ? { ...until, endsAt: end } : deadlineOf(seen);
    cut = earlier ? whyOver('incident-closed', incident) : null;
    if (cut !== null) void warn(context, cut, end);
    moved.abort();
  };
  const timeUp = async (): Promise<string | null> => {
    for (;;) {
      moved = new AbortController();
      const either = AbortSignal.any([moved.signal, stop]);
      const done = await waitUntilOver(until, readClocks, either).then(
        () => true,
        () => false,
      );
      stop.throwIfAborted();
      if (done) return cut;
    }
  };
  const ended = endedAtBroker(context, grant, follow, stop).then((reason) => whyOver(reason, incident));
  return await Promise.race([timeUp(), ended]).catch(() => NEVER);
}

/** The command goes on until then. */
async function warn(context: Context, cut: string, end: number): Promise<void> {
  const { broker } = await siteOf(context);
  const message = `${cut}: access ends ${bothTimes(end, context.now())}, and the command with it`;
  await context.out.note(worded({ broker, message }));
  await tellDesktop(context, message);
}

function deadlineOf(grant: GrantView): Deadline {
  return deadline(endOf(grant) ?? 0, readClocks());
}

/** @param onLive told of the grant as it stands, which may have been renewed or cut short. @returns why it has ended. */
async function endedAtBroker(
  context: Context,
  grant: GrantView,
  onLive: (seen: GrantView) => void,
  stop: AbortSignal,
): Promise<string | null> {
  const { client } = await context.broker(stop);
  let { version } = grant;
  try {
    for (;;) {
      const outcome = await poll(
        { now: context.now, signal: stop },
        () => client.getGrant(grant.id, { waitSeconds: 30, after: version }),
        Number.POSITIVE_INFINITY,
      ).catch((thrown: unknown) => {
        // Whatever else the broker answers, the clock still ends the grant in time.
        if (stop.aborted) throw thrown;
        return null;
      });
      if (outcome === null) await pause(5_000, stop);
      else if (outcome.grant !== null && outcome.grant.state !== 'active') return outcome.grant.reason;
      else if (outcome.grant !== null) {
        version = outcome.grant.version;
        onLive(outcome.grant);
      }
    }
  } finally {
    client.close();
  }
}

/** Wipes here first, then revokes, and waits until the broker has taken it; a second Ctrl-C stops the waiting. */
async function giveBack(context: Context, { grant }: Granted): Promise<void> {
  const { out, now } = context;
  const stop = new AbortController();
  const restore = context.signals.divert(() =>
    stop.abort(new JitError({ code: 'ERR_INTERRUPTED', message: 'interrupted' })),
  );
  try {
    await (await context.keeper()).release(grant.id).catch((thrown: unknown) => out.note(worded(asJitError(thrown))));
    const { client } = await context.broker(stop.signal);
    await poll({ now, signal: stop.signal }, () => client.revoke(grant.id, 'completed'), now() + REVOKE_MS);
    client.close();
  } catch (thrown) {
    const end = endOf(grant);
    const { broker, line } = await siteOf(context);
    const ends = end === null ? '' : ` at ${clockTime(end, now())}`;
    await out.note(worded({ broker, message: `${asJitError(thrown).message}; the grant ends by itself${ends}` }));
    await out.hint(`revoke it with: ${line(`jit revoke ${grant.id}`)}`);
  } finally {
    restore();
  }
}

async function report(context: Context, { grant }: Granted, ending: Ending, why: string | null): Promise<number> {
  const { out } = context;
  if (ending.cutOff === 'yes') {
    const { broker, line } = await siteOf(context);
    const message =
      why === null
        ? 'the grant ended while the command was running, so the command was ended'
        : `${why}, so the grant ended while the command was running, and the command was ended`;
    await out.note(worded({ broker, message }));
    if (why !== null) await tellDesktop(context, `${why}: your command was ended`);
    await out.hint(`the whole story: ${line(`jit show ${grant.id}`)}`);
    return CUT_OFF_STATUS;
  }
  if (ending.problem !== null) await out.note(worded(ending.problem));
  return ending.status;
}
