/**
 * Files in the run-time folder that hold what is secret in a grant, for tools that can read nothing else. They and whatever
 * lies beside them under a longer name go with the grant.
 * @module
 */
import { createHash } from 'node:crypto';
import { readdir, rm, stat, utimes } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { GrantId } from '../core/ids.ts';
import { replaceFile } from './atomic.ts';
import { asLocalFault, errnoOf } from './fault.ts';

const NAME = /^secret-gr_[0-9a-z]{26}-/;

/** Where the secret of a grant at a target lies. A target's name becomes no part of a path. */
export function secretFile(run: string, grant: GrantId, target: string): string {
  const place = createHash('sha256').update(target).digest('hex').slice(0, 12);
  return join(run, `secret-${grant}-${place}`);
}

/**
 * Writes a file of the grant, 0600, at once and whole, in the place of an older one.
 * @param end epoch ms; kept as the time of the file's last change, so that whoever finds it knows when it has run out.
 * Throws `ERR_LOCAL_FILE`.
 */
export async function writeSecretFile(path: string, content: string, end: number): Promise<void> {
  try {
    await replaceFile(path, Buffer.from(content), { mode: 0o600 });
    const when = new Date(end);
    await utimes(path, when, when);
  } catch (thrown) {
    throw asLocalFault(thrown, path);
  }
}

/** Gives every file of the grant another end, epoch ms. Throws `ERR_LOCAL_FILE`. */
export async function extendSecretFiles(run: string, grant: GrantId, end: number): Promise<void> {
  const when = new Date(end);
  try {
    const names = (await namesIn(run)).filter((name) => name.startsWith(`secret-${grant}-`));
    await Promise.all(names.map((name) => utimes(join(run, name), when, when)));
  } catch (thrown) {
    throw asLocalFault(thrown, run);
  }
}

/** Removes every file of the grant. Throws `ERR_LOCAL_FILE` when one stays. */
export async function removeSecretFiles(run: string, grant: GrantId): Promise<void> {
  await removeWhere(run, (path) => basename(path).startsWith(`secret-${grant}-`));
}

/** Removes every file of every grant: whoever kept them up to date is gone. Throws `ERR_LOCAL_FILE` when one stays. */
export async function sweepSecretFiles(run: string): Promise<void> {
  await removeWhere(run, () => true);
}

/** Removes those whose end has passed, epoch ms. Throws `ERR_LOCAL_FILE` when one stays; those that somebody else removes are gone. */
export async function sweepExpiredFiles(run: string, now: number): Promise<void> {
  await removeWhere(run, async (path) => {
    try {
      return (await stat(path)).mtimeMs <= now;
    } catch (thrown) {
      if (errnoOf(thrown) === 'ENOENT') return false;
      throw thrown;
    }
  });
}

/** Every one is tried. */
async function removeWhere(run: string, select: (path: string) => boolean | Promise<boolean>): Promise<void> {
  try {
    const removals = (await namesIn(run)).map(async (name) => {
      const path = join(run, name);
      if (await select(path)) await rm(path, { force: true, recursive: true });
    });
    const failed = (await Promise.allSettled(removals)).find((removal) => removal.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  } catch (thrown) {
    throw asLocalFault(thrown, run);
  }
}

async function namesIn(run: string): Promise<readonly string[]> {
  try {
    return (await readdir(run)).filter((name) => NAME.test(name));
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return [];
    throw thrown;
  }
}
