/**
 * Proofs against moto, an STS written by others. It looks up access keys and checks no signature: what it proves is that
 * the request is one that a foreign STS understands, and that its answer is read right.
 * @module
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import {
  CreateAccessKeyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  DeleteRoleCommand,
  IAMClient,
} from '@aws-sdk/client-iam';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import type { SdkKeys } from '../../../src/identity/aws/credentials.ts';
import { onPath, tempFolder } from '../../providers/aws/support.ts';
import { BINDING, REGION, broker, entryText, prove, refusal } from './support.ts';

const ROOT = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'test' };
const skip = onPath('moto_server') ? false : "moto_server is not on the PATH (pip install 'moto[server]')";

let url = '';
let moto: ChildProcess | null = null;
let folder: Awaited<ReturnType<typeof tempFolder>>;

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // `listen` on a TCP port gives an address object.
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

before(async () => {
  folder = await tempFolder();
  if (skip !== false) return;
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  const env = { PATH: process.env['PATH'], HOME: folder.path };
  moto = spawn('moto_server', ['-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore', env });
  for (const giveUp = Date.now() + 60_000; ; await setTimeout(100)) {
    if ((await fetch(`${url}/moto-api/`).catch(() => null)) !== null) break;
    assert(Date.now() < giveUp, 'moto did not start');
  }
});
after(async () => {
  if (moto !== null) {
    const gone = once(moto, 'exit');
    moto.kill('SIGKILL');
    await gone;
  }
  await folder.remove();
});

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
