/**
 * The scanner that the other rules rest on.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importsOf, scan } from './scan.ts';
import { SRC, TEST } from './sources.ts';

test('comments, strings, templates and regular expressions are told apart from code', () => {
  const { code, bare, comments } = scan(
    [
      "const a = 'x // no'; // yes",
      'const b = `t ${f({ c: `u ${d} /* no */` })} // no`; /* yes',
      ' yes */ const e = /[/"]\\/ `/.test(g) ? h / i / j : "\\" // no";',
    ].join('\n'),
  );
  assert.deepEqual(comments.trim().split(/\s+/), ['//', 'yes', '/*', 'yes', 'yes', '*/']);
  assert.doesNotMatch(bare, /no|[tu] \$|["'`]/);
  assert.match(bare, /f\(\{ c:\s+d\s+\}\)/);
  assert.match(bare, /\.test\(g\) \? h \/ i \/ j :/);
  assert.match(code, /'x \/\/ no';\s+$/m);
});

test('a slash after a value divides, after an operator or keyword it begins a regular expression', () => {
  assert.equal(scan('a = b / c; d = "x" / e;').bare, 'a = b / c; d =     / e;');
  assert.equal(scan('return /x/;').bare, 'return    ;');
  assert.equal(scan('f(x) / 2; y[0] / 2').bare, 'f(x) / 2; y[0] / 2');
});

test('every way to import is found, and text that only looks like one is not', () => {
  const found = importsOf(
    scan(
      [
        "import a, { b } from 'one';",
        "import type { c } from 'two';",
        "import {\n  d,\n  e,\n} from 'three';",
        "export * as f from 'four';",
        "import 'five';",
        "const g = await import('six');",
        "// import h from 'seven';",
        'const i = "import j from \'eight\'";',
        "const k = require('nine');",
        "export const l = 'from'; const m = 'ten';",
      ].join('\n'),
    ),
  );
  assert.deepEqual(found.map(({ specifier, when }) => `${specifier} ${when}`).sort(), [
    'five static',
    'four static',
    'nine dynamic',
    'one static',
    'six dynamic',
    'three static',
    'two type',
  ]);
  assert.equal(found.find(({ specifier }) => specifier === 'five')?.line, 8);
});

test('in every file of the project brackets balance once text is blanked', () => {
  for (const { path, bare } of [...SRC, ...TEST]) {
    const open = bare.match(/[([{]/g)?.length ?? 0;
    const close = bare.match(/[)\]}]/g)?.length ?? 0;
    assert.equal(open, close, path);
  }
});
