/**
 * From a live grant to a session in the AWS console.
 * @module
 */
import { consoleDestination, consoleSite, type ConsoleSite, signInAddress } from '../../client/aws-console.ts';
import type { AwsSettings } from '../../core/credential.ts';
import { formatDuration } from '../../core/duration.ts';
import { JitError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import { openBrowser } from '../../identity/sign-in/browser.ts';
import { ownUid } from '../../local/private-dir.ts';
import type { LegView } from '../../wire/views.ts';
import { type Granted, settled } from '../access/submit.ts';
import { endOf, SANDBOX_NOTE } from '../access/words.ts';
import { awsSession } from '../aws-session.ts';
import { usage } from '../command.ts';
import type { ConsoleOptions } from '../commands/console.ts';
import type { Context } from '../context.ts';
import { type Site, siteOf } from '../site.ts';
import { bothTimes, relative } from '../time.ts';
import { passToBrowser } from './pass.ts';

/** IAM user guide: the address "is valid for 15 minutes after it is created". */
const VALID_MS = 900_000;
const BROWSER_MS = 60_000;

/**
 * Prints the address, or has the browser open it.
 * @param siteOfRegion where a region's console is; by default where AWS has it.
 * @returns the exit status. Throws `ERR_GRANT_ENDED`, `ERR_TARGET` where there is no console, `ERR_USAGE` for a destination
 * outside it, and what broker, keeper and AWS answer.
 */
export async function signInToConsole(
  context: Context,
  { id, target, destination, show, format }: ConsoleOptions,
  siteOfRegion: (region: string) => ConsoleSite = consoleSite,
): Promise<number> {
  const { out, now } = context;
  const site = await siteOf(context);
  const { ref, client } = await context.broker();
  const granted = settled(await client.getGrant(id), site);
  if (granted === null) throw notYet(id, site);
  const { leg, tool } = placeOf(granted, target, site);
  const place = siteOfRegion(tool.region);
  const where = consoleDestination(place, tool.region, destination);
  const session = await awsSession(context, id, leg.target);
  // What was handed out goes to AWS only if it is AWS's own.
  if (session.endpoint !== null || session.region !== tool.region) throw noConsole(leg, site);
  const address = await signInAddress({
    keys: session.keys,
    site: place,
    destination: where,
    issuer: ref.kind === 'url' ? ref.url.origin : 'jit',
    signal: context.signal,
  });
  const urlExpiresAt = now() + VALID_MS;
  const body = { grant: id, target: leg.target, destination: where.href, broker: site.name };
  const { idleSeconds } = granted.grant;
  // With an idle limit the keeper names a time to come back for more, which no console does.
  const end = idleSeconds === null ? session.notAfter : (endOf(granted.grant) ?? session.notAfter);
  const expiresAt = rfc3339(end);
  if (show === 'open') {
    await openIt(context, address, site.line(`jit console ${id}`));
    if (format === 'json') out.document('console', { ...body, opened: true, expiresAt });
  } else if (format === 'json') {
    out.document('console', { ...body, url: address.expose(), urlExpiresAt: rfc3339(urlExpiresAt), expiresAt });
  } else {
    out.raw(`${address.expose()}\n`);
    await out.note(
      `keep this address to yourself: whoever opens it is signed in, for ${relative(urlExpiresAt, now()).replace(/^in /, '')}`,
    );
  }
  if (format === 'human') {
    await out.note(`what you may do there ends ${bothTimes(end, now())} at the latest, and sooner with the grant`);
    if (idleSeconds !== null) {
      await out.note(
        `jit does not see the console in use: without any other use the grant ends after ${formatDuration(idleSeconds)}`,
      );
    }
  }
  return 0;
}

function placeOf(
  { grant }: Granted,
  target: string | null,
  site: Site,
): { readonly leg: LegView; readonly tool: AwsSettings } {
  const { broker } = site;
  const legs = target === null ? grant.legs : grant.legs.filter((leg) => leg.target === target);
  if (legs.length === 0) {
    const hint = `it has: ${grant.legs.map((leg) => leg.target).join(', ')}`;
    throw new JitError({
      code: 'ERR_TARGET',
      message: 'the grant has no such target',
      hint,
      subject: grant.id,
      broker,
    });
  }
  const ofAws = legs.filter(({ provider }) => provider === 'aws');
  const [leg, second] = ofAws;
  if (leg === undefined) {
    const message = `only AWS has a console that jit can open, and this is ${legs.map(({ provider }) => provider).join(', ')}`;
    throw new JitError({ code: 'ERR_TARGET', message, subject: grant.id, broker });
  }
  if (second !== undefined) {
    throw usage(
      'the grant has several targets of AWS',
      `add one of: ${ofAws.map((each) => `--target ${each.target}`).join(', ')}`,
    );
  }
  const { tool } = leg;
  if (tool?.kind !== 'aws') {
    const message = `the broker does not know the target ${leg.target} any more`;
    throw new JitError({ code: 'ERR_TARGET', message, subject: grant.id, broker });
  }
  if (tool.identity === 'own') {
    throw new JitError({
      code: 'ERR_TARGET',
      message: `at ${leg.target} the access belongs to your own identity`,
      hint: 'sign in as yourself, at the access portal of your organization',
      subject: grant.id,
      broker,
    });
  }
  if (tool.endpoint !== null || leg.sandbox) throw noConsole(leg, site);
  return { leg, tool };
}

function noConsole({ target, sandbox }: LegView, { broker }: Site): JitError {
  return new JitError({
    code: 'ERR_TARGET',
    message: sandbox
      ? `there is no console at ${target} (${SANDBOX_NOTE})`
      : `there is no console at ${target}: it is not at AWS's own addresses`,
    hint: 'use its profile with the aws program',
    broker,
  });
}

function notYet(id: string, site: Site): JitError {
  return new JitError({
    code: 'ERR_PENDING',
    message: 'the grant cannot be used yet',
    hint: `wait for it with: ${site.line(`jit wait ${id}`)}`,
    subject: id,
    broker: site.broker,
  });
}

/** Throws `ERR_UNEXPECTED` where no browser takes it: it is not printed instead, since that was not asked for. */
async function openIt(context: Context, secret: Secret<string>, instead: string): Promise<void> {
  const { env, platform, random, signal } = context;
  const passed = await passToBrowser({
    secret,
    open: (url) => openBrowser(url, { env, platform }),
    random,
    platform,
    uid: ownUid(),
    timeoutMs: BROWSER_MS,
    signal,
  });
  if (passed === 'fetched') return;
  throw new JitError({
    code: 'ERR_USAGE',
    message:
      passed === 'none' ? 'there is no browser to open' : 'a browser was started, and it has not come for the address',
    hint: `print the address instead: ${instead}`,
  });
}

// Whole seconds, rounded down: nothing may be used after them.
const rfc3339 = (at: number): string => `${new Date(at).toISOString().slice(0, 19)}Z`;
