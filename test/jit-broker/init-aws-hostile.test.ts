/**
 * `jit-broker init aws` with values and files that somebody else would read otherwise than they are meant.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JitError } from '../../src/core/errors.ts';
import type { InitAwsFlags } from '../../src/jit-broker/init-aws.ts';
import { ACCOUNT, ISSUER, policyFile, print, ROLE } from './account.ts';

test('values that a template could take for something else are refused, and nothing is printed', async (t) => {
  const policy = policyFile(t);
  const usual = { issuer: ISSUER, policy };
  const bad = ['a"b', "a'b", 'a\nb', '${a}', '%{if}', 'a b', 'a:b', 'a#', '', '\u202ea', '{{resolve:ssm:a}}'];
  const cases: readonly (readonly [Partial<InitAwsFlags>, RegExp])[] = [
    ...bad.flatMap((text): (readonly [Partial<InitAwsFlags>, RegExp])[] => [
      [{ ...usual, roleName: text }, /^--role-name/],
      [{ ...usual, revokerName: text }, /^--revoker-name/],
      [{ ...usual, target: text }, /^--target/],
      [{ ...usual, account: text }, /--account|empty/],
      [{ ...usual, region: text }, /--region|empty/],
      [{ ...usual, environment: text }, /environment|empty/],
      [{ policy, issuer: `https://jit.example.com/${text}` }, /^--issuer/],
      [{ ...usual, policy: `arn:aws:iam::aws:policy/${text}` }, /^--policy/],
      [{ policy, ambient: `arn:aws:iam::${ACCOUNT}:role/${text}/` }, /^--ambient/],
    ]),
    [{ ...usual, roleName: 'x'.repeat(57) }, /^--role-name/],
    [{ ...usual, roleName: '../jit' }, /^--role-name/],
    [{ policy, issuer: 'https://jit.example.com/../a' }, /^--issuer/],
    [{ policy, issuer: `https://jit.example.com/${'x'.repeat(255)}` }, /^--issuer/],
    [{ policy, issuer: 'http://jit.example.com' }, /^--issuer/],
    [{ policy, issuer: 'https://jit.example.com:8443' }, /^--issuer.*port/],
    [{ policy, issuer: 'https://JIT.example.com' }, /^--issuer/],
    [{ policy, issuer: 'https://ann@jit.example.com' }, /^--issuer/],
    [{ policy, ambient: `arn:aws:sts::${ACCOUNT}:assumed-role/jit-broker/i-0` }, /^--ambient/],
    [{ policy, ambient: 'arn:aws-cn:iam::210987654321:role/jit-broker' }, /^--ambient.*partition/],
    [{ ...usual, ambient: ROLE }, /exclude each other/],
    [{ ...usual, revokerName: 'jit-web' }, /revoker: a role of its own/],
    [{ ...usual, policy: 'arn:aws:iam::210987654321:policy/x' }, /^--policy/],
    [{ ...usual, policy: 'arn:aws:s3:::policy/x' }, /^--policy/],
    [{ ...usual, format: 'cdk' }, /^--format/],
    [{ ...usual, format: 'constructor' }, /^--format/],
  ];
  for (const [flags, message] of cases) {
    const shown = JSON.stringify(flags);
    await assert.rejects(print({ format: 'cloudformation', ...flags }), (thrown) => {
      assert.ok(thrown instanceof JitError, shown);
      assert.equal(thrown.facts.exit, 2, shown);
      assert.match(thrown.message, message, shown);
      return true;
    });
  }
});

test('a configuration without an issuer, or that is none, is named', async (t) => {
  const policy = policyFile(t);
  const cases: readonly (readonly [config: string, message: RegExp])[] = [
    [policyFile(t, 'policies: ./rules\n'), /policy\.json: it has no issuer$/],
    [policyFile(t, 'issuer: http://jit.example.com\n'), /policy\.json:1: issuer: an https URL/],
    [policyFile(t, 'issuer: https://jit.example.com:8443\n'), /^the issuer of the configuration: .* port/],
    [`${policy}/nothing.yaml`, /cannot be read$/],
    ['nothing\u001b.yaml', /^nothing\\x1b\.yaml: there is no such file$/],
  ];
  for (const [config, message] of cases) {
    await assert.rejects(print({ format: 'terraform', policy, config }), (thrown) => {
      assert.ok(thrown instanceof JitError);
      assert.equal(thrown.facts.exit, 2);
      assert.match(thrown.message, message);
      return true;
    });
  }
});

test('a policy file that IAM or a template would read otherwise than it is written is refused', async (t) => {
  const statement = (changes: object): object => ({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: 's3:GetObject', Resource: '*', ...changes }],
  });
  const cases: readonly (readonly [policy: unknown, message: RegExp])[] = [
    ['', /not JSON/],
    ['{', /not JSON/],
    ['[]', /one JSON object/],
    ['{"Version":"2012-10-17","Version":"2012-10-17","Statement":[]}', /twice/],
    [{ Version: '2008-10-17', Statement: [] }, /Version/],
    [{ Version: '2012-10-17', Statement: [] }, /empty/],
    [{ Version: '2012-10-17' }, /Statement 1/],
    [{ ...statement({}), 'Fn::Transform': { Name: 'x' } }, /not part of a policy/],
    [statement({ Principal: '*' }), /Principal/],
    [statement({ Effect: 'allow' }), /Effect/],
    [statement({ Action: undefined }), /Action and NotAction/],
    [statement({ NotAction: 's3:*' }), /Action and NotAction/],
    [statement({ Resource: undefined }), /Resource and NotResource/],
    [statement({ Action: { 'Fn::Sub': 'x' } }), /Action/],
    [statement({ Resource: [] }), /Resource/],
    [statement({ Resource: [{ Ref: 'JitRole' }] }), /Resource/],
    [statement({ Resource: 'arn:aws:s3:::{{resolve:ssm:name}}' }), /\{\{/],
    [statement({ Resource: 'arn:aws:s3:::a\u2028b' }), /Resource/],
    [statement({ Resource: 'arn:aws:s3:::a\nb' }), /Resource/],
    [statement({ Sid: '${a}' }), /Sid/],
    [statement({ Condition: { 'Fn::If': {} } }), /no condition/],
    [statement({ Condition: { Ref: { 'a:b': 'c' } } }), /no condition/],
    [statement({ Condition: { StringEquals: { 'Fn::GetAtt': 'c' } } }), /no condition/],
    [statement({ Condition: { StringEquals: { 'a:b': { Ref: 'c' } } } }), /no condition/],
    [JSON.stringify(statement({ Condition: { proto: {} } })).replace('proto', '__proto__'), /no condition/],
    [statement({ Resource: Array.from({ length: 400 }, (_, index) => `arn:aws:s3:::bucket-${index}`) }), /6144/],
  ];
  for (const [policy, message] of cases) {
    const file = policyFile(t, policy);
    await assert.rejects(print({ format: 'terraform', issuer: ISSUER, policy: file }), (thrown) => {
      assert.ok(thrown instanceof JitError, JSON.stringify(policy));
      assert.equal(thrown.code, 'ERR_CONFIG');
      assert.match(thrown.message, message);
      return true;
    });
  }
});
