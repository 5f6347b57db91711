/**
 * A rehearsal of an emergency from end to end, against the sandbox. It goes the ordinary way at every step.
 * @module
 */
import type { BrokerClient, IssuedCredential } from '../../client/client.ts';
import { asJitError, JitError, worded } from '../../core/errors.ts';
import { DRILLS } from '../../core/incident.ts';
import { pause } from '../../local/clock.ts';
import { awsFiles } from '../../profiles/aws/names.ts';
import { listProfiles } from '../../profiles/aws/wipe.ts';
import type { IncidentView } from '../../wire/emergencies.ts';
import type { CompleteAccess } from '../access/complete.ts';
import { install } from '../access/install.ts';
import { obtain } from '../access/obtain.ts';
import type { Granted } from '../access/submit.ts';
import { SANDBOX_HELLO } from '../access/words.ts';
import type { Context } from '../context.ts';
import type { Format } from '../output.ts';
import { unlessStopped, withProgress } from '../progress.ts';
import { type Site, siteOf } from '../site.ts';
import { tidyUp } from './tidy.ts';
import { reportDrill } from './report.ts';
import { startStopwatch, type Stopwatch } from './steps.ts';
import { readNow, type Reader, useProfile } from './use.ts';

const SECONDS = 120;
/** From the close on. In the sandbox revocation takes no time of its own. */
const PATIENCE_MS = 30_000;
const LOOK_EVERY_MS = 20;

/** @returns 0 if every step held. Throws what keeps access from being granted; whatever happens, nothing stays live. */
export async function runDrill(
  context: Context,
  { target, format }: { readonly target: string | null; readonly format: Format },
): Promise<number> {
  const site = await siteOf(context);
  const { client } = await context.broker();
  const place = await sandboxOf(client, target, site);
  // Before anything is open: what cannot start here costs nobody anything.
  await context.keeper();
  context.signal.throwIfAborted();
  const drill = await client.beginDrill();
  let granted: Granted | null = null;
  let finished = false;
  try {
    const watch = startStopwatch(context.now);
    if (format === 'human') {
      const message = `${drill.reference} is open: a drill, which reaches ${place} and nothing else`;
      await context.out.note(worded({ broker: site.broker, message }));
    }
    watch.reach('asked');
    granted = await obtain(context, accessIn(drill, place), {
      patience: { kind: 'seconds', seconds: SECONDS },
      consent: 'given',
      format,
    });
    const shown = await rehearse(context, { drill, granted, watch, site });
    finished = shown.problem === null;
    return await reportDrill(context, { drill, granted, reached: watch.reached(), ...shown }, site, format);
  } finally {
    if (!finished) await tidyUp(context, drill, granted);
  }
}

async function sandboxOf(client: BrokerClient, named: string | null, { broker }: Site): Promise<string> {
  const sandboxes = (await client.catalog()).targets.filter(({ sandbox }) => sandbox).map(({ name }) => name);
  const found = named === null ? sandboxes[0] : sandboxes.find((each) => each === named);
  if (found !== undefined) return found;
  throw new JitError({
    code: 'ERR_TARGET',
    message: named === null ? 'this broker has no sandbox to rehearse with' : 'a drill is for a sandbox alone',
    hint: sandboxes.length === 0 ? 'its operator configures one' : `name one of: ${sandboxes.join(', ')}`,
    broker,
  });
}

function accessIn({ id }: IncidentView, target: string): CompleteAccess {
  const resource = `arn:aws:s3:::${SANDBOX_HELLO.bucket}/${SANDBOX_HELLO.key}`;
  return {
    ask: { operation: 's3:GetObject', resources: [resource], target },
    also: [],
    seconds: SECONDS,
    reason: 'a drill of jit breakglass',
    ticket: null,
    incident: `${DRILLS}/${id}`,
    format: 'json',
  };
}

interface Scene {
  readonly drill: IncidentView;
  readonly granted: Granted;
  readonly watch: Stopwatch;
  readonly site: Site;
}

/** From the grant to its end. Throws only when the user stops. */
async function rehearse(
  context: Context,
  { drill, granted, watch, site }: Scene,
): Promise<{ readonly reader: Reader | null; readonly problem: JitError | null }> {
  const { signal } = context;
  let reader: Reader | null = null;
  const doing = <T>(what: string, work: () => Promise<T>): Promise<T> =>
    withProgress(context, { what, broker: site.broker, until: null }, () => unlessStopped(signal, work()));
  try {
    const { client } = await context.broker();
    const [profile] = await install(context, granted, { profile: null, holds: 'process', onFailure: 'keep' });
    if (profile === undefined) throw new JitError({ code: 'ERR_TARGET', message: 'a drill is for the sandbox alone' });
    watch.reach('granted');
    const kept = await keysOf(client, granted, site);
    reader = await doing('reading through the profile', () => useProfile(context, profile.name, kept));
    watch.reach('used');
    await demandRead(context, kept);
    watch.reach('closed');
    await doing('closing the incident', async () => {
      const until = context.now() + PATIENCE_MS;
      await Promise.all([
        client.endDrill(drill.id),
        untilRefused(context, kept, until).then(() => watch.reach('refused')),
        untilWiped(context, granted, until).then(() => watch.reach('wiped')),
      ]);
    });
    return { reader, problem: null };
  } catch (thrown) {
    if (signal.aborted) throw interrupted(asJitError(thrown), drill);
    return { reader, problem: asJitError(thrown) };
  }
}

/** Kept by itself, as by somebody who has copied them: the wiped profile alone would prove nothing about the cloud. */
async function keysOf(client: BrokerClient, { grant }: Granted, { broker }: Site): Promise<IssuedCredential> {
  const [issued] = (await client.credentials(grant.id)).credentials;
  if (issued !== undefined) return issued;
  throw new JitError({ code: 'ERR_BROKER_REPLY', message: 'the broker sent no credential', broker });
}

/** That they are refused later proves something only if they work now. */
async function demandRead(context: Context, kept: IssuedCredential): Promise<void> {
  if ((await readNow(kept, context.signal)).kind === 'read') return;
  throw new JitError({ code: 'ERR_CLOUD', message: 'the cloud refuses the credentials before the incident is closed' });
}

async function untilRefused(context: Context, kept: IssuedCredential, until: number): Promise<void> {
  while ((await readNow(kept, context.signal)).kind !== 'refused') {
    if (context.now() > until) {
      throw new JitError({
        code: 'ERR_CLOUD_BUSY',
        message: 'the cloud still takes the credentials of a closed incident',
      });
    }
    await pause(LOOK_EVERY_MS, context.signal);
  }
}

async function untilWiped(context: Context, { grant }: Granted, until: number): Promise<void> {
  const files = awsFiles(context.env, context.platform);
  while ((await listProfiles(files)).some((each) => each.grant === grant.id)) {
    if (context.now() > until) {
      throw new JitError({
        code: 'ERR_LOCAL_FILE',
        message: `the profile of a closed incident is still in ${files.config}`,
        hint: 'remove it with: jit wipe',
      });
    }
    await pause(LOOK_EVERY_MS, context.signal);
  }
}

function interrupted({ code }: JitError, { reference }: IncidentView): JitError {
  return new JitError({ code, message: `interrupted; ${reference} is closed, and nothing of it stays` });
}
