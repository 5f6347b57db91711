/**
 * Proofs against moto, an STS written by others. It looks up access keys and checks no signature: what it proves is that
 * the request is one that a foreign STS understands, and that its answer is read right.
 * @module
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import {
  CreateAccessKeyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  DeleteRoleCommand,
  IAMClient,
} from '@aws-sdk/client-iam';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import type { SdkKeys } from '../../../src/identity/aws/credentials.ts';
import { startMoto } from '../../support/moto.ts';
import { skipUnless } from '../../support/tools.ts';
import { BINDING, REGION, broker, entryText, prove, refusal } from './support.ts';

const ROOT = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'test' };
const skip = skipUnless('moto_server') && "needs moto_server (pip install 'moto[server]')";
const url = skip === false ? await startMoto({ after }) : '';

const place = () => ({ endpoint: url, region: REGION, credentials: ROOT });
const iam = (): IAMClient => new IAMClient(place());

async function makeRole(): Promise<string> {
  const trust = JSON.stringify({ Version: '2012-10-17', Statement: [] });
  const input = { RoleName: 'deploy', Path: '/ci/', AssumeRolePolicyDocument: trust };
  return (await iam().send(new CreateRoleCommand(input))).Role?.RoleId ?? '';
}

async function assume(session: string): Promise<SdkKeys> {
  const input = { RoleArn: 'arn:aws:iam::123456789012:role/ci/deploy', RoleSessionName: session };
  const { Credentials: made } = await new STSClient(place()).send(new AssumeRoleCommand(input));
  const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '' } = made ?? {};
  return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
}

const verify = async (keys: SdkKeys, changes: object = {}) =>
  broker({ entries: [entryText({ endpoint: url, ...changes })] })(await prove({ keys }), BINDING);

test('moto tells whose credentials they are: a role with a path, by the id that IAM gave it', { skip }, async () => {
  const id = await makeRole();
  const { principal } = await verify(await assume('run-1'));
  assert.match(id, /^AROA/);
  assert.deepEqual([principal.subject, principal.name], [id, 'deploy@123456789012']);
  assert.equal(principal.issuer, 'https://sts.amazonaws.com/123456789012');

  await iam().send(new DeleteRoleCommand({ RoleName: 'deploy' }));
  const next = await makeRole();
  assert.notEqual(next, id);
  assert.equal((await verify(await assume('run-1'))).principal.subject, next, 'made anew, it is somebody else');
  assert.equal(await refusal(verify(await assume('run-1'), { ids: [id] })), 'no entry names this caller');
});

test('moto gives a user an id that no user of AWS has, and so it is refused', { skip }, async () => {
  const UserName = 'alice';
  const { User: user } = await iam().send(new CreateUserCommand({ UserName, Path: '/staff/' }));
  const { AccessKey: key } = await iam().send(new CreateAccessKeyCommand({ UserName }));
  const keys = { accessKeyId: key?.AccessKeyId ?? '', secretAccessKey: key?.SecretAccessKey ?? '' };
  assert.equal(await refusal(verify(keys, { users: [user?.Arn] })), 'neither a session of a role nor a user');
});

test('moto says that it knows nobody by an unknown key, in a form that is nobody’s here', { skip }, async () => {
  assert.equal(await refusal(verify(ROOT)), 'neither a session of a role nor a user');
});
