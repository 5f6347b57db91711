/** @module */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Principal } from '../../../src/core/principal.ts';
import { sourceIdentity, webIdentityClaims } from '../../../src/providers/aws/names.ts';

const LONG = 'auth0|5f7c8ec7c33c6c004bbafe82';

const person = (subject: string, name = 'Ann Smith', issuer = 'https://idp.example'): Principal => ({
  kind: 'user',
  issuer,
  subject,
  name,
  groups: [],
});

test('who signed in is known by the subject, whatever name they chose; the user of this machine by name', () => {
  assert.equal(sourceIdentity(person('ann@example.com', 'bob')), 'ann@example.com');
  assert.equal(sourceIdentity(person('a.b-c_d+e=f,g')), 'a.b-c_d+e=f,g');
  assert.equal(sourceIdentity(person('1000', 'ann', 'os')), 'ann');
});

test('an agent is known by the person for whom it acts', () => {
  const actsFor = { ...person('ann'), kind: 'user' } as const;
  assert.equal(sourceIdentity({ ...person('bot'), kind: 'agent', actsFor }), 'ann');
});

test('what AWS does not take becomes a fingerprint of issuer and subject, and is never cut to fit', () => {
  for (const subject of [
    '',
    'a',
    'Ann Smith',
    'ann\n',
    'änn',
    'x'.repeat(65),
    'aws:admin',
    '"}',
    'a/b',
    '../x',
    LONG,
  ]) {
    assert.match(sourceIdentity(person(subject)), /^sha256-[0-9a-f]{40}$/, JSON.stringify(subject));
  }
  // The fingerprint is documented, so that an auditor can recompute it.
  const digest = createHash('sha256').update(`https://idp.example\n${LONG}`).digest('hex').slice(0, 40);
  assert.equal(sourceIdentity(person(LONG)), `sha256-${digest}`);
  assert.notEqual(sourceIdentity(person('A B')), sourceIdentity(person('A C')));
  assert.notEqual(sourceIdentity(person('A B', '', 'i1')), sourceIdentity(person('A B', '', 'i2')));
});

test('nobody can take the fingerprint of somebody else', () => {
  const stolen = sourceIdentity(person('Ann Smith'));
  assert.notEqual(sourceIdentity(person(stolen)), stolen);
  assert.notEqual(sourceIdentity(person('1000', stolen, 'os')), stolen);
});

test('whatever the subject, the source identity is one that AWS takes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (subject) => {
      assert.match(sourceIdentity(person(subject)), /^[A-Za-z0-9_+=,.@-]{2,64}$/);
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
