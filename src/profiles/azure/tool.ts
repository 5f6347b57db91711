/**
 * The profiles of Azure's tools. az has no named profiles, and the SDKs have none at all, so that a profile is a small file with
 * variables for the shell to read. Nothing in it is secret.
 * @module
 */
import { join, posix, win32 } from 'node:path';
import { JitError } from '../../core/errors.ts';
import { homeFolder } from '../../local/paths.ts';
import { type FileProfiles, fileProfiles } from '../file-each.ts';
import { checkProfileName } from '../names.ts';
import type { Env, Places, ProfileDeps, ProfileEntry, ProfileTool } from '../tool.ts';
import { azureEnvironment, variablesOf } from './environment.ts';
import { signedInFolder } from './folder.ts';
import { readScript, render, type Shell, withEnd, withoutOwn } from './script.ts';
import { checkSettings, readStatement } from './settings.ts';

export const azureProfiles: ProfileTool = {
  tool: 'azure',
  places,
  demandFree: async (where, profile) => {
    const name = checkProfileName(profile);
    await scripts(where).demandFree(fileOf(where, name), name);
  },
  write,
  list: async (where) => await scripts(where).list(folderOf(where)),
  wipe: async (where, select, deps) => await scripts(where).wipe(folderOf(where), select, deps),
  extend: async (where, grant, expiresAt, deps) =>
    await scripts(where).extend(folderOf(where), { grant, expiresAt }, deps),
  environment: azureEnvironment,
  useLine: (name) => `. ~/.azure/jit/${name}.sh && az account show`,
};

function scripts(where: Places): FileProfiles {
  const suffix = `.${shellOf(where)}`;
  return fileProfiles({
    tool: 'azure',
    noun: 'profile',
    lock: 'azure-profiles',
    profileOf: (file) => (file.endsWith(suffix) ? file.slice(0, -suffix.length) : null),
    read: readScript,
    withoutOwn,
    withEnd,
  });
}

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
  await scripts(where).demandFree(path, name);
  const statement = await readStatement(secretFile);
  const folder = await signedInFolder(secretFile, { checked, statement, end: expiresAt });
  const variables = variablesOf(checked, { clientId: statement.clientId, secretFile, folder });
  await scripts(where).put(path, name, render(variables, { grant, expiresAt }, shellOf(where)), deps);
  return path;
}

const shellOf = (where: Places): Shell => (where['ps1'] === undefined ? 'sh' : 'ps1');
const fileOf = (where: Places, name: string): string => join(folderOf(where), `${name}.${shellOf(where)}`);

/** Throws `ERR_LOCAL_FILE` for places of another tool. */
function folderOf({ sh, ps1 }: Places): string {
  const folder = sh ?? ps1;
  if (folder !== undefined) return folder;
  throw new JitError({ code: 'ERR_LOCAL_FILE', message: 'it is not said where the profiles of azure are' });
}
