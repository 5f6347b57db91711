/**
 * What outlives a restart: the signing key, the roles' inline policies, and how often they have changed.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { z } from 'zod';
import { JitError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import { KEY_BYTES } from './keys.ts';

/** Role name → policy name → document. */
export type InlinePolicies = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** Where the state is kept. `save` returns once a process that starts now would read the new state. */
export interface StateStore {
  readonly key: Secret<Buffer>;
  readonly revision: number;
  readonly inline: InlinePolicies;
  save(revision: number, inline: InlinePolicies): void;
}

const SCHEMA = 'jit.sandbox/v1';
const MAX_BYTES = 4 * 1024 * 1024;

const FILE = z.strictObject({
  schema: z.literal(SCHEMA),
  key: z.base64().refine((value) => Buffer.from(value, 'base64').length === KEY_BYTES),
  revision: z.int().nonnegative(),
  // Lists of pairs, because a policy may be called `__proto__`.
  roles: z.array(z.tuple([z.string(), z.array(z.tuple([z.string(), z.string()]))])),
});

/** State that ends with the process. */
export function memoryState(): StateStore {
  return { key: newKey(), revision: 0, inline: new Map(), save: () => undefined };
}

function newKey(): Secret<Buffer> {
  return new Secret(randomBytes(KEY_BYTES));
}

/**
 * State in a file of mode 0600, made where it is missing. One sandbox at a time may use it.
 * Throws `ERR_LOCAL_FILE` for a file that others may read, that is not a plain file of ours, or that is damaged.
 */
export function fileState(path: string): StateStore {
  const found = readState(path);
  const key = found?.key ?? newKey();
  const save = (revision: number, inline: InlinePolicies) => writeState(path, key, revision, inline);
  if (found === null) save(0, new Map());
  return { key, revision: found?.revision ?? 0, inline: found?.inline ?? new Map(), save };
}

function refuse(path: string, message: string, cause?: unknown): JitError {
  const hint = `remove ${path} to start with an empty sandbox`;
  return new JitError({ code: 'ERR_LOCAL_FILE', message: `the sandbox state ${message}`, hint, cause });
}

function readState(path: string): Pick<StateStore, 'key' | 'revision' | 'inline'> | null {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw refuse(path, 'cannot be opened', error);
  }
  try {
    const facts = fstatSync(file);
    if (!facts.isFile() || facts.size > MAX_BYTES) throw refuse(path, 'is not a plain file of a sandbox');
    // Windows has no such modes or owners: the folder's access list protects the file there.
    const mine = process.getuid === undefined || facts.uid === process.getuid();
    if (!mine || (process.platform !== 'win32' && (facts.mode & 0o077) !== 0)) {
      throw refuse(path, 'can be read or written by others');
    }
    return parseState(path, readFileSync(file, 'utf8'));
  } finally {
    closeSync(file);
  }
}

function parseState(path: string, content: string): Pick<StateStore, 'key' | 'revision' | 'inline'> {
  let raw: unknown;
  try {
    raw = JSON.parse(content);
  } catch (error) {
    throw refuse(path, 'is damaged', error);
  }
  const outcome = FILE.safeParse(raw);
  // The cause is left out: it could quote the key.
  if (!outcome.success) throw refuse(path, 'is damaged or of another version');
  const { key, revision, roles } = outcome.data;
  const inline = new Map(roles.map(([role, named]) => [role, new Map(named)]));
  return { key: new Secret(Buffer.from(key, 'base64')), revision, inline };
}

function writeState(path: string, key: Secret<Buffer>, revision: number, inline: InlinePolicies): void {
  const roles = [...inline].map(([role, named]) => [role, [...named]]);
  const content = { schema: SCHEMA, key: key.expose().toString('base64'), revision, roles };
  const draft = `${path}.${process.pid}.tmp`;
  try {
    rmSync(draft, { force: true });
    const file = openSync(draft, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      writeSync(file, JSON.stringify(content, null, 1));
    } finally {
      closeSync(file);
    }
    renameSync(draft, path);
  } catch (error) {
    throw refuse(path, 'cannot be written', error);
  }
}
