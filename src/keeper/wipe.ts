/**
 * Takes a grant's profile out of the files of its tool.
 * @module
 */
import type { GrantId } from '../core/ids.ts';
import { profilesOf } from '../profiles/all.ts';
import type { LockDeps, ManagedProfile } from '../profiles/tool.ts';
import { pause } from '../local/clock.ts';
import type { HeldProfile } from './protocol.ts';

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 15_000;

/** Repeats a wipe that has failed, with growing pauses, until nothing is left. Never rejects. */
export async function untilDone(wipeAll: () => Promise<void>): Promise<void> {
  for (let waitMs = FIRST_RETRY_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_RETRY_MS)) {
    await pause(waitMs);
    const done = await wipeAll().then(
      () => true,
      () => false,
    );
    if (done) return;
  }
}

/**
 * Removes everything that jit wrote for this grant, under whatever name the user has given it since.
 * Throws the first `ERR_LOCAL_FILE` if a file still holds any of it.
 */
export async function wipeProfile(profile: HeldProfile, grant: GrantId, deps: LockDeps): Promise<void> {
  await wipe(profile, (found) => found.grant === grant, deps);
}

/** The same, but only for keys that stand in a file: a profile that asks jit each time stays. */
export async function wipeStaticKeys(profile: HeldProfile, grant: GrantId, deps: LockDeps): Promise<void> {
  await wipe(profile, (found) => found.grant === grant && found.holds === 'static', deps);
}

async function wipe(profile: HeldProfile, select: (found: ManagedProfile) => boolean, deps: LockDeps): Promise<void> {
  const [first] = (await profilesOf(profile.tool)?.wipe(profile.places, select, deps))?.failed ?? [];
  if (first !== undefined) throw first;
}
