/** AssumeRoleWithWebIdentity with real tokens, through the real SDK client. @module */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { AssumeRoleWithWebIdentityCommand, GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { SignJWT, UnsecuredJWT, generateKeyPair } from 'jose';
import { REVOKER_ROLE_ARN, SANDBOX_ROLE_ARN } from '../../src/sandbox/world.ts';
import { AUDIENCE, ISSUER, PRIVATE_KEY, identityToken, now, refusalOf, setClock, start } from './fixture.ts';

const hello = new GetObjectCommand({ Bucket: 'sandbox-reports', Key: 'hello.txt' });

// JSON.parse makes it a member of its own; an object literal would set the prototype.
const PROTO = {
  'https://aws.amazon.com/tags': JSON.parse('{"principal_tags":{"__proto__":["x"]}}') as unknown,
};

function enterCommand(token: string): AssumeRoleWithWebIdentityCommand {
  return new AssumeRoleWithWebIdentityCommand({
    RoleArn: SANDBOX_ROLE_ARN,
    RoleSessionName: 'gr_1',
    WebIdentityToken: token,
  });
}

test('a token of the trusted issuer becomes a session with its tags and source identity', async (t) => {
  const { sts, enter } = await start(t);
  const token = await identityToken({
    tags: { 'jit-grant': ['gr_1'], team: 'blue' },
    transitive: ['team'],
    sourceIdentity: 'alice',
  });
  const answer = await sts().send(enterCommand(token));
  assert.equal(answer.SubjectFromWebIdentityToken, 'alice');
  assert.equal(answer.Audience, AUDIENCE);
  assert.equal(answer.Provider, 'arn:aws:iam::000000000000:oidc-provider/issuer.example/jit');
  assert.equal(answer.SourceIdentity, 'alice');
  const keys = await enter(token, { DurationSeconds: 43_200 });
  assert.match(
    (await sts(keys).send(new GetCallerIdentityCommand({}))).Arn ?? '',
    /assumed-role\/jit-sandbox\/gr_test$/,
  );
  assert.ok(await enter(token, { RoleArn: REVOKER_ROLE_ARN }));
});

test('a tag of the token decides in a policy, and only its own value does', async (t) => {
  const { enter, s3 } = await start(t);
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: {
      Effect: 'Allow',
      Action: 's3:GetObject',
      Resource: '*',
      Condition: { StringEquals: { 'aws:PrincipalTag/jit-grant': 'gr_1' } },
    },
  });
  const one = await enter(await identityToken({ tags: { 'jit-grant': ['gr_1'] } }), { Policy });
  assert.equal((await s3(one).send(hello)).$metadata.httpStatusCode, 200);
  const two = await enter(await identityToken({ tags: { 'jit-grant': ['gr_2'] } }), { Policy });
  assert.match(
    (await refusalOf(s3(two).send(hello))).message,
    /because no session policy allows the s3:GetObject action/,
  );
});

test('tokens that prove nothing are refused, each with the code that AWS uses', async (t) => {
  const { sts } = await start(t);
  const client = sts();
  const stranger = await generateKeyPair('ES256');
  const seconds = Math.floor(now() / 1_000);
  const good = await identityToken();
  const [head = '', body = '', mark = ''] = good.split('.');
  const altered = Buffer.from(
    JSON.stringify({ ...JSON.parse(Buffer.from(body, 'base64url').toString()), sub: 'mallory' }),
  );
  const forged = () => new SignJWT({ iss: ISSUER, aud: AUDIENCE, sub: 'alice', iat: seconds, exp: seconds + 60 });
  const cases = [
    ['not a token', 'not.a.token', 'InvalidIdentityToken'],
    ['altered claims', `${head}.${altered.toString('base64url')}.${mark}`, 'InvalidIdentityToken'],
    [
      'another signer',
      await forged().setProtectedHeader({ alg: 'ES256', kid: 'one' }).sign(stranger.privateKey),
      'InvalidIdentityToken',
    ],
    [
      'an unknown key',
      await forged().setProtectedHeader({ alg: 'ES256', kid: 'two' }).sign(PRIVATE_KEY),
      'InvalidIdentityToken',
    ],
    [
      'alg none',
      new UnsecuredJWT({ iss: ISSUER, aud: AUDIENCE, sub: 'alice', exp: seconds + 60 }).encode(),
      'InvalidIdentityToken',
    ],
    [
      'HS256',
      await forged().setProtectedHeader({ alg: 'HS256', kid: 'one' }).sign(Buffer.alloc(32)),
      'InvalidIdentityToken',
    ],
    ['another issuer', await identityToken({ claims: { iss: `${ISSUER}/` } }), 'InvalidIdentityToken'],
    ['another audience', await identityToken({ claims: { aud: 'other' } }), 'InvalidIdentityToken'],
    ['two audiences', await identityToken({ claims: { aud: [AUDIENCE, 'other'] } }), 'InvalidIdentityToken'],
    ['no subject', await identityToken({ claims: { sub: undefined } }), 'InvalidIdentityToken'],
    ['no end', await identityToken({ claims: { exp: undefined } }), 'InvalidIdentityToken'],
    ['an end in the past', await identityToken({ claims: { exp: seconds - 1 } }), 'ExpiredTokenException'],
    ['not yet valid', await identityToken({ claims: { nbf: seconds + 30 } }), 'InvalidIdentityToken'],
    [
      'tags of another form',
      await identityToken({ claims: { 'https://aws.amazon.com/tags': ['x'] } }),
      'InvalidIdentityToken',
    ],
    ['a tag with two values', await identityToken({ tags: { team: ['a', 'b'] } }), 'InvalidIdentityToken'],
    ['a reserved tag', await identityToken({ tags: { 'aws:x': ['a'] } }), 'ValidationError'],
    ['a tag that is __proto__', await identityToken({ claims: PROTO }), 'InvalidIdentityToken'],
    ['a transitive key without a tag', await identityToken({ tags: {}, transitive: ['x'] }), 'InvalidParameterValue'],
    ['a source identity of one character', await identityToken({ sourceIdentity: 'x' }), 'ValidationError'],
    [
      'a source identity that is a number',
      await identityToken({ claims: { 'https://aws.amazon.com/source_identity': 7 } }),
      'InvalidIdentityToken',
    ],
  ] as const;
  for (const [name, token, code] of cases) {
    const refusal = await refusalOf(client.send(enterCommand(token)));
    assert.equal(refusal.code.replace(/Exception$/, ''), code.replace(/Exception$/, ''), `${name}: ${refusal.message}`);
    assert.equal(refusal.status, 400, name);
  }
});

test('a role that does not exist looks like one that does not trust', async (t) => {
  const { enter } = await start(t);
  const refusal = await refusalOf(enter(await identityToken(), { RoleArn: 'arn:aws:iam::000000000000:role/nobody' }));
  assert.equal(refusal.code, 'AccessDenied');
  assert.match(refusal.message, /^Not authorized to perform sts:AssumeRoleWithWebIdentity/);
});

test('a token may not be used a second after its end', async (t) => {
  const { enter } = await start(t);
  const token = await identityToken();
  setClock(t, 61_000);
  const refusal = await refusalOf(enter(token));
  assert.match(refusal.message, /^Token expired: current date\/time \d+ must be before the expiration date\/time \d+/);
});
