/**
 * From a live grant to profiles that the ordinary tools can use, one for each target; or, where that fails, back to nothing.
 * @module
 */
import { asJitError, JitError } from '../../core/errors.ts';
import { adoptionOf, type Keeper } from '../../keeper/connect.ts';
import type { HeldProfile } from '../../keeper/protocol.ts';
import { secretFile } from '../../local/secret-files.ts';
import { profilesOf } from '../../profiles/all.ts';
import { filesAt } from '../../profiles/aws/tool.ts';
import { writeStaticCredentials } from '../../profiles/aws/write.ts';
import type { ProfileTool, Tool } from '../../profiles/tool.ts';
import type { LegView } from '../../wire/views.ts';
import type { Broker, Context } from '../context.ts';
import { type Site, siteOf } from '../site.ts';
import { spotsHere } from '../sweep.ts';
import { profileNameFor, toolOf } from './words.ts';
import type { Granted } from './submit.ts';

/** What the profile holds: a way to ask jit, or the keys themselves for tools that need them in a file. */
export type Holds = 'process' | 'keys';

/** How the user wants it. */
export interface Wish {
  /** Null: one is made up. Of several profiles, what each of their names begins with. */
  readonly profile: string | null;
  readonly holds: Holds;
  /** What becomes of the grant if the profile cannot be made: one that was in use before must not be taken away. */
  readonly onFailure: 'revoke' | 'keep';
}

/** A profile that is there. */
export interface Installed {
  readonly name: string;
  readonly tool: Tool;
  readonly path: string;
  readonly target: string;
  readonly holds: Holds;
  /** A command line that uses it. */
  readonly use: string;
}

/** Throws `ERR_PROFILE_NAME` or `ERR_PROFILE_EXISTS` before anything is asked for or written. */
export async function checkWish(context: Context, { profile }: Wish): Promise<void> {
  if (profile === null) return;
  for (const { profiles, places } of spotsHere(context)) await profiles.demandFree(places, profile);
}

/**
 * Hands the grant to the keeper, then writes the profiles: in this order, so that somebody is there to wipe what is
 * written. If any step fails a fresh grant is revoked at once, and the error says so.
 * @returns none for targets at which the access is the requester's own identity's.
 */
export async function install(context: Context, granted: Granted, wish: Wish): Promise<readonly Installed[]> {
  const [broker, site] = [await context.broker(), await siteOf(context)];
  let keeper: Keeper | null = null;
  try {
    const writings = plan(context, granted, wish, site);
    if (wish.holds === 'keys') demandKeys(writings, granted);
    keeper = await context.keeper();
    const profiles = writings.map(({ held }) => held);
    await keeper.adopt(adoptionOf(granted, { broker: broker.ref, profiles, delivery: 'process' }));
    const installed: Installed[] = [];
    for (const writing of writings) installed.push(await writeEntry(context, granted, writing, wish, broker));
    return installed;
  } catch (thrown) {
    if (wish.onFailure === 'keep') throw thrown;
    throw await undo(asJitError(thrown), granted, { broker, keeper, site });
  }
}

/** A profile to be written. */
interface Writing {
  readonly leg: LegView & { readonly tool: NonNullable<LegView['tool']> };
  readonly profiles: ProfileTool;
  readonly held: HeldProfile;
}

function plan(context: Context, granted: Granted, wish: Wish, site: Site): readonly Writing[] {
  const { legs } = granted.grant;
  if (legs.length === 0) {
    throw new JitError({ code: 'ERR_BROKER_REPLY', message: 'the grant names no target', broker: site.broker });
  }
  const base = wish.profile ?? profileNameFor(granted);
  return legs.flatMap((leg) => {
    const { target } = leg;
    const tool = toolOf(granted.request, leg);
    if (tool === null) throw unusable(leg, site);
    const profiles = profilesOf(tool.kind);
    if (profiles === null || ('identity' in tool && tool.identity === 'own')) return [];
    const name = legs.length === 1 ? base : `${base}-${target}`;
    const held = { tool: profiles.tool, name, places: profiles.places(context.env, context.platform) };
    return [{ leg: { ...leg, tool }, profiles, held }];
  });
}

async function writeEntry(
  context: Context,
  granted: Granted,
  { leg, profiles, held }: Writing,
  wish: Wish,
  broker: Broker,
): Promise<Installed> {
  const { grant } = granted;
  const { runtime, jit: script } = context.installation;
  const { locks, run } = context.paths();
  if (grant.expiresAt === null) throw unusable(leg, await siteOf(context));
  const entry = {
    name: held.name,
    grant: grant.id,
    target: leg.target,
    expiresAt: Date.parse(grant.expiresAt),
    command: { runtime, script },
    tool: leg.tool,
    external: leg.name,
    secretFile: secretFile(run, grant.id, leg.target),
  };
  const path = await profiles.write(held.places, entry, { locks, now: context.now });
  const keys = wish.holds === 'keys' && held.tool === 'aws';
  if (keys) await writeKeys(context, granted, held, broker);
  return {
    name: held.name,
    tool: held.tool,
    path: keys ? filesAt(held.places).credentials : path,
    target: leg.target,
    holds: keys ? 'keys' : 'process',
    use: profiles.useLine(held.name, entry),
  };
}

function demandKeys(writings: readonly Writing[], { grant }: Granted): void {
  if (writings.filter(({ held }) => held.tool === 'aws').length === 1) return;
  throw new JitError({
    code: 'ERR_TARGET',
    message: `keys can be written for one target at aws, and this grant is for ${grant.legs.map(({ target }) => target).join(', ')}`,
    hint: 'leave out: --write-credentials',
    subject: grant.id,
  });
}

/** Fetches keys and writes them into the credentials file, in the place of those that stand there for this name. */
export async function writeKeys(
  context: Context,
  { grant }: Granted,
  { name, places }: HeldProfile,
  broker: Broker,
): Promise<void> {
  const { credentials } = await broker.client.credentials(grant.id);
  const aws = credentials.flatMap(({ credential, expiration }) =>
    credential.kind === 'aws' ? [{ secret: credential.secret, expiration }] : [],
  );
  const [issued] = aws;
  const [leg] = grant.legs;
  if (issued === undefined || leg === undefined) {
    throw new JitError({ code: 'ERR_BROKER_REPLY', message: 'the broker sent no keys', subject: grant.id });
  }
  const entry = { name, grant: grant.id, expiresAt: Date.parse(issued.expiration), credential: issued.secret };
  await writeStaticCredentials(filesAt(places), entry, { locks: context.paths().locks, now: context.now });
}

function unusable({ target }: LegView, { broker }: Site): JitError {
  const message = `the broker does not say how to use the target ${target}`;
  return new JitError({ code: 'ERR_BROKER_REPLY', message, broker });
}

/** Revokes what nobody could use anyway, and says whether that worked. */
async function undo(
  failure: JitError,
  { grant }: Granted,
  { broker, keeper, site }: { readonly broker: Broker; readonly keeper: Keeper | null; readonly site: Site },
): Promise<JitError> {
  const results = await Promise.allSettled([keeper?.release(grant.id), broker.client.revoke(grant.id, 'revoked')]);
  const revoked = results[1].status === 'fulfilled';
  const { hint, code } = failure;
  const remedy =
    code === 'ERR_LOCAL_FILE' && hint?.includes('jit exec') !== true ? `${hint ?? ''}; jit exec needs no file` : hint;
  return new JitError({
    code: failure.code,
    // What failed may be a file here; the grant, which this is about in the end, is the broker's.
    message: `${failure.message}; ${revoked ? 'the grant was revoked at once' : `the grant ${grant.id} could not be revoked`}`,
    hint: revoked ? remedy : `revoke it with: ${site.line(`jit revoke ${grant.id}`)}`,
    subject: grant.id,
    broker: failure.broker ?? site.broker,
    cause: failure,
  });
}
