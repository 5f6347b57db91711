/** @module */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Principal } from '../../../src/core/principal.ts';
import { sourceIdentity, webIdentityClaims } from '../../../src/providers/aws/names.ts';

const person = (name: string, subject = 'u1', issuer = 'https://idp.example'): Principal => ({
  kind: 'user',
  issuer,
  subject,
  name,
  groups: [],
});

test('a name that AWS takes is the source identity as it is', () => {
  assert.equal(sourceIdentity(person('ann@example.com')), 'ann@example.com');
  assert.equal(sourceIdentity(person('a.b-c_d+e=f,g')), 'a.b-c_d+e=f,g');
});

test('any other name becomes a fingerprint of issuer and subject, and is never cut to fit', () => {
  for (const name of ['', 'a', 'Ann Smith', 'ann\n', 'änn', 'x'.repeat(65), 'aws:admin', '"}', 'a/b', '../x']) {
    assert.match(sourceIdentity(person(name)), /^sha256-[0-9a-f]{40}$/, JSON.stringify(name));
  }
  // The fingerprint is documented, so that an auditor can recompute it.
  const digest = createHash('sha256').update('https://idp.example\nu1').digest('hex').slice(0, 40);
  assert.equal(sourceIdentity(person('Ann Smith')), `sha256-${digest}`);
  assert.notEqual(sourceIdentity(person('A B', 'u1')), sourceIdentity(person('A B', 'u2')));
  assert.notEqual(sourceIdentity(person('A B', 'u1', 'i1')), sourceIdentity(person('A B', 'u1', 'i2')));
});

test('nobody can take the fingerprint of somebody else as a name', () => {
  const stolen = sourceIdentity(person('Ann Smith'));
  assert.notEqual(sourceIdentity(person(stolen, 'mallory')), stolen);
});

test('whatever the name, the source identity is one that AWS takes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (name) => {
      assert.match(sourceIdentity(person(name)), /^[A-Za-z0-9_+=,.@-]{2,64}$/);
    }),
  );
});

test('a token names its one role, and carries tag and source identity in the claims that AWS reads', () => {
  assert.deepEqual(webIdentityClaims('arn:aws:iam::1:role/x', { tag: 'gr_1', sourceIdentity: 'ann' }), {
    aud: 'sts.amazonaws.com',
    sub: 'jit:arn:aws:iam::1:role/x',
    'https://aws.amazon.com/tags': { principal_tags: { 'jit-grant': ['gr_1'] }, transitive_tag_keys: ['jit-grant'] },
    'https://aws.amazon.com/source_identity': 'ann',
  });
  assert.deepEqual(Object.keys(webIdentityClaims('r', null)), ['aud', 'sub']);
});
