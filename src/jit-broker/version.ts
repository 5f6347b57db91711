/**
 * The version of this package, read once.
 * @module
 */
import { readFileSync } from 'node:fs';

// From source the manifest is two folders up, compiled one more.
const manifest = ['../../package.json', '../../../package.json']
  .map((path) => new URL(path, import.meta.url))
  .map((url) => {
    try {
      return readFileSync(url, 'utf8');
    } catch {
      return null;
    }
  })
  .find((text) => text !== null);

export const version: string = /"version":\s*"([^"]+)"/.exec(manifest ?? '')?.[1] ?? '0.0.0';
