/**
 * Taking profiles off this machine: what has run out, or what the user wants gone.
 * @module
 */
import { asJitError, type JitError, worded } from '../core/errors.ts';
import type { GrantId } from '../core/ids.ts';
import type { HeldProfile } from '../keeper/protocol.ts';
import { removeSecretFiles, sweepExpiredFiles, sweepSecretFiles } from '../local/secret-files.ts';
import { type Spot, spotsOf, wipeAllOf } from '../profiles/all.ts';
import type { ManagedProfile, WipeResult } from '../profiles/tool.ts';
import type { Context } from './context.ts';

/** Where profiles of jit can be, under the environment of this command. */
export function spotsHere({ env, platform }: Pick<Context, 'env' | 'platform'>): readonly Spot[] {
  return spotsOf(env, platform);
}

/** Profiles of the selected grants, and the same grants in the keeper's memory. Starts no keeper. */
export async function wipeHere(
  context: Context,
  select: (held: { readonly grant: GrantId }) => boolean,
): Promise<WipeResult> {
  const failed: JitError[] = [];
  const note = (thrown: unknown): void => void failed.push(asJitError(thrown));
  const keeper = await context.peekKeeper();
  const held = keeper === null ? [] : (await keeper.list()).filter(select);
  for (const { grant } of held) await keeper?.release(grant).catch(note);
  const result = await wipeWhere(context, select);
  const grants = new Set(result.wiped.map(({ grant }) => grant));
  for (const grant of grants) await removeSecretFiles(context.paths().run, grant).catch(note);
  return { ...result, failed: [...failed, ...result.failed] };
}

/** Everything: the keeper gives up all that it holds and ends, so that not even its memory is left; then every profile. */
export async function wipeAll(context: Context): Promise<WipeResult> {
  const keeper = await context.peekKeeper();
  const failed: JitError[] = [];
  const note = (thrown: unknown): void => void failed.push(asJitError(thrown));
  await keeper?.wipe().catch(note);
  await keeper?.stop();
  const result = await wipeWhere(context, () => true);
  const files: JitError[] = [];
  await sweepSecretFiles(context.paths().run).catch((thrown: unknown) => files.push(asJitError(thrown)));
  const left = [...result.failed, ...files];
  // What the keeper could not remove was tried again here.
  return left.length > 0 ? { ...result, failed: [...failed, ...left] } : result;
}

/**
 * Wipes what has run out although nobody was there to do it: the keeper was killed, or the machine was off.
 * Done at the start of every command, so it must cost nothing when there is nothing to do, and it never fails one.
 */
export async function sweepExpired(context: Context): Promise<void> {
  const now = context.now();
  const expired = (profile: ManagedProfile): boolean => profile.expiresAt <= now;
  await sweepExpiredFiles(context.paths().run, now).catch(async (thrown: unknown) => {
    await context.out.note(`a secret that has run out could not be removed: ${worded(asJitError(thrown))}`);
  });
  // A file that cannot be read is told of by the commands that need it, and keeps no other from being wiped.
  const looks = spotsHere(context).map(async ({ profiles, places }) => profiles.list(places).catch(() => []));
  if (!(await Promise.all(looks)).flat().some(expired)) return;
  const { wiped, failed } = await wipeWhere(context, expired);
  if (wiped.length > 0) await context.out.note(`wiped what had run out: ${wiped.map(({ name }) => name).join(', ')}`);
  for (const error of failed) await context.out.note(`a profile that has run out could not be wiped: ${worded(error)}`);
}

async function wipeWhere(context: Context, select: (profile: ManagedProfile) => boolean): Promise<WipeResult> {
  return await wipeAllOf(spotsHere(context), select, { locks: context.paths().locks });
}

/** The profiles that a grant has here already, as the keeper wants to hear of them. */
export async function profilesHere(context: Context, grant: GrantId): Promise<readonly HeldProfile[]> {
  const held: HeldProfile[] = [];
  for (const { profiles, places } of spotsHere(context)) {
    const names = (await profiles.list(places)).filter((each) => each.grant === grant).map(({ name }) => name);
    for (const name of new Set(names)) held.push({ tool: profiles.tool, name, places });
  }
  return held;
}
