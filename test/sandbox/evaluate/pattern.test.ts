/** Wildcards. @module */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  actionMatches,
  globMatches,
  parseAction,
  parseResource,
  resourceMatches,
} from '../../../src/sandbox/evaluate/pattern.ts';

test('matches like the regular expression that the wildcards stand for', () => {
  const few = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*', '?'), maxLength: 8 });
  const plain = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 10 });
  fc.assert(
    fc.property(few, plain, (pattern, text) => {
      const source = pattern.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll('?', '.');
      assert.equal(globMatches(pattern, text), new RegExp(`^${source}$`).test(text));
    }),
    { numRuns: 5_000 },
  );
});

test('a pattern made to explode is answered', () => {
  assert.equal(globMatches(`${'*a'.repeat(500)}b`, 'a'.repeat(5_000)), false);
});

test('wildcards stay within one part of an ARN', () => {
  const matches = (pattern: string, resource: string) => {
    const parsed = parseResource(pattern);
    assert.ok(parsed !== null, pattern);
    return resourceMatches(parsed, resource);
  };
  assert.equal(parseResource('arn:aws:iam::*'), null, 'five parts are no ARN');
  assert.equal(matches('arn:aws:iam::*:role/x', 'arn:aws:iam::000000000000:role/x'), true);
  assert.equal(matches('arn:aws:s3:::b/*', 'arn:aws:s3:::b/a:b:c'), true);
  assert.equal(matches('arn:aws:s3:::b', 'arn:aws:s3:::b/x'), false);
  assert.equal(matches('arn:aws:s3:::B', 'arn:aws:s3:::b'), false);
  assert.equal(matches('arn:aws:s3:::*', '*'), false);
});

test('actions are compared without regard to case, services exactly', () => {
  const matches = (pattern: string, action: string) => {
    const parsed = parseAction(pattern);
    assert.ok(parsed !== null, pattern);
    return actionMatches(parsed, action);
  };
  assert.equal(matches('s3:GETOBJECT', 's3:GetObject'), true);
  assert.equal(matches('s3:*', 's3express:CreateSession'), false);
  assert.equal(matches('*', 'sts:AssumeRole'), true);
});
