/**
 * The proofs as a workload's source asks for them, checked by a broker with real signatures.
 * @module
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { awsProofs, regionOf } from '../../../src/identity/aws/proofs.ts';
import { SANDBOX_ACCOUNT } from '../../../src/sandbox/world.ts';
import { tempFolder } from '../../providers/aws/support.ts';
import {
  AUDIENCE,
  BINDING,
  REGION,
  broker,
  cannedSts,
  entryText,
  failed,
  sandboxSts,
  withVariables,
} from './support.ts';

test('the signed request of a workload is one that the broker takes, in the region of its environment', async (t) => {
  const sts = await sandboxSts(t);
  const keys = await sts.assume('task-7');
  const credentials = () => Promise.resolve(keys);
  const parts = { random: randomBytes, now: Date.now, issuers: [], credentials, endpoint: null };
  const ask = { audience: AUDIENCE, env: { AWS_REGION: REGION }, signal: undefined, binding: BINDING };
  assert.equal(
    await awsProofs(parts).webIdentityToken(ask),
    null,
    'a broker that takes no such tokens is not given one',
  );
  const proof = await awsProofs(parts).callerIdentity(ask);
  const role = `arn:aws:iam::${SANDBOX_ACCOUNT}:role/jit-sandbox`;
  const entry = entryText({ accounts: [SANDBOX_ACCOUNT], roles: [role], endpoint: sts.url });
  assert.equal((await broker({ entries: [entry] })(proof, BINDING)).principal.name, `jit-sandbox@${SANDBOX_ACCOUNT}`);
});

test('a token of AWS is asked for in that region, and given up with the command', async (t) => {
  const sts = await cannedSts(t, () => ({
    status: 403,
    body: '<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>',
  }));
  const credentials = () => Promise.resolve({ accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 's' });
  const parts = { random: randomBytes, now: Date.now, issuers: ['https://a.example'], credentials, endpoint: sts.url };
  const ask = { audience: AUDIENCE, env: { AWS_DEFAULT_REGION: 'us-east-2' }, binding: BINDING };
  assert.equal(await awsProofs(parts).webIdentityToken({ ...ask, signal: undefined }), null);
  assert.match(sts.seen[0]?.rawHeaders.find((text) => text.startsWith('AWS4')) ?? '', /\/us-east-2\/sts\//);
  const aborted = awsProofs(parts).webIdentityToken({ ...ask, signal: AbortSignal.abort() });
  await assert.rejects(aborted, { name: 'AbortError' });
});

test('the region comes from the environment, then from the profile, and else is said to be missing', async (t) => {
  const folder = await tempFolder();
  t.after(() => folder.remove());
  const file = join(folder.path, 'config');
  await writeFile(file, '');
  withVariables(t, { AWS_CONFIG_FILE: file, AWS_SHARED_CREDENTIALS_FILE: file });
  assert.equal(await regionOf({ AWS_REGION: 'eu-west-1', AWS_DEFAULT_REGION: 'us-east-1' }), 'eu-west-1');
  assert.equal(await regionOf({ AWS_REGION: '', AWS_DEFAULT_REGION: 'us-east-1' }), 'us-east-1');
  const { code, message } = await failed(regionOf({}));
  assert.deepEqual([code, message], ['ERR_NOT_SIGNED_IN', 'nothing says in which AWS region this runs']);
  const other = join(folder.path, 'other');
  await writeFile(other, '[default]\nregion = ap-south-1\n');
  withVariables(t, { AWS_CONFIG_FILE: other, AWS_SHARED_CREDENTIALS_FILE: file });
  assert.equal(await regionOf({}), 'ap-south-1');
});
