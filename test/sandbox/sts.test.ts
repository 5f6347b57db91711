/** STS through the real SDK client. @module */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { AssumeRoleCommand, DecodeAuthorizationMessageCommand, GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import type { AssumeRoleCommandInput } from '@aws-sdk/client-sts';
import { ListBucketsCommand } from '@aws-sdk/client-s3';
import { OPERATOR_USER_ARN, REVOKER_ROLE_ARN, SANDBOX_ROLE_ARN } from '../../src/sandbox/world.ts';
import { keysOf, refusalOf, setClock, start } from './fixture.ts';

const NARROW = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::sandbox-reports/*' },
    { Effect: 'Deny', NotAction: 's3:GetObject', Resource: '*' },
  ],
});

test('the operator and a session are told who they are, in account 000000000000', async (t) => {
  const { sts, assume } = await start(t);
  const operator = await sts().send(new GetCallerIdentityCommand({}));
  assert.equal(operator.Arn, OPERATOR_USER_ARN);
  assert.equal(operator.Account, '000000000000');
  const session = await sts(await assume({ RoleSessionName: 'gr_1' })).send(new GetCallerIdentityCommand({}));
  assert.equal(session.Arn, 'arn:aws:sts::000000000000:assumed-role/jit-sandbox/gr_1');
  assert.match(session.UserId ?? '', /^AROA[A-Z0-9]{17}:gr_1$/);
});

test('AssumeRole answers with the length, the source identity and the packed size', async (t) => {
  const { sts } = await start(t);
  const before = Math.floor(Date.now() / 1_000);
  const answer = await sts().send(
    new AssumeRoleCommand({
      RoleArn: SANDBOX_ROLE_ARN,
      RoleSessionName: 'gr_1',
      DurationSeconds: 43_200,
      SourceIdentity: 'alice@example.com',
      Policy: NARROW,
      ExternalId: 'anything-valid',
      Tags: [{ Key: 'jit-grant', Value: 'gr_1' }],
    }),
  );
  const seconds = (answer.Credentials?.Expiration?.getTime() ?? 0) / 1_000 - before;
  assert.ok(seconds >= 43_200 && seconds <= 43_260, String(seconds));
  assert.equal(answer.SourceIdentity, 'alice@example.com');
  assert.equal(answer.AssumedRoleUser?.Arn, 'arn:aws:sts::000000000000:assumed-role/jit-sandbox/gr_1');
  assert.ok((answer.PackedPolicySize ?? 0) > 0);
  assert.equal(answer.SessionTokenSize, answer.Credentials?.SessionToken?.length);
  assert.ok((answer.SessionTokenUtilization ?? 0) > 0 && (answer.SessionTokenUtilization ?? 0) < 50);
  assert.match(answer.Credentials?.AccessKeyId ?? '', /^ASIA[A-Z2-7]{16}$/);
  assert.equal(answer.Credentials?.SecretAccessKey?.length, 40);
});

const base = { RoleArn: SANDBOX_ROLE_ARN, RoleSessionName: 'gr_1' };
const tag = (Key: string, Value = 'v') => ({ Key, Value });
const noise = (seed: number) => createHash('sha512').update(String(seed)).digest('base64');
const REFUSED: readonly (readonly [name: string, input: AssumeRoleCommandInput, code: string])[] = [
  ['a session name of one character', { ...base, RoleSessionName: 'x' }, 'ValidationError'],
  ['a session name of 65 characters', { ...base, RoleSessionName: 'x'.repeat(65) }, 'ValidationError'],
  ['a session name with a space', { ...base, RoleSessionName: 'a b' }, 'ValidationError'],
  ['899 seconds', { ...base, DurationSeconds: 899 }, 'ValidationError'],
  ['43,201 seconds', { ...base, DurationSeconds: 43_201 }, 'ValidationError'],
  ['a policy of 2,049 characters', { ...base, Policy: NARROW.padEnd(2_049) }, 'ValidationError'],
  [
    'a policy with a character outside Latin-1',
    { ...base, Policy: NARROW.replace('reports', 'řeports') },
    'ValidationError',
  ],
  ['a policy that is not JSON', { ...base, Policy: '{' }, 'MalformedPolicyDocument'],
  [
    'a policy with an unknown operator',
    {
      ...base,
      Policy: NARROW.replace(
        '"Effect":"Deny"',
        '"Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}},"Effect":"Deny"',
      ),
    },
    'MalformedPolicyDocument',
  ],
  [
    'a managed session policy',
    { ...base, PolicyArns: [{ arn: 'arn:aws:iam::aws:policy/ReadOnlyAccess' }] },
    'ValidationError',
  ],
  ['a source identity with aws:', { ...base, SourceIdentity: 'aws:alice' }, 'ValidationError'],
  ['a source identity with a colon', { ...base, SourceIdentity: 'a:b' }, 'ValidationError'],
  ['51 tags', { ...base, Tags: Array.from({ length: 51 }, (_, n) => tag(`k${n}`)) }, 'ValidationError'],
  ['two tags that differ in case only', { ...base, Tags: [tag('Team'), tag('team')] }, 'InvalidParameterValue'],
  ['a reserved tag', { ...base, Tags: [tag('aws:x')] }, 'ValidationError'],
  ['a transitive key without its tag', { ...base, TransitiveTagKeys: ['x'] }, 'InvalidParameterValue'],
  ['an external id of one character', { ...base, ExternalId: 'x' }, 'ValidationError'],
  [
    'tags that do not fit packed',
    { ...base, Tags: Array.from({ length: 50 }, (_, n) => tag(`k${n}`, noise(n))) },
    'PackedPolicyTooLarge',
  ],
  ['a role of another account', { ...base, RoleArn: 'arn:aws:iam::111111111111:role/jit-sandbox' }, 'AccessDenied'],
  ['a role that does not exist', { ...base, RoleArn: 'arn:aws:iam::000000000000:role/nobody' }, 'AccessDenied'],
  ['a role ARN that is none', { ...base, RoleArn: 'arn:aws:s3:::sandbox-reports' }, 'ValidationError'],
];

test('the largest session that is allowed still has a token of a bearable size, and works', async (t) => {
  const { sts } = await start(t);
  const statement = {
    Effect: 'Deny',
    Action: 's3:PutObject',
    Resource: `arn:aws:s3:::${noise(1).replaceAll('/', '.')}/*`,
  };
  const statements = [
    statement,
    { ...statement, Resource: `arn:aws:s3:::${noise(2)}` },
    { ...statement, Effect: 'Allow' },
  ];
  const answer = await sts().send(
    new AssumeRoleCommand({
      ...base,
      Policy: JSON.stringify({ Version: '2012-10-17', Statement: statements }).padEnd(2_048),
      SourceIdentity: 's'.repeat(64),
      RoleSessionName: 'n'.repeat(64),
      Tags: [
        ...Array.from({ length: 14 }, (_, n) => tag(`k${n}`, noise(n))),
        ...Array.from({ length: 30 }, (_, n) => tag(`l${n}`, 'x'.repeat(256))),
      ],
    }),
  );
  assert.ok((answer.PackedPolicySize ?? 0) > 60, String(answer.PackedPolicySize));
  assert.ok((answer.SessionTokenSize ?? 9_999) < 4_096, String(answer.SessionTokenSize));
  assert.ok(await sts(keysOf(answer.Credentials)).send(new GetCallerIdentityCommand({})));
});

test('AssumeRole refuses what AWS refuses, and says that it is a sandbox', async (t) => {
  const { sts } = await start(t);
  const client = sts();
  for (const [name, input, code] of REFUSED) {
    const refusal = await refusalOf(client.send(new AssumeRoleCommand(input)));
    assert.equal(refusal.code, code, `${name}: ${refusal.message}`);
    assert.equal(refusal.status, code === 'AccessDenied' ? 403 : 400, name);
    assert.ok(refusal.message.endsWith('(jit sandbox, not AWS)'), refusal.message);
  }
});

test('a chained session is an hour at most, and asking for more is an error', async (t) => {
  const { sts, assume } = await start(t);
  const first = sts(await assume());
  const refusal = await refusalOf(first.send(new AssumeRoleCommand({ ...base, DurationSeconds: 3_601 })));
  assert.equal(refusal.code, 'ValidationError');
  assert.match(refusal.message, /1 hour session limit for roles assumed by role chaining/);
  const answer = await first.send(new AssumeRoleCommand({ ...base, DurationSeconds: 3_600 }));
  assert.ok(answer.Credentials);
});

test('only the session policy keeps a session from assuming its role again', async (t) => {
  const { sts, assume } = await start(t);
  const denied = await refusalOf(sts(await assume({ Policy: NARROW })).send(new AssumeRoleCommand(base)));
  assert.equal(denied.code, 'AccessDenied');
  assert.match(
    denied.message,
    /perform: sts:AssumeRole on resource: arn:aws:iam::000000000000:role\/jit-sandbox with an explicit deny in a session policy/,
  );
  const silent = JSON.stringify({
    Version: '2012-10-17',
    Statement: { Effect: 'Allow', Action: 's3:*', Resource: '*' },
  });
  const unspoken = await refusalOf(sts(await assume({ Policy: silent })).send(new AssumeRoleCommand(base)));
  assert.match(unspoken.message, /because no session policy allows the sts:AssumeRole action/);
  const elsewhere = await refusalOf(
    sts(await assume()).send(new AssumeRoleCommand({ ...base, RoleArn: REVOKER_ROLE_ARN })),
  );
  assert.match(elsewhere.message, /because no resource-based policy allows the sts:AssumeRole action/);
});

test('source identity and transitive tags pass down the chain and cannot be changed there', async (t) => {
  const { sts, assume } = await start(t);
  const first = sts(
    await assume({
      SourceIdentity: 'alice',
      Tags: [tag('jit-grant', 'gr_1'), tag('passing')],
      TransitiveTagKeys: ['jit-grant'],
    }),
  );
  const second = await first.send(new AssumeRoleCommand(base));
  assert.equal(second.SourceIdentity, 'alice');
  const other = await refusalOf(first.send(new AssumeRoleCommand({ ...base, SourceIdentity: 'bob' })));
  assert.equal(other.code, 'AccessDenied');
  const again = await refusalOf(first.send(new AssumeRoleCommand({ ...base, Tags: [tag('JIT-GRANT', 'gr_2')] })));
  assert.equal(again.code, 'InvalidParameterValue');
  const third = sts(keysOf(second.Credentials));
  const kept = await refusalOf(third.send(new AssumeRoleCommand({ ...base, Tags: [tag('jit-grant', 'gr_2')] })));
  assert.equal(kept.code, 'InvalidParameterValue', 'the inherited tag is still transitive');
  assert.ok(await third.send(new AssumeRoleCommand({ ...base, Tags: [tag('passing')] })));
});

test('who may decode learns that the message is none; who may not is denied', async (t) => {
  const { sts, assume } = await start(t);
  const command = new DecodeAuthorizationMessageCommand({ EncodedMessage: 'anything' });
  const invalid = await refusalOf(sts(await assume()).send(command));
  assert.equal(invalid.code, 'InvalidAuthorizationMessageException');
  assert.equal(invalid.status, 400);
  const denied = await refusalOf(sts(await assume({ Policy: NARROW })).send(command));
  assert.equal(denied.code, 'AccessDenied');
  const operator = await refusalOf(sts().send(command));
  assert.match(
    operator.message,
    /not authorized to perform: sts:DecodeAuthorizationMessage because no identity-based policy allows the sts:DecodeAuthorizationMessage action/,
  );
});

test('a session ends to the second, whatever the client thinks', async (t) => {
  setClock(t, -3_600_000);
  const { sts, assume } = await start(t);
  const keys = await assume({ DurationSeconds: 900 });
  setClock(t, -3_600_000 + 600_000);
  assert.ok(await sts(keys).send(new GetCallerIdentityCommand({})));
  setClock(t, -3_600_000 + 901_000);
  const refusal = await refusalOf(sts(keys).send(new GetCallerIdentityCommand({})));
  assert.equal(refusal.code, 'ExpiredToken');
  assert.equal(refusal.status, 403);
});

test('altered tokens, foreign keys and mixed-up keys are refused', async (t) => {
  const { sts, assume, operator } = await start(t);
  const other = await start(t);
  const keys = await assume();
  const second = await assume();
  const token = keys.sessionToken ?? '';
  const flipped = `${token.slice(0, 40)}${token[40] === 'A' ? 'B' : 'A'}${token.slice(41)}`;
  const cases = [
    { ...keys, sessionToken: flipped },
    { ...keys, sessionToken: token.slice(0, -4) },
    { ...keys, sessionToken: second.sessionToken ?? '' },
    { accessKeyId: keys.accessKeyId, secretAccessKey: keys.secretAccessKey },
    { ...operator, sessionToken: token },
    await other.assume(),
    { ...operator, accessKeyId: 'AKIAAAAAAAAAAAAAAAAA' },
  ];
  for (const wrong of cases) {
    const refusal = await refusalOf(sts(wrong).send(new GetCallerIdentityCommand({})));
    assert.equal(refusal.code, 'InvalidClientTokenId', refusal.message);
    assert.equal(refusal.status, 403);
  }
  const swapped = await refusalOf(
    sts({ ...keys, secretAccessKey: second.secretAccessKey }).send(new GetCallerIdentityCommand({})),
  );
  assert.equal(swapped.code, 'SignatureDoesNotMatch');
});

test('a signature is good for fifteen minutes around its time', async (t) => {
  const { sts, operator, s3 } = await start(t);
  const session = sts(operator);
  const files = s3(operator);
  for (const [offset, words] of [
    [16 * 60_000, /Signature expired: .* is now earlier than/],
    [-16 * 60_000, /Signature not yet current: .* is still later than/],
  ] as const) {
    setClock(t, offset);
    const refusal = await refusalOf(session.send(new GetCallerIdentityCommand({})));
    assert.equal(refusal.code, 'SignatureDoesNotMatch');
    assert.match(refusal.message, words);
    const skewed = await refusalOf(files.send(new ListBucketsCommand({})));
    assert.equal(skewed.code, 'RequestTimeTooSkewed');
    assert.equal(skewed.status, 403);
  }
});
