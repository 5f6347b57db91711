import assert from 'node:assert/strict';
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { firstBadLine, leadingMark, parseSections } from '../../../src/profiles/aws/ini.ts';
import type { Section } from '../../../src/profiles/ini/lines.ts';
import { ground, run } from '../../local/ground.ts';
import { skipUnless } from '../../support/tools.ts';
import { anyConfig } from './scene.ts';

const raw = (sections: readonly Section[]): string =>
  sections.map(({ header, lines }) => (header?.raw ?? '') + lines.map((line) => line.raw).join('')).join('');

test('property: the lines of any bytes, joined again, are those bytes', () => {
  const bytes = fc.uint8Array({ maxLength: 300 }).map((all) => Buffer.from(all).toString('latin1'));
  fc.assert(
    fc.property(fc.oneof(bytes, anyConfig), (text) => {
      assert.equal(leadingMark(text) + raw(parseSections(text)), text);
    }),
    { numRuns: 1_000 },
  );
});

test('names such as __proto__ and constructor are headers and keys like any other', () => {
  const text = '[__proto__]\nconstructor = 1\n[constructor]\n__proto__ = polluted\n';
  const sections = parseSections(text);
  assert.deepEqual(
    sections.map(({ header }) => header?.value),
    [undefined, '__proto__', 'constructor'],
  );
  assert.equal(sections[2]?.lines[0]?.value, 'polluted');
  assert.equal('polluted' in {}, false);
});

test('the first line that the aws program could not read is named by its number', () => {
  const bad: readonly (readonly [string, number])[] = [
    ['key = 1\n', 1],
    ['[a]\nx = 1\nhalf a li', 3],
    ['# c\n\n[a\n', 3],
    ['[]\n', 1],
    ['[a]\n= 1\n', 2],
    ['[a]\ns3 =\n  broken\n', 3],
    ['[a]\r\nx = 1\ry\r\n', 3],
  ];
  for (const [text, line] of bad) assert.equal(firstBadLine(parseSections(text)), line, JSON.stringify(text));
  for (const good of [
    '',
    '\n',
    '# c\n',
    '[a]',
    '[a]\nx = 1\n  more\n',
    '[a]\n[a]\n',
    '[a]\ns3 =\n  x = 1\n',
    '[a]\nx:1',
  ]) {
    assert.equal(firstBadLine(parseSections(good)), null, JSON.stringify(good));
  }
});

const PYTHON = `
import configparser, json, sys
answers = []
for text in json.load(open(sys.argv[1])):
    parser = configparser.RawConfigParser(strict=False)
    try:
        import io
        parser.read_file(io.StringIO(text, newline=None))
        for section in parser.sections():
            for key, value in parser.items(section):
                if value.startswith('\\n') and any('=' not in line for line in value.splitlines() if line.strip()):
                    raise configparser.Error(key)
        answers.append([[s, sorted(k for k, _ in parser._sections[s].items())] for s in parser.sections()])
    except configparser.Error:
        answers.append(None)
print(json.dumps(answers))
`;

test(
  "2,000 random files read the same as by Python's configparser, which botocore uses",
  { skip: skipUnless('python3') },
  async (t) => {
    // ASCII, since that is what AWS promises; and without the forms that this reader refuses on purpose.
    const texts = fc
      .sample(anyConfig, 2_000)
      .map((text) => text.replace(/[^\x09-\x0d\x20-\x7e]/g, 'x'))
      .filter((text) => !/\[open|[\x0b\x0c]/.test(text) && !/^\s+\[/m.test(text));
    const file = join(ground(t), 'texts.json');
    writeFileSync(file, JSON.stringify(texts));
    const ended = await run('python3', ['-c', PYTHON, file]);
    assert.equal(ended.status, 0, ended.stderr);
    const theirs: unknown = JSON.parse(ended.stdout);
    assert.ok(Array.isArray(theirs));
    let readable = 0;
    for (const [index, text] of texts.entries()) {
      const sections = parseSections(text);
      const ours = firstBadLine(sections) === null ? keysOf(sections) : null;
      if (ours !== null) readable++;
      assert.deepEqual(ours, theirs[index], JSON.stringify(text));
    }
    assert.ok(readable > 200 && readable < texts.length);
  },
);

function keysOf(sections: readonly Section[]): [string, string[]][] {
  const merged = new Map<string, Set<string>>();
  for (const { header, lines } of sections) {
    if (header === null) continue;
    const keys = merged.get(header.value) ?? new Set();
    for (const line of lines) if (line.kind === 'option') keys.add(line.key.toLowerCase());
    merged.set(header.value, keys);
  }
  return [...merged].map(([name, keys]) => [name, [...keys].toSorted()]);
}
