/**
 * The profiles of gcloud: named configurations, each a file of its own, which name the file that the keeper keeps the token in.
 * The active configuration is never changed.
 * @module
 */
import { readdir } from 'node:fs/promises';
import { dirname, join, posix, win32 } from 'node:path';
import { display } from '../../core/display.ts';
import { asJitError, JitError } from '../../core/errors.ts';
import type { GrantId } from '../../core/ids.ts';
import { editFile } from '../../local/edit.ts';
import type { Edit } from '../../local/edit.ts';
import { asLocalFault, errnoOf, localFault } from '../../local/fault.ts';
import { withLock } from '../../local/lock.ts';
import { makeFolders } from '../../local/private-dir.ts';
import { checkProfileName } from '../names.ts';
import { readIfOwn } from '../read.ts';
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
import { readOwn, render, withEnd, withoutOwn } from './configuration.ts';
import type { OwnConfiguration, Property } from './configuration.ts';
import { gcloudEnvironment } from './environment.ts';
import { configurationsOf, gcloudPlaces } from './places.ts';
import { checkSettings } from './settings.ts';

export const gcloudProfiles: ProfileTool = {
  tool: 'gcp',
  places: gcloudPlaces,
  demandFree: async (places, profile) => {
    const name = checkName(profile);
    const path = fileOf(places, name);
    demandOwn(name, path, (await readIfOwn(path))?.toString('utf8') ?? null);
  },
  write,
  list,
  wipe,
  extend,
  environment: gcloudEnvironment,
  useLine: (name) => `gcloud --configuration ${name} storage ls gs://BUCKET/PREFIX`,
};

const PREFIX = 'config_';

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
  await makeFolders(dirname(path)).catch((thrown: unknown) => {
    throw asLocalFault(thrown, dirname(path));
  });
  const bytes = Buffer.from(render(properties, { grant, expiresAt }));
  await edit(path, deps, (before) => {
    demandOwn(name, path, before);
    return before === bytes.toString() ? { kind: 'keep', outcome: null } : { kind: 'write', bytes, outcome: null };
  });
  return path;
}

async function list(places: Places): Promise<readonly ManagedProfile[]> {
  const folder = configurationsOf(places);
  const found: ManagedProfile[] = [];
  for (const file of await filesIn(folder)) {
    const path = join(folder, file);
    const own = ownIn((await readIfOwn(path))?.toString('utf8') ?? null);
    if (own !== null) found.push(describe(own, path));
  }
  return found;
}

async function wipe(places: Places, select: (profile: ManagedProfile) => boolean, deps: LockDeps): Promise<WipeResult> {
  const wiped: ManagedProfile[] = [];
  const conflicts: WipeConflict[] = [];
  const failed: JitError[] = [];
  // Every jit command looks for something to wipe: the usual case must not wait for a lock.
  const found = (await list(places)).filter(select);
  for (const { file } of found) {
    try {
      const own = await edit<OwnConfiguration | null>(file, deps, (before) => {
        const outcome = ownIn(before);
        if (before === null || outcome === null || !select(describe(outcome, file)))
          return { kind: 'keep', outcome: null };
        const left = withoutOwn(before);
        return left === null ? { kind: 'remove', outcome } : { kind: 'write', bytes: Buffer.from(left), outcome };
      });
      if (own === null) continue;
      const profile = describe(own, file);
      wiped.push(profile);
      if (own.foreign.length > 0) conflicts.push({ profile, kept: own.foreign });
    } catch (thrown) {
      failed.push(asJitError(thrown));
    }
  }
  return { wiped, conflicts, failed };
}

async function extend(places: Places, grant: GrantId, expiresAt: number, deps: LockDeps): Promise<void> {
  for (const profile of await list(places)) {
    if (profile.grant !== grant || profile.expiresAt >= expiresAt) continue;
    await edit(profile.file, deps, (before) =>
      before === null || ownIn(before)?.mark.grant !== grant
        ? { kind: 'keep', outcome: null }
        : { kind: 'write', bytes: Buffer.from(withEnd(before, expiresAt)), outcome: null },
    );
  }
}

async function edit<T>(
  path: string,
  { locks, waitMs = 10_000 }: LockDeps,
  change: (before: string | null) => Edit<T>,
): Promise<T> {
  return await withLock('gcloud-configurations', locks, { waitMs }, () =>
    editFile(path, (bytes) => {
      const done = change(bytes?.toString('utf8') ?? null);
      const same = done.kind === 'write' && bytes !== null && done.bytes.equals(bytes);
      return same ? { kind: 'keep', outcome: done.outcome } : done;
    }),
  );
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

/** Only what jit wrote and nobody changed is replaced: what somebody set in it since is theirs. */
function demandOwn(name: string, path: string, text: string | null): void {
  if (text === null || ownIn(text)?.intact === 'intact') return;
  const why = ownIn(text) === null ? 'was not made by jit' : 'was changed since jit made it';
  throw new JitError({
    code: 'ERR_PROFILE_EXISTS',
    message: `the configuration ${display(name)} in ${display(path)} ${why}`,
    hint: 'choose another name with: --profile NAME',
  });
}

function ownIn(text: string | null): OwnConfiguration | null {
  return text !== null && text.includes('[jit]') ? readOwn(text) : null;
}

async function filesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).filter((name) => name.startsWith(PREFIX)).toSorted();
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT' || errnoOf(thrown) === 'ENOTDIR') return [];
    throw asLocalFault(thrown, folder);
  }
}

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

function describe({ mark, intact }: OwnConfiguration, file: string): ManagedProfile {
  const name = (file.split(/[/\\]/).at(-1) ?? '').slice(PREFIX.length);
  return { tool: 'gcp', name, grant: mark.grant, expiresAt: mark.expiresAt, file, holds: 'process', intact };
}
