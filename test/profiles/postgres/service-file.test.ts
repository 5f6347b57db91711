import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Wanted } from '../../../src/profiles/ini/sections.ts';
import { ownSections, putSection, remarkSections, removeSections } from '../../../src/profiles/ini/sections.ts';
import { firstBadLine, isServiceHeader, SERVICE_FILE } from '../../../src/profiles/postgres/service-file.ts';
import { anyServices, grant, NOW } from './scene.ts';

const wanted = (n: number): Wanted => ({
  header: `jit-${n}`,
  pairs: [
    ['host', 'db'],
    ['user', `jit_${n}`],
  ],
  exclusive: ['host'],
  grant: grant(n),
  expiresAt: NOW,
});

function put(text: string | null, n: number): string {
  const done = putSection(SERVICE_FILE, text, wanted(n), (line) => isServiceHeader(line, `jit-${n}`));
  assert.equal(done.kind, 'put');
  return done.kind === 'put' ? done.text : '';
}

test('of any file, the lines joined are the file, so no byte can be lost', () => {
  fc.assert(
    fc.property(anyServices, (text) => {
      const joined = SERVICE_FILE.parse(text).map(({ header, lines }) =>
        [header, ...lines].map((line) => line?.raw ?? '').join(''),
      );
      assert.equal(joined.join(''), text);
    }),
  );
});

test('of any file, writing three services and wiping them in any order gives back the same bytes', () => {
  const order = fc.shuffledSubarray([1, 2, 3], { minLength: 3 });
  fc.assert(
    fc.property(anyServices, order, order, (text, writes, wipes) => {
      let now = text;
      for (const n of writes) now = put(now, n);
      now = remarkSections(SERVICE_FILE, now, ({ marker }) => marker.grant === grant(2), NOW + 5_000);
      assert.equal(ownSections(SERVICE_FILE, now).length, 3);
      for (const n of wipes) now = removeSections(SERVICE_FILE, now, ({ marker }) => marker.grant === grant(n)).text;
      assert.equal(now, text);
    }),
    { numRuns: 500 },
  );
});

test("lines are libpq's: leading blanks do not matter, a semicolon is no comment, only line feeds end a line", () => {
  const [above, first, second] = SERVICE_FILE.parse('host=skipped\n \t[a]b] more\n  k=v=w \r\n;x=y\nk\rl=m\n[c]\n');
  assert.deepEqual(
    above?.lines.map(({ kind }) => kind),
    ['comment'],
  );
  assert.equal(first?.header?.value, 'a');
  assert.deepEqual(
    first?.lines.map(({ kind, key, value }) => [kind, key, value]),
    [
      ['option', 'k', 'v=w'],
      ['option', ';x', 'y'],
      ['option', 'k\rl', 'm'],
    ],
  );
  assert.equal(second?.header?.value, 'c');
});

test('what libpq stumbles over is found with its line: no equals sign, no bracket, a NUL, a line that is too long', () => {
  const long = (length: number): string => `[a]\nk=${'x'.repeat(length - 3)}\n`;
  for (const [text, line] of [
    ['# x\n[a]\nhost\n', 3],
    ['[a]\n[open\n', 2],
    ['[a]\nk=\0\n', 2],
    ['=x\n[a]\n=x\n', 3],
    [long(1_023), 2],
    [long(1_022), null],
    ['nonsense above\n[a]\nldap://x\n', null],
  ] as const) {
    assert.equal(firstBadLine(text), line, JSON.stringify(text.slice(0, 40)));
  }
});
