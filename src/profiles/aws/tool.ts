/**
 * The profiles of the aws tools.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import { readOwnFile } from '../../local/atomic.ts';
import { MAX_EDIT_BYTES } from '../../local/edit.ts';
import type { Places, ProfileTool } from '../tool.ts';
import { awsEnvironment } from './environment.ts';
import { extendProfiles } from './extend.ts';
import { isConfigHeader, isCredentialsHeader, nameTaken } from './file.ts';
import { checkProfileName } from '../names.ts';
import { type AwsFiles, awsFiles } from './names.ts';
import { isNameTaken } from './sections.ts';
import { listProfiles, wipeProfiles } from './wipe.ts';
import { writeProfile } from './write.ts';

export const awsProfiles: ProfileTool = {
  tool: 'aws',
  places: (env, platform) => ({ ...awsFiles(env, platform) }),
  demandFree: async (places, profile) => {
    const name = checkProfileName(profile);
    const files = filesAt(places);
    const kinds = [
      { path: files.config, isTaken: isConfigHeader },
      { path: files.credentials, isTaken: isCredentialsHeader },
    ];
    for (const { path, isTaken } of kinds) {
      const text = (await readOwnFile(path, MAX_EDIT_BYTES))?.toString('latin1') ?? '';
      if (isNameTaken(text, (line) => isTaken(line, name))) throw nameTaken(name, path);
    }
  },
  write: async (places, { tool, ...entry }, deps) => {
    if (tool.kind !== 'aws') throw notAws();
    const files = filesAt(places);
    const { region, endpoint } = tool;
    await writeProfile(files, { ...entry, region, ...(endpoint === null ? {} : { endpointUrl: endpoint }) }, deps);
    return files.config;
  },
  list: async (places) => await listProfiles(filesAt(places)),
  wipe: async (places, select, deps) => await wipeProfiles(filesAt(places), select, deps),
  extend: async (places, grant, expiresAt, deps) => await extendProfiles(filesAt(places), grant, expiresAt, deps),
  environment: async (env, platform, { tool, endpoint }) => {
    if (tool.kind !== 'aws') throw notAws();
    return await awsEnvironment(env, platform, { tool, endpoint });
  },
  useLine: (name) => `aws --profile ${name} sts get-caller-identity`,
};

function notAws(): JitError {
  return new JitError({ code: 'ERR_TARGET', message: 'that is not a target at aws' });
}

/** Throws `ERR_LOCAL_FILE` for places of another tool. */
export function filesAt({ config, credentials }: Places): AwsFiles {
  if (config !== undefined && credentials !== undefined) return { config, credentials };
  throw new JitError({ code: 'ERR_LOCAL_FILE', message: 'it is not said where the files of the aws tools are' });
}
