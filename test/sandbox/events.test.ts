/** What the sandbox tells about itself: to its log, and on every answer. @module */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PutRolePolicyCommand } from '@aws-sdk/client-iam';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { identityToken, refusalOf, start } from './fixture.ts';

test('the log names callers, calls and outcomes, and never a secret, a token, a policy or a content', async (t) => {
  const { sts, s3, iam, enter, assume, revoker, operator, events } = await start(t);
  const token = await identityToken();
  const keys = await enter(token);
  const session = await assume();
  const revokerKeys = await revoker();
  await s3(keys).send(new PutObjectCommand({ Bucket: 'sandbox-reports', Key: 'canary-key', Body: 'canary-content' }));
  await refusalOf(
    s3({ ...keys, secretAccessKey: 'canary-wrong' }).send(new GetObjectCommand({ Bucket: 'b-b', Key: 'x' })),
  );
  const PolicyDocument =
    '{"Version":"2012-10-17","Id":"canary-policy","Statement":{"Effect":"Deny","Action":"s3:x","Resource":"*"}}';
  await iam(revokerKeys).send(new PutRolePolicyCommand({ RoleName: 'jit-sandbox', PolicyName: 'p', PolicyDocument }));
  await sts(session).send(new GetCallerIdentityCommand({}));
  const told = JSON.stringify(events);
  assert.match(
    told,
    /"action":"PutObject","caller":"arn:aws:sts::000000000000:assumed-role\/jit-sandbox\/gr_test","status":200,"code":null/,
  );
  assert.match(told, /"action":"GetObject","caller":null,"status":403,"code":"SignatureDoesNotMatch"/);
  const secrets = [token, operator.secretAccessKey, 'canary'];
  for (const one of [keys, session, revokerKeys]) secrets.push(one.secretAccessKey, one.sessionToken ?? '');
  for (const secret of secrets) assert.ok(!told.includes(secret));
});

test('every answer says that this is not AWS, the good ones too', async (t) => {
  const { sandbox, assume, s3 } = await start(t);
  const client = s3(await assume());
  const seen: (string | undefined)[] = [];
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      // The deserialize step always holds an HTTP response with headers.
      const { headers } = result.response as { headers: Record<string, string> };
      seen.push(headers['x-jit-sandbox']);
      return result;
    },
    { step: 'deserialize', name: 'see' },
  );
  await client.send(new GetObjectCommand({ Bucket: 'sandbox-reports', Key: 'hello.txt' }));
  assert.deepEqual(seen, ['this is not AWS']);
  const reply = await fetch(`${sandbox.url}/sandbox-reports/hello.txt`);
  assert.equal(reply.headers.get('x-jit-sandbox'), 'this is not AWS');
  assert.match(await reply.text(), /\(jit sandbox, not AWS\)/);
});
