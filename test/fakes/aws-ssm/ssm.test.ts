/**
 * The small Systems Manager itself, through the real SDK.
 * @module
 */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { DescribeSessionsCommand, SSMClient, TerminateSessionCommand } from '@aws-sdk/client-ssm';
import type { DescribeSessionsCommandInput } from '@aws-sdk/client-ssm';
import { serveJson } from '../aws-json.ts';
import { fakeSsm } from './ssm.ts';

const ANN = 'arn:aws:sts::123456789012:assumed-role/admin/ann';
const BOB = 'arn:aws:sts::123456789012:assumed-role/admin/bob';

async function started(t: TestContext) {
  const ssm = fakeSsm();
  const { url, close } = await serveJson([ssm]);
  t.after(close);
  const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 's' };
  const client = new SSMClient({ endpoint: url, region: 'eu-west-1', credentials, maxAttempts: 1 });
  return { ssm, client };
}

test('sessions are listed by their owner, in pages, until they have ended', async (t) => {
  const { ssm, client } = await started(t);
  const ids = [1, 2, 3].map(() => ssm.open(ANN));
  ssm.open(BOB);
  const asked: DescribeSessionsCommandInput = {
    State: 'Active',
    Filters: [{ key: 'Owner', value: ANN }],
    MaxResults: 2,
  };
  const first = await client.send(new DescribeSessionsCommand(asked));
  assert.equal(first.Sessions?.length, 2);
  const rest = await client.send(new DescribeSessionsCommand({ ...asked, NextToken: first.NextToken }));
  assert.equal(rest.NextToken, undefined);
  const listed = [...(first.Sessions ?? []), ...(rest.Sessions ?? [])];
  assert.deepEqual(
    listed.map(({ SessionId, Owner, Status }) => [SessionId, Owner, Status]),
    ids.map((id) => [id, ANN, 'Connected']),
  );
  ssm.mood.ends = 'later';
  await client.send(new TerminateSessionCommand({ SessionId: ids[0] }));
  const ending = await client.send(new DescribeSessionsCommand(asked));
  assert.equal(ending.Sessions?.[0]?.Status, 'Terminating');
  ssm.settle();
  assert.deepEqual(ssm.owners(), [ANN, ANN, BOB]);
});

test('what a caller may not do, and what makes no sense, is refused', async (t) => {
  const { ssm, client } = await started(t);
  const describe = async (key: 'Owner' | 'Target'): Promise<unknown> =>
    await client.send(new DescribeSessionsCommand({ State: 'Active', Filters: [{ key, value: 'x' }] }));
  await assert.rejects(describe('Target'), { name: 'ValidationException' });
  ssm.mood.describe = 'denied';
  await assert.rejects(describe('Owner'), { name: 'AccessDeniedException' });
  ssm.mood.describe = 'busy';
  await assert.rejects(describe('Owner'), { name: 'ThrottlingException' });
});
