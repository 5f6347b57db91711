/**
 * The policy that the embedded broker starts with.
 * @module
 */
import { readFile } from 'node:fs/promises';
import type { PolicySource } from './read.ts';

/** Read from beside this file, so that people can read the same bytes. */
export async function starterPolicy(): Promise<PolicySource> {
  const name = 'starter.cedar';
  return { name, text: await readFile(new URL(name, import.meta.url), 'utf8') };
}
