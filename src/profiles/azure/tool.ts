/**
 * The profiles of Azure's tools. az has no named profiles, and the SDKs have none at all, so that a profile is a small file with
 * variables for the shell to read. Nothing in it is secret.
 * @module
 */
import { readdir } from 'node:fs/promises';
import { dirname, join, posix, win32 } from 'node:path';
import { display } from '../../core/display.ts';
import { asJitError, JitError } from '../../core/errors.ts';
import type { GrantId } from '../../core/ids.ts';
import { editFile } from '../../local/edit.ts';
import type { Edit } from '../../local/edit.ts';
import { asLocalFault, errnoOf } from '../../local/fault.ts';
import { withLock } from '../../local/lock.ts';
import { homeFolder } from '../../local/paths.ts';
import { makeFolders } from '../../local/private-dir.ts';
import { checkProfileName } from '../names.ts';
import { readIfOwn } from '../read.ts';
import type {
  Env,
  LockDeps,
  ManagedProfile,
  Places,
  ProfileDeps,
  ProfileEntry,
  ProfileTool,
  WipeConflict,
  WipeResult,
} from '../tool.ts';
import { azureEnvironment, variablesOf } from './environment.ts';
import { signedInFolder } from './folder.ts';
import { readScript, render, withEnd, withoutOwn } from './script.ts';
import type { Script, Shell } from './script.ts';
import { checkSettings, readStatement } from './settings.ts';

export const azureProfiles: ProfileTool = {
  tool: 'azure',
  places,
  demandFree: async (where, profile) => {
    const path = fileOf(where, checkProfileName(profile));
    demandOwn(profile, path, (await readIfOwn(path))?.toString('utf8') ?? null);
  },
  write,
  list,
  wipe,
  extend,
  environment: azureEnvironment,
  useLine: (name) => `. ~/.azure/jit/${name}.sh && az account show`,
};

/** A folder of jit's own below the user's folder of az. */
function places(env: Env, platform: NodeJS.Platform): Places {
  const { join: at } = platform === 'win32' ? win32 : posix;
  return { [platform === 'win32' ? 'ps1' : 'sh']: at(homeFolder(env, platform), '.azure', 'jit') };
}

async function write(where: Places, entry: ProfileEntry, deps: ProfileDeps): Promise<string> {
  const name = checkProfileName(entry.name);
  const { grant, expiresAt, secretFile } = entry;
  const checked = checkSettings(entry.tool);
  if (!Number.isSafeInteger(expiresAt) || expiresAt <= deps.now()) {
    throw new JitError({ code: 'ERR_GRANT_ENDED', message: 'the grant has ended', subject: grant });
  }
  const path = fileOf(where, name);
  demandOwn(name, path, (await readIfOwn(path))?.toString('utf8') ?? null);
  const statement = await readStatement(secretFile);
  const folder = await signedInFolder(secretFile, { checked, statement, end: expiresAt });
  const variables = variablesOf(checked, { clientId: statement.clientId, secretFile, folder });
  const bytes = Buffer.from(render(variables, { grant, expiresAt }, shellOf(where)));
  await makeFolders(dirname(path)).catch((thrown: unknown) => {
    throw asLocalFault(thrown, dirname(path));
  });
  await edit(path, deps, (before) => {
    demandOwn(name, path, before);
    return { kind: 'write', bytes, outcome: null };
  });
  return path;
}

async function list(where: Places): Promise<readonly ManagedProfile[]> {
  const folder = folderOf(where);
  const found: ManagedProfile[] = [];
  for (const file of await filesIn(folder, shellOf(where))) {
    const path = join(folder, file);
    const script = scriptIn((await readIfOwn(path))?.toString('utf8') ?? null);
    if (script !== null) found.push(describe(script, path));
  }
  return found;
}

async function wipe(where: Places, select: (profile: ManagedProfile) => boolean, deps: LockDeps): Promise<WipeResult> {
  const wiped: ManagedProfile[] = [];
  const conflicts: WipeConflict[] = [];
  const failed: JitError[] = [];
  // Every jit command looks for something to wipe: the usual case must not wait for a lock.
  for (const { file } of (await list(where)).filter(select)) {
    try {
      const script = await edit<Script | null>(file, deps, (before) => {
        const outcome = scriptIn(before);
        if (before === null || outcome === null || !select(describe(outcome, file))) {
          return { kind: 'keep', outcome: null };
        }
        const left = withoutOwn(before);
        return left === null ? { kind: 'remove', outcome } : { kind: 'write', bytes: Buffer.from(left), outcome };
      });
      if (script === null) continue;
      const profile = describe(script, file);
      wiped.push(profile);
      if (script.foreign.length > 0) conflicts.push({ profile, kept: script.foreign });
    } catch (thrown) {
      failed.push(asJitError(thrown));
    }
  }
  return { wiped, conflicts, failed };
}

async function extend(where: Places, grant: GrantId, expiresAt: number, deps: LockDeps): Promise<void> {
  for (const profile of await list(where)) {
    if (profile.grant !== grant || profile.expiresAt >= expiresAt) continue;
    await edit(profile.file, deps, (before) =>
      before === null || scriptIn(before)?.mark.grant !== grant
        ? { kind: 'keep', outcome: null }
        : { kind: 'write', bytes: Buffer.from(withEnd(before, { grant, expiresAt })), outcome: null },
    );
  }
}

async function edit<T>(
  path: string,
  { locks, waitMs = 10_000 }: LockDeps,
  change: (before: string | null) => Edit<T>,
): Promise<T> {
  return await withLock('azure-profiles', locks, { waitMs }, () =>
    editFile(path, (bytes) => change(bytes?.toString('utf8') ?? null)),
  );
}

/** Only what jit wrote and nobody changed is replaced: what somebody set in it since is theirs. */
function demandOwn(name: string, path: string, text: string | null): void {
  if (text === null || scriptIn(text)?.foreign.length === 0) return;
  const why = scriptIn(text) === null ? 'was not made by jit' : 'was changed since jit made it';
  throw new JitError({
    code: 'ERR_PROFILE_EXISTS',
    message: `the profile ${display(name)} in ${display(path)} ${why}`,
    hint: 'choose another name with: --profile NAME',
  });
}

const scriptIn = (text: string | null): Script | null => (text === null ? null : readScript(text));
const shellOf = (where: Places): Shell => (where['ps1'] === undefined ? 'sh' : 'ps1');
const fileOf = (where: Places, name: string): string => join(folderOf(where), `${name}.${shellOf(where)}`);

/** Throws `ERR_LOCAL_FILE` for places of another tool. */
function folderOf({ sh, ps1 }: Places): string {
  const folder = sh ?? ps1;
  if (folder !== undefined) return folder;
  throw new JitError({ code: 'ERR_LOCAL_FILE', message: 'it is not said where the profiles of azure are' });
}

async function filesIn(folder: string, shell: Shell): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).filter((name) => name.endsWith(`.${shell}`)).toSorted();
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT' || errnoOf(thrown) === 'ENOTDIR') return [];
    throw asLocalFault(thrown, folder);
  }
}

function describe({ mark, foreign }: Script, file: string): ManagedProfile {
  const name = (file.split(/[/\\]/).at(-1) ?? '').replace(/\.(?:sh|ps1)$/, '');
  const intact = foreign.length === 0 ? 'intact' : 'edited';
  return { tool: 'azure', name, grant: mark.grant, expiresAt: mark.expiresAt, file, holds: 'process', intact };
}
