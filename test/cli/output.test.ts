/**
 * What reaches a stream: escaped, in its place, coloured only for eyes, and within the width of the terminal.
 * @module
 */
import assert from 'node:assert/strict';
import { stripVTControlCharacters } from 'node:util';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { safeJson } from '../../src/cli/json.ts';
import { errorBody } from '../../src/cli/output.ts';
import { fact, record, table } from '../../src/cli/table.ts';
import { columnsOf, fitColumns, renderLine, toned, unpainted } from '../../src/cli/text.ts';
import { bothTimes, clockTime, recordedTime, relative, roughly } from '../../src/cli/time.ts';
import { JitError } from '../../src/core/errors.ts';
import { RAW, testWorld } from './world.ts';

const hostile = fc.string({ unit: 'binary', maxLength: 60 });

test('no foreign text reaches a stream with a raw control, bidirectional or invisible character, in any form of output', async () => {
  await fc.assert(
    fc.asyncProperty(hostile, async (text) => {
      const { context, said } = testWorld();
      const { out } = context;
      await out.print([text, [toned('bad', text), text], ...record([fact(text, text)], 40)]);
      await out.print(
        table(
          [
            { title: 'A', cut: 'may' },
            { title: 'B', cut: 'never' },
          ],
          [[toned('plain', text), toned('good', text)]],
          30,
        ),
      );
      await out.note(text);
      await out.hint(text);
      out.progress(text);
      out.document('test', {
        text,
        nested: { [text]: [text] },
        ...errorBody(new JitError({ code: 'ERR_DENIED', message: text, hint: text }), 5),
      });
      assert.doesNotMatch(said.stdout, RAW);
      assert.doesNotMatch(said.stderr, RAW);
    }),
  );
});

test('on a terminal the only escape sequences are colours and the erasing of the progress line', async () => {
  await fc.assert(
    fc.asyncProperty(hostile, async (text) => {
      const { context, said } = testWorld({ terminal: 80 });
      context.out.progress(text);
      await context.out.print([[toned('good', text), toned('dim', text)]]);
      await context.out.note(text);
      const rest = (said.stdout + said.stderr).replaceAll('\r\x1b[2K', '').replaceAll(/\x1b\[\d+m/g, '');
      assert.doesNotMatch(rest, RAW);
    }),
  );
});

test('JSON keeps the value while it escapes', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) =>
      assert.deepEqual(JSON.parse(safeJson(value)), JSON.parse(JSON.stringify(value))),
    ),
  );
});

test('data goes to stdout, the rest to stderr behind its prefix', async () => {
  const { context, said } = testWorld();
  await context.out.print(['data']);
  await context.out.note('said');
  await context.out.hint('do this');
  assert.deepEqual(said, { stdout: 'data\n', stderr: 'jit: said\nhint: do this\n' });
});

test('progress is one line that is erased, and nothing off a terminal or with NO_COLOR', async () => {
  const eyes = testWorld({ terminal: 20 });
  eyes.context.out.progress('jit: waiting for a long time · 12s');
  assert.equal(eyes.said.stderr, '\r\x1b[2Kjit: waiting for a ');
  await eyes.context.out.print(['done']);
  assert.ok(eyes.said.stderr.endsWith('\r\x1b[2K'), 'erased before anything else is said');
  const pipe = testWorld();
  pipe.context.out.progress('jit: waiting');
  const plain = testWorld({ terminal: 80, env: { NO_COLOR: '1' } });
  plain.context.out.progress('jit: waiting');
  await plain.context.out.print([[toned('good', 'x')]]);
  assert.deepEqual([pipe.said.stderr, plain.said.stderr, plain.said.stdout], ['', '', 'x\n']);
});

test('a table fits the terminal, cuts only what may be cut, and becomes records where that is not enough', () => {
  const columns = [
    { title: 'ID', cut: 'never' },
    { title: 'WHAT', cut: 'may' },
    { title: 'WHY', cut: 'may' },
  ] as const;
  const cell = fc.string({ unit: 'grapheme', maxLength: 60 }).map((text) => toned('plain', text));
  const rows = fc.array(fc.tuple(fc.constant(toned('plain', 'gr_0123456789')), cell, cell), {
    minLength: 1,
    maxLength: 5,
  });
  fc.assert(
    fc.property(rows, fc.integer({ min: 50, max: 200 }), (cells, width) => {
      const lines = table(columns, cells, width).map((line) => renderLine(line, unpainted));
      for (const line of lines) assert.ok(columnsOf(line) <= width, `${columnsOf(line)} > ${width}: ${line}`);
      assert.equal(lines.filter((line) => line.includes('gr_0123456789')).length, cells.length);
    }),
  );
  const narrow = table(
    columns,
    [[toned('plain', 'gr_0123456789'), toned('plain', 'x'.repeat(30)), toned('plain', 'y')]],
    20,
  );
  assert.deepEqual(
    narrow.map((line) => renderLine(line, unpainted).trimEnd()),
    ['id    gr_0123456789', `what  ${'x'.repeat(30)}`, 'why   y'],
  );
});

test('wide characters count as two columns, and text is cut between characters', () => {
  assert.equal(columnsOf('日本'), 4);
  assert.equal(columnsOf('e\u0301'), 1);
  assert.equal(fitColumns('日本語', 4), '日…');
  assert.equal(fitColumns('a\u001bb', 4), 'a\\x…');
});

test('times are relative and absolute, never 0s for what is live', () => {
  const now = new Date(2026, 10, 22, 14, 0, 0).getTime();
  assert.equal(relative(now + 90_000, now), 'in 1m30s');
  assert.equal(relative(now - 5_400_000, now), '1h30m ago');
  assert.equal(relative(now + 400, now), 'now');
  assert.equal(roughly(1), '1s');
  assert.equal(roughly(5_399_999), '1h30m');
  assert.equal(roughly(200_000_000), '2d7h');
  assert.equal(clockTime(now, now), '14:00:00');
  assert.equal(clockTime(now + 86_400_000, now), '2026-11-23 14:00:00');
  assert.equal(bothTimes(now + 60_000, now), 'in 1m (14:01:00)');
  assert.equal(recordedTime(now + 60_000, now), '2026-11-22 14:01:00 (in 1m)');
});

test('colour is there on a terminal, and the text is the same without it', async () => {
  const { context, said } = testWorld({ terminal: 80 });
  await context.out.print([[toned('good', 'fine'), ' ', toned('strong', 'bold')]]);
  assert.match(said.stdout, /\x1b\[32mfine/);
  assert.equal(stripVTControlCharacters(said.stdout), 'fine bold\n');
});
