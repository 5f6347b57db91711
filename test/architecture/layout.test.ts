/**
 * Files that must be there, tests that must be run, and versions that must not move.
 * @module
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { MANIFEST, ROOT, TEST, paths, read } from './sources.ts';

/** Everything that may lie in the root; the rest has its place in a folder. */
const ROOT_MAY_HOLD = [
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'README.md',
  'LICENSE',
  '.npmrc',
  '.gitignore',
  '.oxlintrc.json',
  '.oxfmtrc.json',
  'bin',
  'src',
  'test',
  '.github',
  '.ci',
  // Not committed.
  '.git',
  'node_modules',
  'dist',
];

test('the root holds what the tools force there, and no more', () => {
  assert.deepEqual(
    readdirSync(ROOT).filter((name) => !ROOT_MAY_HOLD.includes(name)),
    [],
  );
});

test('every provider explains itself in a README, and so does the sandbox', () => {
  const explained = [...paths('src/providers/*/*.ts').map((path) => dirname(path)), 'src/sandbox'];
  const silent = [...new Set(explained)].filter((folder) => !existsSync(join(ROOT, folder, 'README.md')));
  assert.deepEqual(silent, []);
});

test('a design note is one page', () => {
  const long = paths('{src,test}/**/README.md').filter((path) => read(path).split('\n').length > 100);
  assert.deepEqual(long, []);
});

test('links in the documents lead to files that exist', () => {
  const broken = paths('{README.md,.github/**/*.md,src/**/*.md,test/**/*.md}').flatMap((path) =>
    [...read(path).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)]
      .map((match) => match[1] ?? '')
      .filter((target) => !/^[a-z]+:/.test(target) && !target.startsWith('../../'))
      .filter((target) => !existsSync(join(ROOT, dirname(path), target)))
      .map((target) => `${path}: ${target}`),
  );
  assert.deepEqual(broken, []);
});

test('every file of test/ is run by npm test, or used by one that is', () => {
  const pattern = /"(test\/[^"]+)"/.exec(MANIFEST.scripts['test'] ?? '')?.[1];
  assert.ok(pattern !== undefined, 'the test script names its files by a pattern');
  const run = new Set(paths(pattern));
  const all = paths('test/**/*').filter((path) => /\.[cm]?[jt]s$/.test(path));
  const scripts = Object.values(MANIFEST.scripts).join('\n');
  const unused = all
    .filter((path) => !run.has(path))
    .filter((path) => !scripts.includes(path))
    .filter((path) => !TEST.some((other) => other.path !== path && other.code.includes(basename(path))))
    // A measurement is started by hand; then the page beside it says how.
    .filter((path) => !readmeBeside(path).includes(basename(path)));
  assert.deepEqual(unused, []);
  const unnamed = TEST.filter(({ path }) => !run.has(path)).filter(({ bare }) =>
    /^(?:await\s+)?(?:test|it|describe|suite)\(/m.test(bare),
  );
  assert.deepEqual(
    unnamed.map(({ path }) => path),
    [],
    'tests in files that the pattern does not reach',
  );
});

function readmeBeside(path: string): string {
  const readme = join(dirname(path), 'README.md');
  return existsSync(join(ROOT, readme)) ? read(readme) : '';
}

test('no test is left aside by only or todo', () => {
  const aside = TEST.filter(({ bare }) =>
    /\b(?:test|it|describe)\.(?:only|todo)\b|\b(?:only|todo):\s*true\b/.test(bare),
  );
  assert.deepEqual(
    aside.map(({ path }) => path),
    [],
  );
});

test('versions of dependencies are exact', () => {
  const exact = /^(?:npm:@?[\w./-]+@)?\d+\.\d+\.\d+$/;
  const loose = [MANIFEST.dependencies, MANIFEST.devDependencies, MANIFEST.optionalDependencies ?? {}]
    .flatMap((list) => Object.entries(list))
    .filter(([, version]) => !exact.test(version));
  assert.deepEqual(loose, []);
});

test('the lock file checks contents, and names no registry', () => {
  // Safe: a lock file of another shape fails the comparisons below.
  const { packages } = JSON.parse(read('package-lock.json')) as {
    packages: Readonly<
      Record<string, { readonly resolved?: string; readonly integrity?: string; readonly link?: true }>
    >;
  };
  const entries = Object.entries(packages).filter(([path]) => path !== '');
  assert.ok(entries.length > 10);
  assert.deepEqual(
    entries.filter(([, { resolved }]) => resolved !== undefined).map(([path]) => path),
    [],
  );
  assert.deepEqual(
    entries.filter(([, { integrity }]) => integrity === undefined).map(([path]) => path),
    [],
  );
});
