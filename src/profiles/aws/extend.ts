/**
 * Profiles of a renewed grant: the end in their markers moves, so that nobody wipes them at the old one.
 * @module
 */
import type { GrantId } from '../../core/ids.ts';
import type { LockDeps } from '../tool.ts';
import type { OwnSection } from '../ini/block.ts';
import { editText, withAwsLock } from './file.ts';
import type { AwsFiles } from './names.ts';
import { remarkSections } from './sections.ts';
import { listProfiles } from './wipe.ts';

/**
 * Gives the grant's profiles that ask jit each time a later end; whatever else stands in the file stays byte for byte.
 * Static keys keep theirs: the cloud refuses them from then on, whatever the grant does. Where there is nothing of the
 * grant, or its end is as late already, nothing happens.
 * @param expiresAt epoch milliseconds. Throws `ERR_LOCAL_FILE`.
 */
export async function extendProfiles(
  files: AwsFiles,
  grant: GrantId,
  expiresAt: number,
  deps: LockDeps,
): Promise<void> {
  const found = await listProfiles(files);
  if (!found.some((each) => each.grant === grant && each.holds === 'process' && each.expiresAt < expiresAt)) return;
  const select = ({ section, marker }: OwnSection): boolean =>
    marker.grant === grant && marker.expiresAt < expiresAt && /^profile\s/.test(section.header?.value ?? '');
  await withAwsLock(deps, async () => {
    await editText(files.config, (text) => {
      if (text === null) return { outcome: null };
      return { text: remarkSections(text, select, expiresAt), outcome: null };
    });
  });
}
