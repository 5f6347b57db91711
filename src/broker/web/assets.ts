/**
 * The style sheet and the script, each under a name that changes with its content.
 * @module
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from './address.ts';
import { SCRIPT } from './script.ts';

export interface Asset {
  /** Of our own server. */
  readonly path: string;
  readonly type: string;
  readonly content: string;
}

/** Read once, when the broker starts. */
export async function readAssets(): Promise<{ readonly style: Asset; readonly script: Asset }> {
  const css = await readFile(join(import.meta.dirname, 'assets', 'style.css'), 'utf8');
  return {
    style: named(css, 'css', 'text/css; charset=utf-8'),
    script: named(SCRIPT, 'js', 'text/javascript; charset=utf-8'),
  };
}

function named(content: string, ending: string, type: string): Asset {
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 16);
  return { path: `${ROOT}/assets/${hash}.${ending}`, type, content };
}
