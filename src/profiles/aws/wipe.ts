/**
 * Finding and removing the profiles that jit wrote for the aws tools.
 * @module
 */
import { asJitError } from '../../core/errors.ts';
import type { JitError } from '../../core/errors.ts';
import type { OwnSection } from '../ini/block.ts';
import type { LockDeps, ManagedProfile, WipeConflict, WipeResult } from '../tool.ts';
import { readIfOwn } from '../read.ts';
import { editText, withAwsLock } from './file.ts';
import type { AwsFiles } from './names.ts';
import { stateOf } from '../ini/sections.ts';
import { ownSections, removeSections } from './sections.ts';

/**
 * The profiles with jit's marker in both files. Takes no lock and needs no file to parse.
 * Throws `ERR_LOCAL_FILE` for a file that may not be read.
 */
export async function listProfiles(files: AwsFiles): Promise<ManagedProfile[]> {
  const found: ManagedProfile[] = [];
  for (const path of pathsOf(files)) found.push(...(await listFile(path)));
  return found;
}

/**
 * Removes the selected profiles: jit's own unchanged lines and nothing else, so that writing and wiping a profile gives
 * back the same bytes. Keys that the user added or changed stay under their header and are reported as conflicts.
 * A file is removed if it is then empty and jit created it; its folder stays. Both files are tried even if one fails.
 * Static keys go first. Wiping what is gone already is no error.
 */
export async function wipeProfiles(
  files: AwsFiles,
  select: (profile: ManagedProfile) => boolean,
  deps: LockDeps,
): Promise<WipeResult> {
  const wiped: ManagedProfile[] = [];
  const conflicts: WipeConflict[] = [];
  const failed: JitError[] = [];
  for (const path of pathsOf(files)) {
    try {
      // Every jit command looks for something to wipe: the usual case must not wait for the lock.
      if (!(await listFile(path)).some(select)) continue;
      const removed = await withAwsLock(deps, async () => await wipeFile(path, select));
      for (const own of removed) {
        const profile = describe(own, path);
        wiped.push(profile);
        if (profile.intact === 'edited') conflicts.push({ profile, kept: own.foreign.map(({ key }) => key) });
      }
    } catch (thrown) {
      failed.push(asJitError(thrown));
    }
  }
  return { wiped, conflicts, failed };
}

async function wipeFile(path: string, select: (profile: ManagedProfile) => boolean): Promise<readonly OwnSection[]> {
  return await editText<readonly OwnSection[]>(path, (text) => {
    if (text === null) return { outcome: [] };
    const removal = removeSections(text, (own) => select(describe(own, path)));
    return { text: removal.empty ? null : removal.text, outcome: removal.removed };
  });
}

function pathsOf(files: AwsFiles): string[] {
  return [...new Set([files.credentials, files.config])];
}

async function listFile(path: string): Promise<ManagedProfile[]> {
  const bytes = await readIfOwn(path);
  return bytes === null ? [] : ownSections(bytes.toString('latin1')).map((own) => describe(own, path));
}

function describe(own: OwnSection, file: string): ManagedProfile {
  const header = Buffer.from(own.section.header?.value ?? '', 'latin1').toString('utf8');
  const name = header.replace(/^profile\s+/, '');
  return {
    tool: 'aws',
    name,
    grant: own.marker.grant,
    expiresAt: own.marker.expiresAt,
    file,
    holds: name === header ? 'static' : 'process',
    intact: stateOf(own),
  };
}
