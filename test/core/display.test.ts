/**
 * Text of others, made safe to show.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { display } from '../../src/core/display.ts';
import { anyText } from './texts.ts';

const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}\p{Default_Ignorable_Code_Point}]/u;

test('no text whatever leaves a character that a terminal acts on or that nobody sees', () => {
  const texts = fc.oneof(
    anyText,
    fc.string({
      unit: fc.constantFrom(
        '\u001b',
        '[',
        '2',
        'J',
        '\r',
        '\n',
        '\u202e',
        '\u200b',
        '\u{e0041}',
        '\ud83d',
        'a',
        '\ufe0f',
      ),
    }),
    fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units)),
  );
  fc.assert(
    fc.property(texts, fc.integer({ min: 1, max: 50 }), (text, limit) => {
      const shown = display(text, limit);
      assert.ok(!UNSAFE.test(shown), JSON.stringify(shown));
      assert.ok(shown.isWellFormed());
    }),
    { numRuns: 1_000 },
  );
});

test('ordinary text of any language is shown as it is', () => {
  for (const text of ['fix the outage', 'Zürich – Ärger', 'العربية', '日本語', '😀 ok', '"quotes" & <tags>', ''])
    assert.equal(display(text), text);
});

test('each unsafe character is shown by its number', () => {
  assert.equal(display('a\u001b[2J\r\n\tb'), 'a\\x1b[2J\\x0d\\x0a\\x09b');
  assert.equal(
    display('\u202egnp.exe\u2066\u200b\u2028\ufeff'),
    '\\u{202e}gnp.exe\\u{2066}\\u{200b}\\u{2028}\\u{feff}',
  );
  assert.equal(display('\u009b31m\u0085'), '\\x9b31m\\x85');
  assert.equal(display('\ud83d'), '\\u{d83d}');
  assert.equal(display('a\u{e0041}\u00ad\u115f\u3164'), 'a\\u{e0041}\\xad\\u{115f}\\u{3164}');
});

test('a long text is cut, and says by how much', () => {
  assert.equal(display('abcdef', 6), 'abcdef');
  assert.equal(display('abcdef', 4), 'abcd… (2 more)');
  assert.equal(display('x'.repeat(1_048_576)), `${'x'.repeat(1_000)}… (1047576 more)`);
  assert.equal(display('😀😀😀', 2), '😀😀… (1 more)');
});

test('what is shown is bounded, however it has to be escaped', () => {
  fc.assert(
    fc.property(anyText, fc.integer({ min: 1, max: 20 }), (text, limit) => {
      assert.ok(display(text, limit).length <= limit * 10 + 30);
    }),
  );
});
