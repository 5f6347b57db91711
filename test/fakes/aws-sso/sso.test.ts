/**
 * The small IAM Identity Center itself, through the real SDK.
 * @module
 */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import {
  CreateAccountAssignmentCommand,
  DeleteAccountAssignmentCommand,
  DescribeAccountAssignmentCreationStatusCommand,
  ListAccountAssignmentsCommand,
  ListTagsForResourceCommand,
  SSOAdminClient,
  TagResourceCommand,
  UntagResourceCommand,
} from '@aws-sdk/client-sso-admin';
import { serveJson } from '../aws-json.ts';
import { fakeSso } from './sso.ts';

const InstanceArn = 'arn:aws:sso:::instance/ssoins-1234567890abcdef';
const PermissionSetArn = 'arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-1234567890abcdef';
const ASSIGNMENT = {
  InstanceArn,
  PermissionSetArn,
  TargetId: '123456789012',
  TargetType: 'AWS_ACCOUNT',
  PrincipalType: 'USER',
  PrincipalId: 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6',
} as const;

async function started(t: TestContext) {
  const sso = fakeSso();
  const { url, close } = await serveJson([sso]);
  t.after(close);
  const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 's' };
  const client = new SSOAdminClient({ endpoint: url, region: 'eu-west-1', credentials, maxAttempts: 1 });
  return { sso, client };
}

test('an assignment is in progress, conflicts with other changes of it, and is there when it is done', async (t) => {
  const { sso, client } = await started(t);
  sso.mood.steps = 2;
  const { AccountAssignmentCreationStatus: begun } = await client.send(new CreateAccountAssignmentCommand(ASSIGNMENT));
  assert.equal(begun?.Status, 'IN_PROGRESS');
  await assert.rejects(client.send(new DeleteAccountAssignmentCommand(ASSIGNMENT)), { name: 'ConflictException' });
  const asked = { InstanceArn, AccountAssignmentCreationRequestId: begun.RequestId };
  const follow = async (): Promise<string | undefined> =>
    (await client.send(new DescribeAccountAssignmentCreationStatusCommand(asked))).AccountAssignmentCreationStatus
      ?.Status;
  const list = new ListAccountAssignmentsCommand({ InstanceArn, PermissionSetArn, AccountId: ASSIGNMENT.TargetId });
  assert.deepEqual((await client.send(list)).AccountAssignments, []);
  assert.equal(await follow(), 'SUCCEEDED');
  assert.deepEqual(
    (await client.send(list)).AccountAssignments?.map(({ PrincipalType, PrincipalId }) => [PrincipalType, PrincipalId]),
    [['USER', ASSIGNMENT.PrincipalId]],
  );
  sso.mood.steps = 0;
  await client.send(new DeleteAccountAssignmentCommand(ASSIGNMENT));
  assert.deepEqual(sso.assigned(), []);
  await assert.rejects(client.send(new DeleteAccountAssignmentCommand(ASSIGNMENT)), {
    name: 'ResourceNotFoundException',
  });
});

test('a failed assignment says why and is not there', async (t) => {
  const { sso, client } = await started(t);
  sso.mood.failure = 'no such user';
  const { AccountAssignmentCreationStatus: status } = await client.send(new CreateAccountAssignmentCommand(ASSIGNMENT));
  assert.deepEqual([status?.Status, status?.FailureReason], ['FAILED', 'no such user']);
  assert.deepEqual(sso.assigned(), []);
});

test('tags are kept by key, in characters and numbers that AWS takes', async (t) => {
  const { sso, client } = await started(t);
  const tag = async (Key: string, Value: string): Promise<unknown> =>
    await client.send(new TagResourceCommand({ InstanceArn, ResourceArn: PermissionSetArn, Tags: [{ Key, Value }] }));
  await tag('a', '1');
  await tag('a', '2');
  await tag('b', '3');
  await assert.rejects(tag('a*', '1'), { name: 'ValidationException' });
  sso.mood.tags = 2;
  await assert.rejects(tag('c', '1'), { name: 'ServiceQuotaExceededException' });
  await client.send(new UntagResourceCommand({ InstanceArn, ResourceArn: PermissionSetArn, TagKeys: ['b'] }));
  const { Tags } = await client.send(new ListTagsForResourceCommand({ InstanceArn, ResourceArn: PermissionSetArn }));
  assert.deepEqual(Tags, [{ Key: 'a', Value: '2' }]);
});
