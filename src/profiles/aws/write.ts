/**
 * Writing an expiring profile for the aws tools.
 * @module
 */
import { dirname } from 'node:path';
import type { AwsKeys } from '../../core/credential.ts';
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';
import type { GrantId } from '../../core/ids.ts';
import type { Secret } from '../../core/secret.ts';
import { openOwnFile, readOwnFile } from '../../local/atomic.ts';
import { MAX_EDIT_BYTES } from '../../local/edit.ts';
import { asLocalFault, localFault, shellWord } from '../../local/fault.ts';
import { makeFolders } from '../../local/private-dir.ts';
import type { JitCommand, ProfileDeps } from '../tool.ts';
import type { Pair } from '../ini/lines.ts';
import { credentialProcess } from './command-line.ts';
import { editText, isConfigHeader, isCredentialsHeader, nameTaken, withAwsLock } from './file.ts';
import type { Line } from '../ini/lines.ts';
import { checkProfileName } from '../names.ts';
import type { AwsFiles } from './names.ts';
import { isNameTaken, putSection, removeSections } from './sections.ts';
import type { Wanted } from '../ini/sections.ts';

/** A profile that asks jit for credentials whenever a tool needs them. */
export interface ProfileEntry {
  readonly name: string;
  readonly grant: GrantId;
  /** Of a grant at several targets, the one that the profile is for. */
  readonly target?: string | undefined;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
  readonly command: JitCommand;
  readonly region?: string | undefined;
  /** For clouds that are not at AWS's own addresses. */
  readonly endpointUrl?: string | undefined;
}

/** Static keys in a file, for tools that know no `credential_process`. */
export interface StaticEntry {
  readonly name: string;
  readonly grant: GrantId;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
  readonly credential: Secret<AwsKeys>;
}

/**
 * Writes `[profile NAME]` with `credential_process`, `region` and `endpoint_url` into the config file, which is created
 * 0600 (its folder 0700) if missing. jit's own profile of that name is replaced, and with it static keys of another
 * grant under that name, which would outrank `credential_process`.
 * Every value is checked and refused rather than cleaned: `ERR_PROFILE_NAME`, `ERR_CONFIG` (region, endpoint),
 * `ERR_LOCAL_FILE` (a path that cannot be quoted; the file), `ERR_BROKER_REPLY` (the name of a target). `ERR_PROFILE_EXISTS` for a name that jit did not make in
 * either file, `ERR_GRANT_ENDED` for an end that has passed. On any error both files are as before, save that jit's
 * own outdated static keys may already be gone.
 */
export async function writeProfile(files: AwsFiles, entry: ProfileEntry, deps: ProfileDeps): Promise<void> {
  const name = checkProfileName(entry.name);
  const command = credentialProcess(entry.command, entry, process.platform);
  const pairs: Pair[] = [['credential_process', Buffer.from(command, 'utf8').toString('latin1')]];
  if (entry.region !== undefined) pairs.push(['region', checkRegion(entry.region)]);
  if (entry.endpointUrl !== undefined) pairs.push(['endpoint_url', checkEndpoint(entry.endpointUrl)]);
  const exclusive = ['credential_process'];
  const wanted = wantedSection(`profile ${name}`, pairs, exclusive, entry, deps);
  const main: Place = { path: files.config, isTaken: (line) => isConfigHeader(line, name) };
  const other: Place = { path: files.credentials, isTaken: (line) => isCredentialsHeader(line, name) };
  await makeFolder(files.config);
  await withAwsLock(deps, async () => {
    await writeAlone(name, wanted, main, other);
  });
}

/**
 * Writes `[NAME]` with the keys, the session token and their end into the credentials file (created 0600). The keys lie
 * readable on the disk until they are wiped: only for tools that can use nothing else. Refuses a file that others can
 * read (`ERR_LOCAL_FILE`) and keys that would not stay on their line (`ERR_BROKER_REPLY`); otherwise as `writeProfile`.
 * A `[profile NAME]` of the same grant stays, since region and endpoint come from there.
 */
export async function writeStaticCredentials(files: AwsFiles, entry: StaticEntry, deps: ProfileDeps): Promise<void> {
  const name = checkProfileName(entry.name);
  const exclusive = ['aws_access_key_id', 'aws_secret_access_key', 'aws_session_token', 'aws_security_token'];
  const wanted = wantedSection(name, staticPairs(entry), exclusive, entry, deps);
  const main: Place = { path: files.credentials, isTaken: (line) => isCredentialsHeader(line, name) };
  const other: Place = { path: files.config, isTaken: (line) => isConfigHeader(line, name) };
  await makeFolder(files.credentials);
  await withAwsLock(deps, async () => {
    await refuseReadableByOthers(files.credentials);
    await writeAlone(name, wanted, main, other);
  });
}

interface Place {
  readonly path: string;
  readonly isTaken: (line: Line) => boolean;
}

/** Checks both files before it changes either. */
async function writeAlone(name: string, wanted: Wanted, main: Place, other: Place): Promise<void> {
  const put = (text: string | null): string => {
    const result = putSection(text, wanted, main.isTaken);
    if (result.kind === 'taken') throw nameTaken(name, main.path);
    return result.text;
  };
  put(await textOf(main.path));
  await editText(other.path, (text) => {
    if (text === null) return { outcome: null };
    const { text: rest, empty } = removeSections(text, ({ section, named, marker }) => {
      return named && section.header !== null && other.isTaken(section.header) && marker.grant !== wanted.grant;
    });
    if (isNameTaken(rest, other.isTaken)) throw nameTaken(name, other.path);
    return { text: empty ? null : rest, outcome: null };
  });
  await editText(main.path, (text) => ({ text: put(text), outcome: null }));
}

async function textOf(path: string): Promise<string | null> {
  return (await readOwnFile(path, MAX_EDIT_BYTES))?.toString('latin1') ?? null;
}

function wantedSection(
  header: string,
  pairs: readonly Pair[],
  exclusive: readonly string[],
  entry: { readonly grant: GrantId; readonly expiresAt: number },
  deps: ProfileDeps,
): Wanted {
  if (!Number.isSafeInteger(entry.expiresAt) || entry.expiresAt <= deps.now()) {
    throw new JitError({ code: 'ERR_GRANT_ENDED', message: 'the grant has ended', subject: entry.grant });
  }
  return { header, pairs, exclusive, grant: entry.grant, expiresAt: entry.expiresAt };
}

function staticPairs(entry: StaticEntry): Pair[] {
  const keys = entry.credential.expose();
  // Printable ASCII without blanks: nothing that ends a line, starts a comment, or is trimmed.
  if (
    ![keys.accessKeyId, keys.secretAccessKey, keys.sessionToken].every((value) => /^[\x21-\x7e]{1,8192}$/.test(value))
  ) {
    throw new JitError({ code: 'ERR_BROKER_REPLY', message: 'the credential holds characters that no aws key has' });
  }
  return [
    ['aws_access_key_id', keys.accessKeyId],
    ['aws_secret_access_key', keys.secretAccessKey],
    ['aws_session_token', keys.sessionToken],
    ['x_security_token_expires', `${new Date(entry.expiresAt).toISOString().slice(0, 19)}Z`],
  ];
}

function checkRegion(region: string): string {
  if (/^[a-z0-9][a-z0-9-]{0,62}$/.test(region)) return region;
  throw badValue('region', region, 'write it like us-east-1');
}

/** https, or http to this machine: a broker must not be able to send the user's data elsewhere in the clear. */
function checkEndpoint(endpoint: string): string {
  const url = /^[\x21-\x7e]{1,2048}$/.test(endpoint) && URL.canParse(endpoint) ? new URL(endpoint) : null;
  const local = url !== null && /^(?:127(?:\.\d{1,3}){3}|localhost|\[::1\])$/.test(url.hostname);
  const safe =
    url !== null &&
    url.username === '' &&
    url.password === '' &&
    (url.protocol === 'https:' || (url.protocol === 'http:' && local));
  if (safe) return endpoint;
  throw badValue(
    'endpoint',
    endpoint,
    'write it like https://s3.example.com, or http://127.0.0.1:4566 on this machine',
  );
}

function badValue(what: string, value: string, hint: string): JitError {
  return new JitError({ code: 'ERR_CONFIG', message: `not a usable ${what}: ${display(value, 200)}`, hint });
}

async function makeFolder(path: string): Promise<void> {
  try {
    await makeFolders(dirname(path));
  } catch (thrown) {
    throw asLocalFault(thrown, dirname(path));
  }
}

async function refuseReadableByOthers(path: string): Promise<void> {
  const file = await openOwnFile(path, MAX_EDIT_BYTES);
  await file?.handle.close();
  if (file === null || process.platform === 'win32' || (file.mode & 0o077) === 0) return;
  throw localFault(path, 'other users can read it', `close it with: chmod 600 ${shellWord(path)}`);
}
