/** What the policy reader accepts and refuses. @module */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { PERMISSIONS, parsePolicy } from '../../../src/sandbox/evaluate/document.ts';
import { TRUST } from '../../../src/sandbox/evaluate/trust.ts';

const good = { Effect: 'Allow', Action: 's3:GetObject', Resource: '*' };
const whole = (...statements: readonly unknown[]) => JSON.stringify({ Version: '2012-10-17', Statement: statements });

function refused(source: string): boolean {
  const outcome = parsePolicy(source, PERMISSIONS);
  if ('statements' in outcome) return false;
  assert.equal(outcome.fault, 'MalformedPolicyDocument');
  assert.equal(outcome.status, 400);
  return true;
}

test('reads every element that jit uses', () => {
  const accepted = [
    whole(good),
    JSON.stringify({ Version: '2012-10-17', Id: 'x', Statement: { ...good, Sid: 'One' } }),
    whole({ Effect: 'Deny', NotAction: ['s3:Get*', 'sts:?ssumeRole'], NotResource: ['arn:aws:s3:::b/*'] }),
    whole({ ...good, Condition: {} }),
    whole({
      ...good,
      Condition: {
        StringEquals: { 'aws:PrincipalTag/jit-grant': ['a', 'b'], 'AWS:UserId': 'x' },
        StringLikeIfExists: { 's3:prefix': 'a/*' },
        DateLessThan: { 'aws:CurrentTime': '2026-11-21T23:30:00Z' },
        Bool: { 'aws:PrincipalTag/x': true },
        Null: { 'aws:TokenIssueTime': 'false' },
      },
    }),
  ];
  for (const source of accepted) assert.equal(refused(source), false, source);
});

test('refuses whatever it does not know, instead of ignoring it', () => {
  const unknown = [
    '',
    '[]',
    'null',
    '{"Version":"2012-10-17","Version":"2012-10-17","Statement":[]}',
    `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}}`,
    `{"Version":"2012-10-17","__proto__":{},"Statement":${JSON.stringify(good)}}`,
    `{"Version":"2012-10-17","Statement":{"__proto__":1,"Effect":"Allow","Action":"*","Resource":"*"}}`,
    JSON.stringify({ Statement: good }),
    JSON.stringify({ Version: '2008-10-17', Statement: good }),
    JSON.stringify({ Version: '2012-10-17', Statement: good, Extra: 1 }),
    whole(),
    whole(good, null),
    whole({ ...good, Principal: '*' }),
    whole({ ...good, NotAction: 's3:*' }),
    whole({ Effect: 'Allow', Action: 's3:*' }),
    whole({ ...good, Effect: 'allow' }),
    whole({ ...good, Sid: 'a b' }),
    whole({ ...good, Sid: 'One' }, { ...good, Sid: 'One' }),
    whole({ ...good, Action: [] }),
    whole({ ...good, Action: 7 }),
    whole({ ...good, Action: 'GetObject' }),
    whole({ ...good, Action: 's3:Get Object' }),
    whole({ ...good, Action: 's*:GetObject' }),
    whole({ ...good, Resource: 'sandbox-reports' }),
    whole({ ...good, Resource: 'arn:aws:s3' }),
    whole({ ...good, Resource: 'arn:*:s3:::b' }),
    whole({ ...good, Resource: 'arn:aws:s?:::b' }),
    whole({ ...good, Resource: 'arn:aws:s3:::b/${aws:userid}' }),
    whole({ ...good, Condition: [] }),
    whole({ ...good, Condition: { StringEquals: {} } }),
    whole({ ...good, Condition: { StringEqualsIgnoreCase: { 'aws:userid': 'x' } } }),
    whole({ ...good, Condition: { 'ForAnyValue:StringEquals': { 'aws:userid': 'x' } } }),
    whole({ ...good, Condition: { NullIfExists: { 'aws:userid': 'true' } } }),
    whole({ ...good, Condition: { toString: { 'aws:userid': 'x' } } }),
    whole({ ...good, Condition: { StringEquals: { 'aws:SourceIp': 'x' } } }),
    whole({ ...good, Condition: { StringEquals: { 'aws:PrincipalTag/': 'x' } } }),
    whole({ ...good, Condition: { StringEquals: { 'aws:userid': '${aws:userid}' } } }),
    whole({ ...good, Condition: { StringEquals: { 'aws:userid': [] } } }),
    whole({ ...good, Condition: { StringEquals: { 'aws:userid': 7 } } }),
    whole({ ...good, Condition: { DateLessThan: { 'aws:CurrentTime': '2026' } } }),
    whole({ ...good, Condition: { DateLessThan: { 'aws:CurrentTime': 'tomorrow' } } }),
    whole({ ...good, Condition: { DateLessThan: { 'aws:CurrentTime': '2026-13-01T00:00:00Z' } } }),
    whole({ ...good, Condition: { Bool: { 'aws:userid': 'yes' } } }),
    whole({ ...good, Condition: { Null: { 'aws:userid': 'maybe' } } }),
    '['.repeat(100_000),
    `${'{"Statement":'.repeat(50)}1${'}'.repeat(50)}`,
  ];
  for (const source of unknown) assert.equal(refused(source), true, source.slice(0, 200));
});

test('a trust policy names principals, without wildcards, and no resource', () => {
  const trust = (statement: object) => parsePolicy(whole(statement), TRUST);
  const base = { Effect: 'Allow', Action: 'sts:AssumeRole' };
  assert.ok('statements' in trust({ ...base, Principal: { AWS: 'arn:aws:iam::000000000000:root' } }));
  for (const Principal of ['*', { AWS: '*' }, { Service: 'ec2.amazonaws.com' }, {}, undefined]) {
    assert.ok('fault' in trust({ ...base, Principal }));
  }
  assert.ok('fault' in trust({ ...base, Resource: '*', Principal: { AWS: 'x' } }));
});

test('never throws, whatever text it is given', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), fc.string({ unit: 'binary' })), (source) => {
      const outcome = parsePolicy(source, PERMISSIONS);
      assert.ok('fault' in outcome);
    }),
  );
});
