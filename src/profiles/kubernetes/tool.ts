/**
 * The profiles of kubectl and its kin: contexts in the user's kubeconfig whose user asks jit for a token. The current context
 * is never changed. YAML is read only where there is something to do, for reading it is what costs here.
 * @module
 */
import { dirname } from 'node:path';
import { display } from '../../core/display.ts';
import { asJitError, JitError } from '../../core/errors.ts';
import type { GrantId } from '../../core/ids.ts';
import { asLocalFault } from '../../local/fault.ts';
import { makeFolders } from '../../local/private-dir.ts';
import { checkProfileName } from '../names.ts';
import type {
  LockDeps,
  ManagedProfile,
  Places,
  ProfileDeps,
  ProfileEntry,
  ProfileTool,
  WipeConflict,
  WipeResult,
} from '../tool.ts';
import { kubernetesEnvironment } from './environment.ts';
import { anyTextOf, editText, textOf } from './file.ts';
import { filesOf, fileToWrite, kubeconfigPlaces } from './places.ts';
import type { Holder } from './put.ts';
import type { OwnProfile } from './read.ts';
import type { RemovedProfile } from './remove.ts';
import { checkSettings, pluginOf } from './settings.ts';

export const kubernetesProfiles: ProfileTool = {
  tool: 'kubernetes',
  places: kubeconfigPlaces,
  demandFree,
  write,
  list,
  wipe,
  extend,
  environment: kubernetesEnvironment,
  useLine: (name) => `kubectl --context ${name} auth can-i --list`,
};

/** kubectl merges the files, so a name in any of them is in use. A file that cannot be read is `write`'s to refuse. */
async function demandFree(places: Places, profile: string): Promise<void> {
  const name = checkProfileName(profile);
  const files = filesOf(places);
  const main = await fileToWrite(files);
  for (const path of files) {
    const text = (await anyTextOf(path)) ?? '';
    const holder = await holderIn(path, name, text).catch(() => 'free' as const);
    // An entry of jit's in another file is out of the way: the one that is written comes first.
    if (holder === 'foreign' || (holder === 'edited' && path === main)) throw nameTaken(path, name, holder);
  }
}

async function holderIn(path: string, name: string, text: string): Promise<Holder> {
  if (!text.includes(name)) return 'free';
  const [{ readKubeconfig }, { holderOf }] = await Promise.all([import('./read.ts'), import('./put.ts')]);
  return holderOf(readKubeconfig(path, text), name);
}

async function write(places: Places, entry: ProfileEntry, deps: ProfileDeps): Promise<string> {
  const name = checkProfileName(entry.name);
  const { grant, expiresAt } = entry;
  const wanted = {
    ...checkSettings(entry.tool),
    name,
    grant,
    expiresAt,
    plugin: pluginOf(entry.command, grant, entry.target),
  };
  if (!Number.isSafeInteger(expiresAt) || expiresAt <= deps.now()) {
    throw new JitError({ code: 'ERR_GRANT_ENDED', message: 'the grant has ended', subject: grant });
  }
  await demandFree(places, name);
  const path = await fileToWrite(filesOf(places));
  await makeFolders(dirname(path)).catch((thrown: unknown) => {
    throw asLocalFault(thrown, dirname(path));
  });
  const [{ readKubeconfig }, { holderOf, putProfile }] = await Promise.all([import('./read.ts'), import('./put.ts')]);
  await editText(path, deps, (before) => {
    const holder = before === null ? 'free' : holderOf(readKubeconfig(path, before), name);
    if (holder !== 'free') throw nameTaken(path, name, holder);
    return { text: putProfile(path, before, wanted), outcome: null };
  });
  return path;
}

async function list(places: Places): Promise<readonly ManagedProfile[]> {
  const found: ManagedProfile[] = [];
  for (const path of filesOf(places)) found.push(...(await listFile(path)));
  return found;
}

async function listFile(path: string): Promise<readonly ManagedProfile[]> {
  const text = await textOf(path);
  // Whatever has a mark has the id of its grant.
  if (text === null || !/\bgr_[0-9a-z]{26}\b/.test(text)) return [];
  const { profilesIn, readKubeconfig } = await import('./read.ts');
  return profilesIn(readKubeconfig(path, text)).map((profile) => describe(profile, path));
}

async function wipe(places: Places, select: (profile: ManagedProfile) => boolean, deps: LockDeps): Promise<WipeResult> {
  const wiped: ManagedProfile[] = [];
  const conflicts: WipeConflict[] = [];
  const failed: JitError[] = [];
  for (const path of filesOf(places)) {
    try {
      // Every jit command looks for something to wipe: the usual case must not wait for the lock.
      if (!(await listFile(path)).some(select)) continue;
      for (const { profile, kept } of await wipeFile(path, select, deps)) {
        const managed = describe(profile, path);
        wiped.push(managed);
        if (kept.length > 0) conflicts.push({ profile: managed, kept });
      }
    } catch (thrown) {
      failed.push(asJitError(thrown));
    }
  }
  return { wiped, conflicts, failed };
}

async function wipeFile(
  path: string,
  select: (profile: ManagedProfile) => boolean,
  deps: LockDeps,
): Promise<readonly RemovedProfile[]> {
  const { removeProfiles } = await import('./remove.ts');
  return await editText<readonly RemovedProfile[]>(path, deps, (before) => {
    if (before === null) return { text: null, outcome: [] };
    const { text, removed } = removeProfiles(path, before, (profile) => select(describe(profile, path)));
    return { text, outcome: removed };
  });
}

async function extend(places: Places, grant: GrantId, expiresAt: number, deps: LockDeps): Promise<void> {
  for (const path of filesOf(places)) {
    const found = await listFile(path);
    if (!found.some((each) => each.grant === grant && each.expiresAt < expiresAt)) continue;
    const { remarkProfiles } = await import('./extend.ts');
    await editText(path, deps, (before) => ({
      text: before === null ? null : remarkProfiles(path, before, grant, expiresAt),
      outcome: null,
    }));
  }
}

function describe({ name, grant, expiresAt, intact }: OwnProfile, file: string): ManagedProfile {
  return {
    tool: 'kubernetes',
    name,
    grant,
    expiresAt,
    file,
    holds: 'process',
    intact: intact ? 'intact' : 'edited',
  };
}

function nameTaken(path: string, name: string, holder: 'edited' | 'foreign'): JitError {
  const why = holder === 'foreign' ? 'was not made by jit' : 'was changed since jit made it';
  return new JitError({
    code: 'ERR_PROFILE_EXISTS',
    message: `the context, cluster or user ${display(name)} in ${display(path)} ${why}`,
    hint: 'choose another name with: --profile NAME',
  });
}
