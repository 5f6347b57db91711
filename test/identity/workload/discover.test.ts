import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { JitError } from '../../../src/core/errors.ts';
import { discoverWorkload } from '../../../src/identity/workload/discover.ts';
import { type Env, WORKLOADS, type WorkloadName } from '../../../src/identity/workload/source.ts';
import { tempFolder } from '../../support/home.ts';

async function found(env: Env, more: { as?: string; projectedToken?: string } = {}): Promise<WorkloadName | null> {
  const notAsked = () => assert.fail('asked');
  const source = await discoverWorkload({
    env,
    platform: 'linux',
    now: Date.now,
    aws: { webIdentityToken: notAsked, callerIdentity: notAsked },
    projectedToken: '/nonexistent/jit',
    ...more,
  });
  return source?.name ?? null;
}

/** What each surroundings set; Kubernetes by its configured file. */
const SURROUNDINGS: Readonly<Record<WorkloadName, Env>> = {
  token: { JIT_TOKEN: 'token' },
  github: { GITHUB_ACTIONS: 'true', ACTIONS_ID_TOKEN_REQUEST_URL: 'https://a', ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'b' },
  gitlab: { GITLAB_CI: 'true', JIT_ID_TOKEN: 'token' },
  kubernetes: { JIT_KUBERNETES_TOKEN_FILE: '/token' },
  spiffe: { SPIFFE_ENDPOINT_SOCKET: 'unix:///agent.sock' },
  aws: { AWS_LAMBDA_FUNCTION_NAME: 'deploy' },
  azure: { IDENTITY_ENDPOINT: 'http://127.0.0.1', IDENTITY_HEADER: 'header' },
  google: { CLOUD_RUN_JOB: 'deploy' },
};

test('each surroundings alone is recognised, and nothing is recognised on a laptop', async () => {
  for (const name of WORKLOADS) assert.equal(await found(SURROUNDINGS[name]), name);
  assert.equal(
    await found({ HOME: '/home/a', PATH: '/bin', USER: 'a', CI: 'true', KUBERNETES_SERVICE_HOST: '10.0.0.1' }),
    null,
  );
});

test('where several fit, the more specific is taken, whichever they are', async () => {
  await fc.assert(
    fc.asyncProperty(fc.subarray([...WORKLOADS], { minLength: 1 }), async (names) => {
      const env = Object.assign({}, ...names.map((name) => SURROUNDINGS[name])) as Env;
      assert.equal(
        await found(env),
        WORKLOADS.find((name) => names.includes(name)),
      );
    }),
  );
});

test('a choice counts before everything that fits, and needs nothing to fit', async () => {
  for (const as of WORKLOADS) {
    assert.equal(await found(SURROUNDINGS.token, { as }), as);
    assert.equal(await found({}, { as }), as);
  }
});

test('an unknown choice: what was meant, and what there is', async () => {
  const all = '--as takes one of token, github, gitlab, kubernetes, spiffe, aws, azure, google';
  const cases: readonly [as: string, message: RegExp, hint: string][] = [
    ['githb', /^no workload identity is called githb$/, `did you mean github? ${all}`],
    ['GitHub', /called GitHub$/, `did you mean github? ${all}`],
    ['jenkins', /called jenkins$/, all],
    ['', /called $/, all],
    ['__proto__', /called __proto__$/, all],
    ['\u001b[31m', /called \\x1b\[31m$/, all],
  ];
  for (const [as, message, hint] of cases) {
    await assert.rejects(found({}, { as }), (thrown) => {
      assert.ok(thrown instanceof JitError);
      assert.equal(thrown.code, 'ERR_USAGE');
      assert.match(thrown.message, message);
      assert.equal(thrown.hint, hint);
      return true;
    });
  }
});

test('a pipeline that lacks its permission is taken when nothing else fits, so that it can say what is missing', async () => {
  assert.equal(await found({ GITHUB_ACTIONS: 'true' }), 'github');
  assert.equal(await found({ GITLAB_CI: 'true' }), 'gitlab');
  assert.equal(await found({ GITHUB_ACTIONS: 'true', ...SURROUNDINGS.aws }), 'aws');
  assert.equal(await found({ GITHUB_ACTIONS: 'false' }), null);
});

test('variables that are empty are not there', async () => {
  for (const name of WORKLOADS) {
    const empty = Object.fromEntries(Object.keys(SURROUNDINGS[name]).map((key) => [key, ' ']));
    assert.equal(await found(empty), null);
  }
});

test('a token that the pod mounts for jit is found without any variable', async (t) => {
  const projectedToken = join(tempFolder(t), 'jit');
  writeFileSync(projectedToken, '');
  assert.equal(await found({}, { projectedToken }), 'kubernetes');
});

test('AWS: what its services set; not the keys of a person, and not what jit itself gives to a command', async () => {
  const services: readonly Env[] = [
    { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/v2/credentials/1' },
    { AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://169.254.170.23/v1/credentials' },
    { AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://[fd00:ec2::23]/v1/credentials' },
    { AWS_WEB_IDENTITY_TOKEN_FILE: '/token', AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/r' },
  ];
  for (const env of services) assert.equal(await found(env), 'aws');
  const others: readonly Env[] = [
    { AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: 'secret', AWS_PROFILE: 'me', AWS_REGION: 'eu-west-1' },
    {
      AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://127.0.0.1:41000/v1/credentials/gr_1',
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: '/t',
    },
    { AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://localhost:41000/' },
    { AWS_CONTAINER_CREDENTIALS_FULL_URI: 'nowhere' },
    { AWS_WEB_IDENTITY_TOKEN_FILE: '/token' },
  ];
  for (const env of others) assert.equal(await found(env), null);
});

test('Azure: App Service, Arc, Cloud Shell, a pod; not a person who set a client for the SDK', async () => {
  const fits: readonly Env[] = [
    { IDENTITY_ENDPOINT: 'http://127.0.0.1', IMDS_ENDPOINT: 'http://127.0.0.1' },
    { MSI_ENDPOINT: 'http://127.0.0.1' },
    { AZURE_FEDERATED_TOKEN_FILE: '/t', AZURE_CLIENT_ID: 'c', AZURE_TENANT_ID: 't' },
  ];
  for (const env of fits) assert.equal(await found(env), 'azure');
  for (const env of [
    { AZURE_CLIENT_ID: 'c', AZURE_TENANT_ID: 't', AZURE_CLIENT_SECRET: 's' },
    { IDENTITY_ENDPOINT: 'http://127.0.0.1' },
  ]) {
    assert.equal(await found(env), null);
  }
});
