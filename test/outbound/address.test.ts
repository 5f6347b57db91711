/**
 * Addresses and URLs that keys may be fetched from.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { isLoopback, isReachable, urlProblem } from '../../src/outbound/address.ts';

const PUBLIC = [
  '8.8.8.8',
  '140.82.121.6',
  '168.63.129.17',
  '2606:4700::1111',
  '2a00:1450::200e',
  '64:ff9b::808:808',
  '::ffff:8.8.8.8',
];
const PRIVATE = [
  '10.0.0.1',
  '10.255.255.255',
  '100.64.0.1',
  '100.127.255.255',
  '127.0.0.1',
  '127.255.255.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.0.2.1',
  '192.168.0.1',
  '198.18.0.1',
  '198.51.100.1',
  '203.0.113.1',
  '::1',
  '::ffff:10.0.0.1',
  '::ffff:7f00:1',
  '64:ff9b::a00:1',
  '64:ff9b::10.0.0.1',
  'fc00::1',
  'fd12:3456::1',
  'fec0::1',
  '100::1',
  '2001:db8::1',
  '2001::1',
  '2002:a00:1::',
  '3fff::1',
  '4000::1',
];
const NEVER = [
  '0.0.0.0',
  '0.1.2.3',
  '169.254.169.254',
  '169.254.170.2',
  '168.63.129.16',
  '100.100.100.200',
  '192.0.0.192',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::ffff:169.254.169.254',
  '::ffff:a9fe:a9fe',
  '0:0:0:0:0:ffff:169.254.169.254',
  '64:ff9b::a9fe:a9fe',
  '64:ff9b::',
  '64:ff9b:0:0:0:0:0:0',
  'fe80::1',
  'fe80::1%eth0',
  'fd00:ec2::254',
  'fd20:ce::254',
  'ff02::1',
  '',
  'localhost',
  '1.2.3',
  '127.1',
  '0x7f.0.0.1',
];

test('addresses of private networks are reached where that is asked for, those of metadata services never', () => {
  for (const address of PUBLIC) {
    assert.ok(isReachable(address, 'public'), address);
    assert.ok(isReachable(address, 'private'), address);
  }
  for (const address of PRIVATE) {
    assert.ok(!isReachable(address, 'public'), address);
    assert.ok(isReachable(address, 'private'), address);
  }
  for (const address of NEVER) {
    assert.ok(!isReachable(address, 'public'), address);
    assert.ok(!isReachable(address, 'private'), address);
  }
});

test('an IPv4 address in the clothes of IPv6 is judged as what it is', () => {
  fc.assert(
    fc.property(fc.ipV4(), fc.constantFrom('public', 'private'), (address, reach) => {
      const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
      const hex = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
      const wanted = isReachable(address, reach);
      for (const form of [`::ffff:${address}`, `::ffff:${hex}`, `64:ff9b::${hex}`, `0:0:0:0:0:ffff:${hex}`]) {
        assert.equal(isReachable(form, reach), wanted, form);
      }
    }),
  );
});

test('what is reached publicly is reached privately too', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => {
      assert.ok(!isReachable(address, 'public') || isReachable(address, 'private'));
      if (isLoopback(address)) assert.ok(!isReachable(address, 'public'));
    }),
  );
});

test('keys come by https from a public host, or by http from this one where private addresses are allowed', () => {
  for (const url of ['https://a.example.com', 'https://a.example.com:8443/x?y=z', 'https://8.8.8.8/jwks']) {
    assert.equal(urlProblem(url, 'public'), null, url);
  }
  for (const url of ['http://127.0.0.1:80/', 'http://localhost/jwks', 'http://[::1]:1/', 'https://10.0.0.1/']) {
    assert.equal(urlProblem(url, 'private'), null, url);
    assert.notEqual(urlProblem(url, 'public'), null, url);
  }
  for (const url of [
    '',
    'a.example.com',
    'ftp://a.example.com',
    'HTTPS://a.example.com',
    'https://',
    'https://a b.example.com',
    'https://user@a.example.com',
    'https://user:secret@a.example.com',
    'https://a.example.com/#x',
    'https://a.example.com\\@b.example.com',
    'https://a.example.com\n',
    'https://ä.example.com',
    'http://a.example.com',
    'http://10.0.0.1/',
    'http://localhost.example.com/',
    'http://0.0.0.0/',
    'http://169.254.169.254/latest/meta-data/',
    'https://169.254.169.254/',
    'https://[fe80::1]/',
    'https://0/',
    'https://2852039166/',
    'https://0xa9fea9fe/',
    `https://a.example.com/${'x'.repeat(2_000)}`,
  ]) {
    assert.notEqual(urlProblem(url, 'private'), null, url);
    assert.notEqual(urlProblem(url, 'public'), null, url);
  }
});
