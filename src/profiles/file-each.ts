/**
 * Profiles of which each is a file of its own, in a folder that its tool looks through.
 * @module
 */
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { display } from '../core/display.ts';
import { asJitError, JitError } from '../core/errors.ts';
import type { GrantId } from '../core/ids.ts';
import { editFile } from '../local/edit.ts';
import type { Edit } from '../local/edit.ts';
import { asLocalFault, errnoOf } from '../local/fault.ts';
import { withLock } from '../local/lock.ts';
import { makeFolders } from '../local/private-dir.ts';
import { readIfOwn } from './read.ts';
import type { LockDeps, ManagedProfile, Tool, WipeConflict, WipeResult } from './tool.ts';

export interface Mark {
  readonly grant: GrantId;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

/** A file with jit's mark in it. */
export interface OwnFile {
  readonly mark: Mark;
  /** Names of what somebody else added or changed, never values. */
  readonly foreign: readonly string[];
  readonly intact: 'intact' | 'edited';
}

/** How a tool's files are written and read. */
export interface FileForm {
  readonly tool: Tool;
  /** What such a file is called in an error. */
  readonly noun: string;
  /** The name of the lock for all of them. */
  readonly lock: string;
  /** @returns null for the name of a file that cannot be a profile. */
  readonly profileOf: (file: string) => string | null;
  /** @returns null for a file that jit did not make. */
  readonly read: (text: string) => OwnFile | null;
  /** Without what jit wrote and nobody changed; null where nothing else is left. */
  readonly withoutOwn: (text: string) => string | null;
  /** With another end in the mark. */
  readonly withEnd: (text: string, mark: Mark) => string;
}

export interface FileProfiles {
  /** Throws `ERR_PROFILE_EXISTS` unless the file is absent, or jit's and unchanged. */
  demandFree(path: string, name: string): Promise<void>;
  /** Writes the whole file, and its folder if need be. Throws as `demandFree` does. */
  put(path: string, name: string, text: string, deps: LockDeps): Promise<void>;
  list(folder: string): Promise<readonly ManagedProfile[]>;
  wipe(folder: string, select: (profile: ManagedProfile) => boolean, deps: LockDeps): Promise<WipeResult>;
  /** Never moves an end back. */
  extend(folder: string, mark: Mark, deps: LockDeps): Promise<void>;
}

/** All of it throws `ERR_LOCAL_FILE` for files that cannot be read or changed. */
export function fileProfiles(form: FileForm): FileProfiles {
  const ownIn = (text: string | null): OwnFile | null => (text === null ? null : form.read(text));

  /** Only what jit wrote and nobody changed is replaced: what somebody set in it since is theirs. */
  function demandOwn(path: string, name: string, text: string | null): void {
    const own = ownIn(text);
    if (text === null || own?.intact === 'intact') return;
    const why = own === null ? 'was not made by jit' : 'was changed since jit made it';
    throw new JitError({
      code: 'ERR_PROFILE_EXISTS',
      message: `the ${form.noun} ${display(name)} in ${display(path)} ${why}`,
      hint: 'choose another name with: --profile NAME',
    });
  }

  function describe({ mark, intact }: OwnFile, file: string, name: string): ManagedProfile {
    return { tool: form.tool, name, grant: mark.grant, expiresAt: mark.expiresAt, file, holds: 'process', intact };
  }

  async function edit<T>(
    path: string,
    { locks, waitMs = 10_000 }: LockDeps,
    change: (before: string | null) => Edit<T>,
  ): Promise<T> {
    return await withLock(form.lock, locks, { waitMs }, () =>
      editFile(path, (bytes) => {
        const done = change(textOf(bytes));
        const same = done.kind === 'write' && bytes !== null && done.bytes.equals(bytes);
        return same ? { kind: 'keep', outcome: done.outcome } : done;
      }),
    );
  }

  async function list(folder: string): Promise<readonly ManagedProfile[]> {
    const found: ManagedProfile[] = [];
    for (const file of await filesIn(folder)) {
      const name = form.profileOf(file);
      if (name === null) continue;
      const path = join(folder, file);
      const own = ownIn(textOf(await readIfOwn(path)));
      if (own !== null) found.push(describe(own, path, name));
    }
    return found;
  }

  return {
    demandFree: async (path, name) => demandOwn(path, name, textOf(await readIfOwn(path))),
    put: async (path, name, text, deps) => {
      await makeFolders(dirname(path)).catch((thrown: unknown) => {
        throw asLocalFault(thrown, dirname(path));
      });
      await edit(path, deps, (before) => {
        demandOwn(path, name, before);
        return { kind: 'write', bytes: Buffer.from(text), outcome: null };
      });
    },
    list,
    wipe: async (folder, select, deps) => {
      const wiped: ManagedProfile[] = [];
      const conflicts: WipeConflict[] = [];
      const failed: JitError[] = [];
      // Every jit command looks for something to wipe: the usual case must not wait for a lock.
      for (const { file, name } of (await list(folder)).filter(select)) {
        try {
          const own = await edit<OwnFile | null>(file, deps, (before) => {
            const outcome = ownIn(before);
            if (before === null || outcome === null || !select(describe(outcome, file, name))) {
              return { kind: 'keep', outcome: null };
            }
            const left = form.withoutOwn(before);
            return left === null ? { kind: 'remove', outcome } : { kind: 'write', bytes: Buffer.from(left), outcome };
          });
          if (own === null) continue;
          const profile = describe(own, file, name);
          wiped.push(profile);
          if (own.foreign.length > 0) conflicts.push({ profile, kept: own.foreign });
        } catch (thrown) {
          failed.push(asJitError(thrown));
        }
      }
      return { wiped, conflicts, failed };
    },
    extend: async (folder, mark, deps) => {
      for (const profile of await list(folder)) {
        if (profile.grant !== mark.grant || profile.expiresAt >= mark.expiresAt) continue;
        await edit(profile.file, deps, (before) =>
          before === null || ownIn(before)?.mark.grant !== mark.grant
            ? { kind: 'keep', outcome: null }
            : { kind: 'write', bytes: Buffer.from(form.withEnd(before, mark)), outcome: null },
        );
      }
    },
  };
}

const textOf = (bytes: Buffer | null): string | null => bytes?.toString('utf8') ?? null;

async function filesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).toSorted();
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT' || errnoOf(thrown) === 'ENOTDIR') return [];
    throw asLocalFault(thrown, folder);
  }
}
