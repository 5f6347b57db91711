/**
 * A quick look whether any profile of jit has run out, before the code that can remove one is loaded.
 * @module
 */
import { readFileSync, statSync } from 'node:fs';
import type { Context } from './context.ts';

// As loose as can be: what it finds is judged by the code that wrote it.
const MARKER = /^# jit gr_[0-9a-z]{26} ends (\S{20,30}), managed by jit/gm;

/** Whether a marker in either file of the aws tools names a moment that has passed. False for what cannot be read. */
export function hasExpired({ env, now }: Pick<Context, 'env' | 'now'>): boolean {
  const home = env['HOME'] ?? env['USERPROFILE'] ?? '';
  return ['AWS_CONFIG_FILE', 'AWS_SHARED_CREDENTIALS_FILE'].some((variable, index) => {
    const given = env[variable];
    const path = given === undefined || given === '' ? `${home}/.aws/${index === 0 ? 'config' : 'credentials'}` : given;
    return [...textOf(path.replace(/^~\//, `${home}/`)).matchAll(MARKER)].some(
      ([, ends = '']) => Date.parse(ends) <= now(),
    );
  });
}

const LARGEST = 16 * 1024 * 1024;

function textOf(path: string): string {
  try {
    // Not a FIFO, which somebody may have put there and which would never end.
    const found = statSync(path);
    return found.isFile() && found.size <= LARGEST ? readFileSync(path, 'latin1') : '';
  } catch {
    return '';
  }
}
