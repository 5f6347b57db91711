/**
 * Taking profiles off this machine: what has run out, or what the user wants gone.
 * @module
 */
import { asJitError, type JitError, worded } from '../core/errors.ts';
import type { GrantId } from '../core/ids.ts';
import { awsFiles } from '../profiles/aws/names.ts';
import { listProfiles, type ManagedProfile, wipeProfiles, type WipeResult } from '../profiles/aws/wipe.ts';
import type { HeldProfile } from '../keeper/protocol.ts';
import type { Context } from './context.ts';

/** Profiles of the selected grants, and the same grants in the keeper's memory. Starts no keeper. */
export async function wipeHere(
  context: Context,
  select: (held: { readonly grant: GrantId }) => boolean,
): Promise<WipeResult> {
  const failed: JitError[] = [];
  const keeper = await context.peekKeeper();
  const held = keeper === null ? [] : (await keeper.list()).filter(select);
  for (const { grant } of held)
    await keeper?.release(grant).catch((thrown: unknown) => failed.push(asJitError(thrown)));
  const result = await wipeWhere(context, select);
  return { ...result, failed: [...failed, ...result.failed] };
}

/** Everything: the keeper gives up all that it holds and ends, so that not even its memory is left; then every profile. */
export async function wipeAll(context: Context): Promise<WipeResult> {
  const keeper = await context.peekKeeper();
  const failed: JitError[] = [];
  await keeper?.wipe().catch((thrown: unknown) => failed.push(asJitError(thrown)));
  await keeper?.stop();
  const result = await wipeWhere(context, () => true);
  // What the keeper could not remove was tried again here.
  return result.failed.length > 0 ? { ...result, failed: [...failed, ...result.failed] } : result;
}

/**
 * Wipes what has run out although nobody was there to do it: the keeper was killed, or the machine was off.
 * Done at the start of every command, so it must cost nothing when there is nothing to do, and it never fails one.
 */
export async function sweepExpired(context: Context): Promise<void> {
  const now = context.now();
  const expired = (profile: ManagedProfile): boolean => profile.expiresAt <= now;
  const files = awsFiles(context.env, context.platform);
  const found = await listProfiles(files).catch(() => []);
  if (!found.some(expired)) return;
  const { wiped, failed } = await wipeWhere(context, expired);
  if (wiped.length > 0) await context.out.note(`wiped what had run out: ${wiped.map(({ name }) => name).join(', ')}`);
  for (const error of failed) await context.out.note(`a profile that has run out could not be wiped: ${worded(error)}`);
}

async function wipeWhere(context: Context, select: (profile: ManagedProfile) => boolean): Promise<WipeResult> {
  const files = awsFiles(context.env, context.platform);
  return await wipeProfiles(files, select, { locks: context.paths().locks });
}

/** The profile that a grant has here already, as the keeper wants to hear of it, or null. */
export async function profileOf(context: Context, grant: GrantId): Promise<HeldProfile | null> {
  const files = awsFiles(context.env, context.platform);
  const found = (await listProfiles(files)).find((profile) => profile.grant === grant);
  return found === undefined ? null : { tool: 'aws', name: found.name, files };
}
