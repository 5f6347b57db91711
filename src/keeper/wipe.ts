/**
 * Takes a grant's profile out of the files of its tool.
 * @module
 */
import type { GrantId } from '../core/ids.ts';
import type { LockDeps } from '../profiles/aws/file.ts';
import { wipeProfiles } from '../profiles/aws/wipe.ts';
import type { HeldProfile } from './protocol.ts';

/**
 * Removes everything that jit wrote for this grant, under whatever name the user has given it since.
 * Throws the first `ERR_LOCAL_FILE` if a file still holds any of it.
 */
export async function wipeProfile(profile: HeldProfile, grant: GrantId, deps: LockDeps): Promise<void> {
  const { failed } = await wipeProfiles(profile.files, (found) => found.grant === grant, deps);
  const [first] = failed;
  if (first !== undefined) throw first;
}
