import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { isConfigHeader } from '../../../src/profiles/aws/file.ts';
import { firstBadLine, parseSections } from '../../../src/profiles/aws/ini.ts';
import { ownSections, putSection, removeSections } from '../../../src/profiles/aws/sections.ts';
import type { Wanted } from '../../../src/profiles/ini/sections.ts';
import { NOW, anyConfig, grant } from './scene.ts';

const wanted = (name: string, n = 1): Wanted => ({
  header: `profile ${name}`,
  pairs: [
    ['credential_process', `/usr/bin/node /jit credential ${grant(n)} --format aws`],
    ['region', 'eu-west-1'],
  ],
  grant: grant(n),
  expiresAt: NOW + n,
  exclusive: ['credential_process'],
});

function put(before: string | null, name: string, n = 1): string {
  const done = putSection(before, wanted(name, n), (line) => isConfigHeader(line, name));
  assert.ok(done.kind === 'put', `taken in ${JSON.stringify(before)}`);
  return done.text;
}

/** The lines that say something, without our headers, which stay where somebody added keys. */
const contentLines = (text: string): string[] =>
  text
    .replace(/^\xef\xbb\xbf/, '')
    .split(/[\r\n]+/)
    .filter((line) => line.trim() !== '' && !/^\[profile jit-\d\]$/.test(line));

const remove = (text: string, n?: number): string =>
  removeSections(text, ({ marker }) => n === undefined || marker.grant === grant(n)).text;

const readable = anyConfig.filter(
  (text) => firstBadLine(parseSections(text)) === null && !text.includes('[profile jit-'),
);
const bytes = fc.uint8Array({ maxLength: 200 }).map((all) => Buffer.from(all).toString('latin1'));

test('property: writing a profile into any bytes and removing it gives back those bytes', () => {
  fc.assert(
    fc.property(fc.oneof(readable, anyConfig, bytes), (text) => {
      const written = put(text, 'jit-a');
      assert.ok(written.startsWith(text));
      assert.equal(remove(written), text);
    }),
    { numRuns: 3_000 },
  );
});

test('property: several profiles, renewed on the way and removed in any order, leave the original bytes', () => {
  const order = fc.shuffledSubarray([1, 2, 3, 4], { minLength: 4 });
  fc.assert(
    fc.property(readable, order, order, fc.nat(3), (text, writes, removals, early) => {
      let now = text;
      for (const n of writes) now = put(now, `jit-${n}`, n);
      now = put(put(now, 'jit-1', 9), 'jit-1', 1);
      for (const n of removals.slice(0, early)) now = remove(now, n);
      for (const n of removals.slice(0, early)) now = put(now, `jit-${n}`, n);
      for (const n of removals) now = remove(now, n);
      assert.equal(now, text);
    }),
    { numRuns: 1_000 },
  );
});

test('property: what others insert before, between, inside and behind stays, byte for byte and in order', () => {
  const inserted = fc.array(
    fc.tuple(
      fc.nat(),
      fc.constantFrom('output = json\n', '# mine\n', '[profile other]\n', '[profile other2]\nx = 1\n'),
    ),
    { maxLength: 4 },
  );
  fc.assert(
    fc.property(readable, inserted, (text, insertions) => {
      let lines: { raw: string; ours: boolean }[] = [{ raw: text, ours: false }];
      const block = put(put(text, 'jit-1', 1), 'jit-2', 2).slice(text.length);
      lines.push(...(block.match(/[^\n]*\n/g) ?? []).map((raw) => ({ raw, ours: true })));
      for (const [at, raw] of insertions) {
        const index = 1 + (at % lines.length);
        // Behind a last line without an end the text would become a part of it; a header in the middle of ours takes
        // the rest of them over.
        const next = lines.slice(index).find(({ ours }) => ours);
        const inside = next !== undefined && !/^(?:\[.*)?\r?\n$/.test(next.raw);
        if (index === 1 && text !== '' && !text.endsWith('\n')) continue;
        if (inside && raw.startsWith('[')) continue;
        lines = lines.toSpliced(index, 0, { raw, ours: false });
      }
      const edited = lines.map(({ raw }) => raw).join('');
      if (firstBadLine(parseSections(edited)) !== null) return;
      const after = remove(edited);
      // Line by line, since a last line without an end gets one of ours when something stands behind it.
      const foreign = lines.filter(({ ours }) => !ours).flatMap((line) => contentLines(line.raw));
      assert.deepEqual(contentLines(after), foreign);
      assert.equal(ownSections(after).length, 0);
      assert.equal(firstBadLine(parseSections(after)), null);
    }),
    { numRuns: 2_000 },
  );
});

test('property: putting the same profile twice changes nothing, and its own renewal stays in its place', () => {
  fc.assert(
    fc.property(readable, (text) => {
      const once = put(text, 'jit-a');
      assert.equal(put(once, 'jit-a'), once);
      const between = `${once}[profile behind]\nx = 1\n`;
      const renewed = put(between, 'jit-a', 2);
      assert.ok(renewed.endsWith('[profile behind]\nx = 1\n'));
      assert.equal(ownSections(renewed)[0]?.marker.expiresAt, NOW + 2);
    }),
  );
});

test('the block takes the line ends of the file and one blank line before it', () => {
  assert.match(
    put('[default]\r\nx = 1\r\n', 'a'),
    /^\[default\]\r\nx = 1\r\n\r\n\[profile a\]\r\n# jit .*\r\ncredential_process = .*\r\nregion = eu-west-1\r\n$/,
  );
  assert.match(put('[default]', 'a'), /^\[default\]\n\n\[profile a\]\n/);
  assert.match(put('[default]\n\n', 'a'), /^\[default\]\n\n\[profile a\]\n/);
  assert.match(put(null, 'a'), /^\[profile a\]\n/);
});

test('every way of writing a header that some reader takes for the name counts as taken', () => {
  const isTaken = (text: string): boolean =>
    putSection(text, wanted('x'), (line) => isConfigHeader(line, 'x')).kind === 'taken';
  const ways = [
    '[profile x]',
    '[profile "x"]',
    "[profile 'x']",
    '[profile  x]',
    '[profile\tx]',
    '[ profile x ]',
    '[profile x] # c',
    '[profile x] ; [y]',
    '  [profile x]',
    '[profile \\x]',
    '[profile x]\r[default]',
    '[a]\nk = 1\n  [profile x]',
  ];
  for (const way of ways) assert.ok(isTaken(`${way}\nregion = 1\n`), way);
  for (const other of [
    '[x]',
    '[profile xx]',
    '[profile x y]',
    '[profile X]',
    '# [profile x]',
    '[default]\nprofile x = 1',
    '[services x]',
  ]) {
    assert.equal(isTaken(`${other}\n`), false, other);
  }
});

test("comments that only look like jit's are comments", () => {
  const block = put(null, 'a');
  const [, marker = ''] = block.split('\n');
  for (const fake of [
    marker.replace('# jit', '#jit'),
    marker.replace('gr_', 'gr-'),
    marker.replace('2026', '20x6'),
    marker.slice(0, -1),
    marker.replace('2026-11', '2026-19'),
    `; ${marker}`,
    `${marker} x`,
  ]) {
    const text = `[profile a]\n${fake}\nregion = eu-west-1\n`;
    assert.equal(remove(text), text, fake);
  }
});
