/**
 * The files of the project, read once for all rules.
 * @module
 */
import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Import, type Scanned, importsOf, scan } from './scan.ts';

/** The folder that holds package.json. */
export const ROOT = resolve(import.meta.dirname, '../..');

export interface Source extends Scanned {
  /** From the root, with slashes. */
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
  readonly imports: readonly Import[];
}

/** Paths from the root, sorted. */
export function paths(pattern: string): readonly string[] {
  return globSync(pattern, { cwd: ROOT, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(ROOT.length + 1)
        .replaceAll('\\', '/'),
    )
    .sort();
}

export function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

export function sources(pattern: string): readonly Source[] {
  return paths(pattern).map((path) => {
    const text = read(path);
    const scanned = scan(text);
    // A final line break ends a line; it does not begin another.
    const lines = text.replace(/\n$/, '').split('\n');
    return { path, text, lines, ...scanned, imports: importsOf(scanned) };
  });
}

export const SRC: readonly Source[] = sources('src/**/*.ts');
export const TEST: readonly Source[] = sources('test/**/*.ts');

/** The folder below src that has a rule of its own: `core`, `broker`, … and each provider by itself. */
export function areaOf(path: string): string {
  const [, top = '', second = ''] = path.split('/');
  return top === 'providers' ? `providers/${second}` : top;
}

/** Places where a pattern stands in code, strings and comments left out, as `path:line: text`. */
export function findInCode(files: readonly Source[], pattern: RegExp): readonly string[] {
  return files.flatMap(({ path, bare, lines }) =>
    bare
      .split('\n')
      .flatMap((line, at) => (pattern.test(line) ? [`${path}:${at + 1}: ${(lines[at] ?? '').trim()}`] : [])),
  );
}

export interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly scripts: Readonly<Record<string, string>>;
  readonly bin: Readonly<Record<string, string>>;
}

// Safe: package.json is ours, and a field that is missing fails the test that needs it.
export const MANIFEST = JSON.parse(read('package.json')) as Manifest;
