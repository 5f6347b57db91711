/** @module */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JitError } from '../../../src/core/errors.ts';
import type { TokenSigner } from '../../../src/core/ports.ts';
import { parseAwsTarget } from '../../../src/providers/aws/target.ts';
import { ROLE, SIGNER, config } from './support.ts';

const REVOKER = 'arn:aws:iam::123456789012:role/jit-revoker';
const parse = (changes: object, signer: TokenSigner | null = SIGNER) => parseAwsTarget('web', config(changes), signer);

function refused(changes: object, field: RegExp, signer: TokenSigner | null = SIGNER): void {
  assert.throws(
    () => parse(changes, signer),
    (thrown) => thrown instanceof JitError && thrown.code === 'ERR_CONFIG' && field.test(thrown.message),
    JSON.stringify(changes),
  );
}

test('a small configuration is a target, with the defaults that the README states', () => {
  const target = parse({});
  assert.equal(target.provider, 'aws');
  assert.equal(target.sessionSeconds, 3_600);
  assert.equal(target.sandbox, false);
  assert.deepEqual(target.tool, {
    kind: 'aws',
    identity: 'issued',
    account: '123456789012',
    region: 'eu-west-1',
    endpoint: null,
  });
  assert.equal(target.access.revoker, null);
});

test('roles of other partitions and with paths are taken, and no other ARN is', () => {
  for (const role of ['arn:aws-cn:iam::123456789012:role/x', 'arn:aws-us-gov:iam::123456789012:role/a/b/c', ROLE]) {
    assert.equal(parse({ role }).access.role, role);
  }
  for (const role of [
    'arn:aws:iam::123456789012:user/x',
    'arn:aws:iam::12345678901:role/x',
    'arn:aws:iam::123456789012:role/',
    'arn:aws:iam::123456789012:role/a b',
    'arn:aws:iam::123456789012:role/x\n',
    'arn:aws:sts::123456789012:assumed-role/x/y',
    'arn:evil:iam::123456789012:role/x',
    '',
    7,
  ]) {
    refused({ role }, /role/);
  }
});

test('an unknown or a missing field is named', () => {
  refused({ sesion_seconds: 900 }, /target web: sesion_seconds: unknown/);
  refused({ region: undefined }, /region/);
  refused({ environment: undefined }, /environment/);
  refused({ credentials: 'static' }, /credentials/);
  refused({ region: 'us-east1' }, /region/);
  refused({ environment: 'Prod Env' }, /environment/);
  refused({ external_id: 'a b' }, /external_id/);
  for (const wrong of [null, [], 'x', 7]) {
    assert.throws(() => parseAwsTarget('web', wrong, SIGNER), JitError);
  }
});

test('ambient credentials never ask for more than the hour that AWS gives to chained roles', () => {
  refused({ session_seconds: 3_601 }, /session_seconds/);
  refused({ session_seconds: 899 }, /session_seconds/);
  refused({ session_seconds: 43_201, credentials: 'web-identity', revoker: REVOKER }, /session_seconds/);
  assert.equal(
    parse({ session_seconds: 43_200, credentials: 'web-identity', revoker: REVOKER }).sessionSeconds,
    43_200,
  );
});

test('web identity needs a revoker, an issuer, and an issuer that AWS can reach', () => {
  refused({ credentials: 'web-identity' }, /revoker/);
  refused({ credentials: 'web-identity', revoker: REVOKER }, /credentials/, null);
  const local: TokenSigner = { ...SIGNER, issuer: 'http://127.0.0.1:1' };
  refused({ credentials: 'web-identity', revoker: REVOKER }, /credentials/, local);
  const endpoint = 'http://127.0.0.1:4566';
  assert.equal(parse({ credentials: 'web-identity', revoker: REVOKER, endpoint }, local).access.endpoint, endpoint);
});

test('the role cannot revoke itself, and a revoker of another account could not', () => {
  refused({ revoker: ROLE }, /revoker/);
  refused({ revoker: 'arn:aws:iam::999999999999:role/r' }, /revoker/);
});

test('credentials leave the machine by https only, and an endpoint is nothing but a place', () => {
  assert.equal(parse({ endpoint: 'https://aws.example.com/' }).access.endpoint, 'https://aws.example.com');
  assert.equal(parse({ endpoint: 'http://[::1]:9000' }).access.endpoint, 'http://[::1]:9000');
  for (const endpoint of [
    'http://aws.example.com',
    'http://127.0.0.1.evil.example',
    'http://localhost.evil.example',
    'https://user:pw@aws.example.com',
    'https://aws.example.com/path',
    'https://aws.example.com?x=1',
    'https://aws.example.com#x',
    'file:///etc/passwd',
    'aws.example.com',
    '',
  ]) {
    refused({ endpoint }, /endpoint/);
  }
});

test('a sandbox that would really be AWS is refused', () => {
  refused({ sandbox: true }, /endpoint/);
});
