/**
 * The profiles of gcloud: named configurations, each a file of its own, which name the file that the keeper keeps the token in.
 * The active configuration is never changed.
 * @module
 */
import { join, posix, win32 } from 'node:path';
import { JitError } from '../../core/errors.ts';
import { localFault } from '../../local/fault.ts';
import { fileProfiles } from '../file-each.ts';
import { checkProfileName } from '../names.ts';
import type { Places, ProfileDeps, ProfileEntry, ProfileTool } from '../tool.ts';
import { type Property, readOwn, render, withEnd, withoutOwn } from './configuration.ts';
import { gcloudEnvironment } from './environment.ts';
import { configurationsOf, gcloudPlaces } from './places.ts';
import { checkSettings } from './settings.ts';

const PREFIX = 'config_';

const configurations = fileProfiles({
  tool: 'gcp',
  noun: 'configuration',
  lock: 'gcloud-configurations',
  profileOf: (file) => (file.startsWith(PREFIX) ? file.slice(PREFIX.length) : null),
  read: (text) => (text.includes('[jit]') ? readOwn(text) : null),
  withoutOwn,
  withEnd: (text, { expiresAt }) => withEnd(text, expiresAt),
});

export const gcloudProfiles: ProfileTool = {
  tool: 'gcp',
  places: gcloudPlaces,
  demandFree: async (places, profile) => {
    const name = checkName(profile);
    await configurations.demandFree(fileOf(places, name), name);
  },
  write,
  list: async (places) => await configurations.list(configurationsOf(places)),
  wipe: async (places, select, deps) => await configurations.wipe(configurationsOf(places), select, deps),
  extend: async (places, grant, expiresAt, deps) =>
    await configurations.extend(configurationsOf(places), { grant, expiresAt }, deps),
  environment: gcloudEnvironment,
  useLine: (name) => `gcloud --configuration ${name} storage ls gs://BUCKET/PREFIX`,
};

async function write(places: Places, entry: ProfileEntry, deps: ProfileDeps): Promise<string> {
  const name = checkName(entry.name);
  const { grant, expiresAt, secretFile } = entry;
  const { project, storage } = checkSettings(entry.tool);
  if (!Number.isSafeInteger(expiresAt) || expiresAt <= deps.now()) {
    throw new JitError({ code: 'ERR_GRANT_ENDED', message: 'the grant has ended', subject: grant });
  }
  const properties: Property[] = [
    ['core', 'project', project],
    ['auth', 'access_token_file', writablePath(secretFile)],
    ...(storage === null ? [] : [['api_endpoint_overrides', 'storage', storage] as const]),
  ];
  const path = fileOf(places, name);
  await configurations.put(path, name, render(properties, { grant, expiresAt }), deps);
  return path;
}

/** gcloud's own rule for names, and its word for none. */
function checkName(profile: string): string {
  const name = checkProfileName(profile);
  if (/^[a-z][a-z0-9-]*$/.test(name)) return name;
  throw new JitError({
    code: 'ERR_PROFILE_NAME',
    message: 'gcloud takes no configuration of that name',
    hint: 'start with a lower-case letter; then lower-case letters, digits and -, such as: jit-deploy',
  });
}

const fileOf = (places: Places, name: string): string => join(configurationsOf(places), `${PREFIX}${name}`);

/** Throws `ERR_LOCAL_FILE` for a path that would not be read back as it was written: `%` begins a reference in such a file. */
function writablePath(path: string): string {
  const absolute = posix.isAbsolute(path) || win32.isAbsolute(path);
  if (absolute && !/[\p{Cc}\p{Cs}%]/u.test(path) && path.trim() === path) return path;
  throw localFault(
    path,
    'this path cannot be written into a configuration of gcloud',
    'set XDG_RUNTIME_DIR to a folder of your own with a path without % and control characters',
  );
}
