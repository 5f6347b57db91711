/**
 * What every file looks like, as far as a rule can say it.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SRC, type Source, TEST, findInCode } from './sources.ts';

const ALL: readonly Source[] = [...SRC, ...TEST];
const LONGEST_FILE = 400;
const MEDIAN_FILE = 120;

test('no file is longer than 400 lines, and half of them have at most 120', () => {
  const long = ALL.filter(({ lines }) => lines.length > LONGEST_FILE).map(
    ({ path, lines }) => `${path}: ${lines.length}`,
  );
  assert.deepEqual(long, []);
  const lengths = SRC.map(({ lines }) => lines.length).sort((a, b) => a - b);
  const median = lengths[Math.floor(lengths.length / 2)] ?? 0;
  assert.ok(median <= MEDIAN_FILE, `the median is ${median}`);
});

test('every file of src begins with a comment that says what it is for, marked @module', () => {
  const silent = SRC.filter(({ text }) => !/^(?:#!.*\n)?\/\*\*\n \* \S[^]*?\* @module\n \*\/\n/.test(text));
  assert.deepEqual(
    silent.map(({ path }) => path),
    [],
  );
});

test('nothing has the type any', () => {
  // A member named any, such as AbortSignal.any, is not the type.
  assert.deepEqual(findInCode(ALL, /(?<![.\w$])any\b(?!\s*[:(])/), []);
});

test('no check of types is switched off, and no rule of the linter without a reason', () => {
  const off = /@ts-(?:ignore|nocheck|expect-error)|(?:ox|es)lint-disable(?!.*-- \S)/;
  const where = ALL.flatMap(({ path, comments }) =>
    comments.split('\n').flatMap((line, at) => (off.test(line) ? [`${path}:${at + 1}: ${line.trim()}`] : [])),
  );
  assert.deepEqual(where, []);
});

test('a cast has a comment on its line or just above that says why it is safe', () => {
  // Widening to unknown takes the any out of JSON.parse and needs no reason; unknown as a stepping stone does.
  const cast = /(?<![.\w$])as\s+(?!const\b|unknown\b(?!\s*(?:\)\s*)?as\b))/;
  const silent = SRC.flatMap((source) => {
    const explained = source.comments.split('\n').map((line) => line.trim() !== '');
    return withoutRenames(source.bare)
      .split('\n')
      .flatMap((line, at) =>
        cast.test(line) && explained[at] !== true && explained[at - 1] !== true
          ? [`${source.path}:${at + 1}: ${(source.lines[at] ?? '').trim()}`]
          : [],
      );
  });
  assert.deepEqual(silent, []);
});

/** Blanks the `as` of imports and exports, which renames and does not cast. */
function withoutRenames(bare: string): string {
  return bare.replaceAll(/\b(?:import|export)\s+(?:type\s+)?(?:\*|\{)[^;=]*?(?:\bfrom\b|;)/g, (text) =>
    text.replaceAll(/\bas\b/g, '  '),
  );
}

test('nothing is left for later: no TODO, FIXME, XXX or HACK', () => {
  const marks = /\b(?:TODO|FIXME|XXX|HACK)\b/;
  const where = ALL.flatMap(({ path, comments }) =>
    comments.split('\n').flatMap((line, at) => (marks.test(line) ? [`${path}:${at + 1}: ${line.trim()}`] : [])),
  );
  assert.deepEqual(where, []);
});

test('names say what a thing is: no Manager, Helper or Util', () => {
  const vague = /\b\w*(?:Manager|Helper|Utils?)\b|\b(?:manager|helpers?|utils?)\b/;
  assert.deepEqual(
    ALL.filter(({ path }) => /manager|helper|util/i.test(path)).map(({ path }) => path),
    [],
  );
  assert.deepEqual(findInCode(SRC, vague), []);
});

test('exports have names: there is no default export', () => {
  assert.deepEqual(findInCode(ALL, /\bexport\s+default\b|\bexport\s*\{[^}]*\bas\s+default\b/), []);
});

test('syntax that cannot be erased is not used', () => {
  assert.deepEqual(
    findInCode(
      ALL,
      /^\s*(?:export\s+)?(?:const\s+)?(?:enum|namespace|module)\s+\w+|\b(?:private|public|protected)\s+\w+/,
    ),
    [],
  );
});

test('a failure that somebody can meet is a JitError', () => {
  // A RangeError or TypeError says that jit itself called something wrongly; a plain Error says nothing.
  assert.deepEqual(findInCode(SRC, /\bthrow\s+(?:new\s+)?Error\b/), []);
});
