/**
 * Addresses of brokers: what is taken and what is refused.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brokerName, parseBrokerUrl } from '../../src/client/ref.ts';

test('https anywhere and http on loopback are taken; a path becomes a base', () => {
  const taken: readonly [text: string, href: string][] = [
    ['https://jit.example.com', 'https://jit.example.com/'],
    ['https://JIT.example.com:8443/team', 'https://jit.example.com:8443/team/'],
    ['http://127.0.0.1:8080', 'http://127.0.0.1:8080/'],
    ['http://127.1', 'http://127.0.0.1/'],
    ['http://[::1]:1', 'http://[::1]:1/'],
    ['http://localhost', 'http://localhost/'],
  ];
  for (const [text, href] of taken) assert.equal(parseBrokerUrl(text).url.href, href);
  assert.equal(brokerName(parseBrokerUrl('https://jit.example.com')), 'jit.example.com');
  assert.equal(brokerName(parseBrokerUrl('https://jit.example.com', 'wo\u001brk')), 'wo\\x1brk');
});

test('plain http to elsewhere, credentials, queries, fragments and other schemes are refused, not stripped', () => {
  for (const text of [
    '',
    'jit.example.com',
    'http://jit.example.com',
    'http://127.0.0.1.evil.example',
    'http://localhost.evil.example',
    'http://10.0.0.1',
    'https://user@jit.example.com',
    'https://user:secret@jit.example.com',
    'https://jit.example.com/?x=1',
    'https://jit.example.com/?',
    'https://jit.example.com/#',
    'ftp://jit.example.com',
    'file:///etc/passwd',
    'unix:/run/jit.sock',
    `https://${'a'.repeat(3_000)}.example`,
  ]) {
    assert.throws(() => parseBrokerUrl(text), { code: 'ERR_USAGE' }, text);
  }
  assert.throws(
    () => parseBrokerUrl('https://user:secret@jit.example.com'),
    (error: Error) => !error.message.includes('secret'),
  );
});
