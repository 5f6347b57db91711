/**
 * Where the tests keep their stores.
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteStore } from '../../../src/broker/store/sqlite/store.ts';
import type { OpenedStore } from './contract.ts';
import { START } from './samples.ts';

export const now = (): number => START;

/** Runs `body` with a folder of its own, 0700, and removes the folder. */
export async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'jit-store-'));
  try {
    await body(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export async function openFileStore(): Promise<OpenedStore> {
  const folder = await mkdtemp(join(tmpdir(), 'jit-store-'));
  const store = await openSqliteStore({ file: join(folder, 'broker.db'), now });
  return {
    store,
    async end() {
      await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export async function openMemoryStore(): Promise<OpenedStore> {
  const store = await openSqliteStore({ file: ':memory:', now });
  return { store, end: () => store.close() };
}
