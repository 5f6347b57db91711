/**
 * SPIFFE IDs: one way to write each, and nothing else.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { isPathPattern, isTrustDomain, matchesPath, parseSpiffeId } from '../../../src/identity/verify/spiffe-id.ts';

const letters = (alphabet: string, most: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...alphabet.split('')), minLength: 1, maxLength: most });
const LOWER = 'abcdefghijklmnopqrstuvwxyz0123456789.-_';
const HOSTILE = `${LOWER}AZ/:@?#%[]\\ \u0000\u00e9\u2028`;
const domain = letters(LOWER, 255);
const segment = letters(`${LOWER}ABCDEFGHIJKLMNOPQRSTUVWXYZ`, 30).filter((text) => text !== '.' && text !== '..');
const segments = fc.array(segment, { maxLength: 20 });

test('every ID of the standard is read as what it says', () => {
  fc.assert(
    fc.property(domain, segments, (trustDomain, parts) => {
      const path = parts.map((part) => `/${part}`).join('');
      assert.deepEqual(parseSpiffeId(`spiffe://${trustDomain}${path}`), { trustDomain, path });
      assert.ok(isTrustDomain(trustDomain));
      assert.ok(matchesPath(path, path === '' ? '' : path));
    }),
  );
});

test('whatever is read is written the same way again', () => {
  const hostile = fc.string({ unit: fc.constantFrom(...HOSTILE.split('')), maxLength: 40 });
  fc.assert(
    fc.property(fc.oneof(hostile, fc.string({ unit: 'binary' })), (text) => {
      for (const candidate of [text, `spiffe://${text}`, `spiffe://example.org/${text}`]) {
        const parsed = parseSpiffeId(candidate);
        if (parsed === null) continue;
        assert.equal(`spiffe://${parsed.trustDomain}${parsed.path}`, candidate);
        assert.match(candidate, /^spiffe:\/\/[a-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*$/);
        // A trust domain may be dots (SPIFFE-ID section 2.1 names letters only); a segment of the path may not.
        assert.doesNotMatch(parsed.path, /\/\.{1,2}(?:\/|$)/u);
      }
    }),
  );
});

test('one wrong character anywhere and it is no ID', () => {
  const wrong = fc.constantFrom(
    '%',
    '%2e',
    '?',
    '#',
    ':',
    '@',
    ' ',
    '\n',
    '\t',
    '\0',
    '\\',
    '[',
    '~',
    '+',
    'é',
    '\u212a',
  );
  fc.assert(
    fc.property(domain, segments, fc.nat(), wrong, (trustDomain, parts, at, character) => {
      const rest = [trustDomain, ...parts].join('/');
      const place = at % (rest.length + 1);
      assert.equal(parseSpiffeId(`spiffe://${rest.slice(0, place)}${character}${rest.slice(place)}`), null);
    }),
  );
});

test('what the standard forbids by name is refused', () => {
  const path = `/${'a'.repeat(2_000)}`;
  assert.notEqual(parseSpiffeId(`spiffe://example.org${path}`), null);
  for (const text of [
    '',
    'spiffe:',
    'spiffe://',
    'spiffe:///path',
    'spiffe:/example.org/path',
    'SPIFFE://example.org/path',
    'https://example.org/path',
    'spiffe://Example.org/path',
    'spiffe://example.org/',
    'spiffe://example.org//path',
    'spiffe://example.org/path/',
    'spiffe://example.org/./path',
    'spiffe://example.org/a/../path',
    'spiffe://example.org/..',
    'spiffe://example.org:8443/path',
    'spiffe://user@example.org/path',
    'spiffe://[::1]/path',
    'spiffe://example.org/path?query',
    'spiffe://example.org/path#fragment',
    'spiffe://example.org/pa%74h',
    ' spiffe://example.org/path',
    'spiffe://example.org/path\n',
    `spiffe://${'a'.repeat(256)}/path`,
    `spiffe://example.org${path}${'a'.repeat(100)}`,
  ]) {
    assert.equal(parseSpiffeId(text), null, text);
  }
});

test('a pattern is a path, or all that lies below one', () => {
  for (const pattern of ['/*', '/ns/prod/*', '/ns/prod/sa/web']) assert.ok(isPathPattern(pattern), pattern);
  for (const pattern of ['', '*', 'ns', '/', '/ns/', '/ns/*/sa', '/ns*', '/ns/**', '/ns/../*', '//*', '/%2a']) {
    assert.ok(!isPathPattern(pattern), pattern);
  }
  assert.ok(matchesPath('/ns/prod/sa/web', '/ns/prod/*'));
  assert.ok(matchesPath('/a', '/*'));
  for (const [path, pattern] of [
    ['/ns/prod', '/ns/prod/*'],
    ['/ns/production/sa', '/ns/prod/*'],
    ['/NS/prod/sa', '/ns/prod/*'],
    ['', '/*'],
    ['/a/b', '/a'],
    ['/a', '/a/b'],
  ] as const) {
    assert.ok(!matchesPath(path, pattern), `${path} ${pattern}`);
  }
});
