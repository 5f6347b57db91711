/**
 * The profiles of PostgreSQL's tools: services in the user's connection service file. What is secret stays in the file of
 * passwords that the keeper keeps for the grant.
 * @module
 */
import { utimes } from 'node:fs/promises';
import { basename, dirname, posix, win32 } from 'node:path';
import { asJitError, JitError } from '../../core/errors.ts';
import { display } from '../../core/display.ts';
import type { GrantId } from '../../core/ids.ts';
import { asLocalFault, localFault } from '../../local/fault.ts';
import { withLock } from '../../local/lock.ts';
import { makeFolders } from '../../local/private-dir.ts';
import type { OwnSection } from '../ini/block.ts';
import { editSections } from '../ini/file.ts';
import type { Pair } from '../ini/lines.ts';
import { isNameTaken, ownSections, putSection, remarkSections, removeSections, stateOf } from '../ini/sections.ts';
import { checkProfileName } from '../names.ts';
import { readIfOwn } from '../read.ts';
import type { LockDeps, ManagedProfile, Places, ProfileDeps, ProfileEntry, ProfileTool, WipeResult } from '../tool.ts';
import { authorityFile, trustedRoots } from './authority.ts';
import { postgresEnvironment } from './environment.ts';
import { postgresPlaces, postgresPlacesOf } from './places.ts';
import { firstBadLine, isServiceHeader, LONGEST_LINE, SERVICE_FILE } from './service-file.ts';
import { checkSettings } from './settings.ts';

export const postgresProfiles: ProfileTool = {
  tool: 'postgres',
  places: (env, platform) => ({ ...postgresPlaces(env, platform) }),
  demandFree: async (places, profile) => {
    const name = checkProfileName(profile);
    const { services } = postgresPlacesOf(places);
    const text = await readServices(services);
    if (isNameTaken(SERVICE_FILE, text, (line) => isServiceHeader(line, name))) throw nameTaken(name, services);
  },
  write,
  list: async (places) => await listServices(postgresPlacesOf(places).services),
  wipe,
  extend,
  environment: postgresEnvironment,
  useLine: (name) => `psql service=${name}`,
};

// Any of these set by somebody else would lead a tool elsewhere, or make it somebody else there.
const EXCLUSIVE = ['host', 'hostaddr', 'port', 'user', 'password', 'passfile', 'service', 'servicefile'];

async function write(places: Places, entry: ProfileEntry, deps: ProfileDeps): Promise<string> {
  const { services, roots } = postgresPlacesOf(places);
  const name = checkProfileName(entry.name);
  const { grant, expiresAt, secretFile } = entry;
  const checked = checkSettings(entry.tool, entry.external);
  if (!Number.isSafeInteger(expiresAt) || expiresAt <= deps.now()) {
    throw new JitError({ code: 'ERR_GRANT_ENDED', message: 'the grant has ended', subject: grant });
  }
  const pairs: Pair[] = [
    ['host', checked.host],
    ['port', checked.port],
    ['dbname', checked.database],
    ['user', checked.user],
    ['passfile', writablePath(secretFile)],
    ['sslmode', checked.tls],
  ];
  await postgresProfiles.demandFree(places, name);
  const trusted = await trustedRoots(checked, { secretFile, roots, end: expiresAt });
  if (trusted !== null) pairs.push(['sslrootcert', writablePath(trusted)]);
  const wanted = { header: name, pairs: pairs.map(bytes), exclusive: EXCLUSIVE, grant, expiresAt };
  await makeFolders(dirname(services)).catch((thrown: unknown) => {
    throw asLocalFault(thrown, dirname(services));
  });
  await locked(deps, services, (text) => {
    const put = putSection(SERVICE_FILE, text, wanted, (line) => isServiceHeader(line, name));
    if (put.kind === 'taken') throw nameTaken(name, services);
    return { text: put.text, outcome: null };
  });
  return services;
}

async function wipe(places: Places, select: (profile: ManagedProfile) => boolean, deps: LockDeps): Promise<WipeResult> {
  const { services } = postgresPlacesOf(places);
  try {
    // Every jit command looks for something to wipe: the usual case must not wait for the lock.
    if (!(await listServices(services)).some(select)) return { wiped: [], conflicts: [], failed: [] };
    const removed = await locked<readonly OwnSection[]>(deps, services, (text) => {
      if (text === null) return { outcome: [] };
      const removal = removeSections(SERVICE_FILE, text, (own) => select(describe(own, services)));
      return { text: removal.empty ? null : removal.text, outcome: removal.removed };
    });
    const gone = removed.map((own) => ({ profile: describe(own, services), kept: own.foreign.map(({ key }) => key) }));
    return {
      wiped: gone.map(({ profile }) => profile),
      conflicts: gone.filter(({ profile }) => profile.intact === 'edited'),
      failed: [],
    };
  } catch (thrown) {
    return { wiped: [], conflicts: [], failed: [asJitError(thrown)] };
  }
}

async function extend(places: Places, grant: GrantId, expiresAt: number, deps: LockDeps): Promise<void> {
  const { services } = postgresPlacesOf(places);
  const isOlder = (found: { readonly grant: GrantId; readonly expiresAt: number }): boolean =>
    found.grant === grant && found.expiresAt < expiresAt;
  if (!(await listServices(services)).some(isOlder)) return;
  const authorities = await locked<readonly string[]>(deps, services, (text) => {
    if (text === null) return { outcome: [] };
    const own = ownSections(SERVICE_FILE, text).filter(({ marker }) => marker.grant === grant);
    return {
      text: remarkSections(SERVICE_FILE, text, ({ marker }) => isOlder(marker), expiresAt),
      outcome: own.flatMap(authorityOf),
    };
  });
  const end = new Date(expiresAt);
  // One that is gone already belongs to a grant whose secret is gone as well.
  for (const path of authorities) await utimes(path, end, end).catch(() => undefined);
}

/** The authority that jit wrote for a section, whose age says when it may go. */
function authorityOf({ own, marker }: OwnSection): readonly string[] {
  const values = new Map([...own].map(({ key, value }) => [key, Buffer.from(value, 'latin1').toString('utf8')]));
  const [secret, path] = [values.get('passfile'), values.get('sslrootcert')];
  if (secret === undefined || path !== authorityFile(secret)) return [];
  return basename(path).startsWith(`secret-${marker.grant}-`) ? [path] : [];
}

/** One character a byte. */
const bytes = ([key, value]: Pair): Pair => [key, Buffer.from(value, 'utf8').toString('latin1')];

/** Throws `ERR_LOCAL_FILE` for a path that would not be read back as it was written. */
function writablePath(path: string): string {
  const absolute = posix.isAbsolute(path) || win32.isAbsolute(path);
  const fits = Buffer.byteLength(`sslrootcert=${path}\n`) <= LONGEST_LINE;
  if (absolute && fits && !/[\p{Cc}\p{Cs}]/u.test(path) && path.trim() === path) return path;
  throw localFault(
    path,
    'this path cannot be written into a connection service file',
    'set XDG_RUNTIME_DIR to a folder of your own with a short path without control characters',
  );
}

async function locked<T>(
  { locks, waitMs = 10_000 }: LockDeps,
  path: string,
  edit: Parameters<typeof editSections<T>>[1],
): Promise<T> {
  return await withLock('postgres-services', locks, { waitMs }, () =>
    editSections(path, edit, (text) => unreadable(path, text)),
  );
}

function unreadable(path: string, text: string): JitError | null {
  const line = firstBadLine(text);
  if (line === null) return null;
  return localFault(
    path,
    `line ${line} is not what a connection service file can hold, so jit leaves the file alone`,
    `repair line ${line} in an editor, then try again`,
  );
}

async function readServices(path: string): Promise<string> {
  return (await readIfOwn(path))?.toString('latin1') ?? '';
}

async function listServices(path: string): Promise<readonly ManagedProfile[]> {
  return ownSections(SERVICE_FILE, await readServices(path)).map((own) => describe(own, path));
}

function describe(own: OwnSection, file: string): ManagedProfile {
  return {
    tool: 'postgres',
    name: Buffer.from(own.section.header?.value ?? '', 'latin1').toString('utf8'),
    grant: own.marker.grant,
    expiresAt: own.marker.expiresAt,
    file,
    holds: 'process',
    intact: stateOf(own),
  };
}

function nameTaken(name: string, path: string): JitError {
  return new JitError({
    code: 'ERR_PROFILE_EXISTS',
    message: `the service ${display(name)} in ${display(path)} was not made by jit`,
    hint: 'choose another name with: --profile NAME',
  });
}
