/**
 * `jit credential --format eks`: what kubectl reads, for clusters that the grant names and no others. Where the grant is at
 * AWS itself, broker and keeper are stood in for; the refusals of the sandbox are those of the real program.
 * @module
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { test } from 'node:test';
import { eksCredential } from '../../src/cli/eks.ts';
import { JitError } from '../../src/core/errors.ts';
import { makeCertificate } from '../support/certificate.ts';
import { tempHome } from '../support/home.ts';
import { type Ended, run } from '../support/run.ts';
import { skipUnless } from '../support/tools.ts';
import { AWS_PART, ID, KEYS, legOf, NOW, type StandIns, standIns } from './aws-grant.ts';
import { succeeded } from './shared.ts';

const JIT = join(import.meta.dirname, '..', '..', 'bin', 'jit');
const ARN = 'arn:aws:eks:eu-west-1:123456789012:cluster/web-prod';

const permit = (resource: string, action = 'eks:DescribeCluster', target = 'web-prod') => ({
  target,
  operation: action,
  actions: [action],
  resources: [resource],
});

const credentialOf = async (parts: StandIns, cluster = 'web-prod', target: string | null = null) => {
  const { context, asked } = standIns(parts);
  const { output, notAfter } = (await eksCredential(context, { id: ID, cluster, target })).expose();
  return { output, notAfter, asked };
};

test('kubectl gets an ExecCredential with a token of the session, and is told to ask again in a minute', async () => {
  const { output, notAfter, asked } = await credentialOf({ permissions: [permit(ARN)] });
  const { apiVersion, kind, status } = JSON.parse(output);
  assert.deepEqual([apiVersion, kind], ['client.authentication.k8s.io/v1', 'ExecCredential']);
  assert.equal(status.expirationTimestamp, '2026-11-22T12:01:00Z');
  assert.equal(notAfter, NOW + 60_000);
  const url = new URL(Buffer.from(String(status.token).replace('k8s-aws-v1.', ''), 'base64url').toString());
  assert.equal(url.host, 'sts.eu-west-1.amazonaws.com');
  assert.equal(url.searchParams.get('X-Amz-Security-Token'), KEYS.sessionToken);
  assert.deepEqual(asked, [[ID, { format: 'json', target: 'web-prod' }]]);
  assert.ok(!output.includes(KEYS.secretAccessKey));
});

test(
  'the real kubectl takes it from an exec plugin, and sends the token to the server',
  { skip: skipUnless('kubectl', 'openssl') },
  async (t) => {
    const home = tempHome(t);
    const now = Date.now();
    const { output } = await credentialOf({ permissions: [permit(ARN)], now });
    const { cert, key } = await makeCertificate(home.path, 'cluster');
    const seen: (string | undefined)[] = [];
    const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (request, response) => {
      seen.push(request.headers.authorization);
      response.end('ok');
    }).listen(0, '127.0.0.1');
    t.after(() => server.close());
    await once(server, 'listening');
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    writeFileSync(join(home.path, 'plugin'), `#!/bin/sh\ncat <<'END'\n${output}\nEND\n`, { mode: 0o755 });
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', interactiveMode: 'Never', command: './plugin' };
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name: 'c',
          cluster: { server: `https://localhost:${address.port}`, 'certificate-authority': cert },
        },
      ],
      users: [{ name: 'u', user: { exec } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    };
    writeFileSync(join(home.path, 'config'), JSON.stringify(config), { mode: 0o600 });
    const args = ['--kubeconfig', 'config', 'get', '--raw', '/healthz'];
    const ended = await run('kubectl', args, { env: home.env, cwd: home.path });
    assert.deepEqual([ended.status, ended.stdout], [0, 'ok'], ended.stderr);
    assert.deepEqual(new Set(seen), new Set([`Bearer ${String(JSON.parse(output).status.token)}`]));
  },
);

test('a grant makes tokens for the clusters that it was approved for, and for no other', async () => {
  const good: readonly (readonly [resource: string, action?: string])[] = [
    [ARN],
    ['*'],
    ['arn:aws:eks:eu-west-1:123456789012:cluster/web-*'],
    ['arn:aws:eks:eu-west-1:123456789012:cluster/*-p?od'],
    [ARN, 'EKS:describecluster'],
  ];
  for (const [resource, action] of good) {
    assert.ok(
      (await credentialOf({ permissions: [permit(resource, action)] })).output.includes('k8s-aws-v1.'),
      resource,
    );
  }
  const bad: readonly (readonly [resource: string, action?: string, target?: string])[] = [
    ['arn:aws:eks:eu-west-1:123456789012:cluster/web-test'],
    ['arn:aws:eks:eu-west-1:123456789012:cluster/web-prod2'],
    ['arn:aws:eks:eu-west-1:123456789012:cluster/web-*-x'],
    ['arn:aws:eks:eu-west-1:123456789012:cluster/web-pro?d'],
    ['arn:aws:eks:eu-west-1:123456789012:nodegroup/web-prod/*'],
    ['arn:aws:eks:eu-central-1:123456789012:cluster/web-prod'],
    ['arn:aws:eks:eu-west-1:210987654321:cluster/web-prod'],
    ['arn:aws-cn:eks:eu-west-1:123456789012:cluster/web-prod'],
    [ARN, 'eks:ListClusters'],
    [ARN, 's3:GetObject'],
    [ARN, 'eks:DescribeCluster', 'another'],
  ];
  for (const [resource, action, target] of bad) {
    const { context, asked } = standIns({ permissions: [permit(resource, action, target)] });
    await assert.rejects(eksCredential(context, { id: ID, cluster: 'web-prod', target: null }), (thrown) => {
      assert.ok(thrown instanceof JitError, resource);
      assert.deepEqual([thrown.code, thrown.facts.exit], ['ERR_RESOURCE', 2], resource);
      assert.equal(thrown.hint, `ask for it with: jit request eks:DescribeCluster ${ARN}`);
      return true;
    });
    assert.deepEqual(asked, [], 'nothing was handed out');
  }
});

test('of several targets the one that covers the cluster is taken; several of those must be told apart', async () => {
  const legs = [legOf({ target: 'a' }), legOf({ target: 'b' })];
  const one = await credentialOf({ legs, permissions: [permit(ARN, undefined, 'b')] });
  assert.deepEqual(one.asked, [[ID, { format: 'json', target: 'b' }]]);
  const both = { legs, permissions: [permit(ARN, undefined, 'a'), permit(ARN, undefined, 'b')] };
  await assert.rejects(credentialOf(both), { code: 'ERR_USAGE', hint: 'add one of: --target a, --target b' });
  assert.deepEqual((await credentialOf(both, 'web-prod', 'a')).asked, [[ID, { format: 'json', target: 'a' }]]);
});

test('after the end of the grant there is no token, and none of a place that is not AWS itself', async () => {
  const permissions = [permit(ARN)];
  await assert.rejects(credentialOf({ permissions, state: 'closed' }), { code: 'ERR_GRANT_ENDED' });
  await assert.rejects(credentialOf({ permissions, state: 'issuing' }), { code: 'ERR_PENDING' });
  const tool = { kind: 'aws', identity: 'issued', account: '123456789012', region: 'eu-west-1' } as const;
  const elsewhere = [legOf({ tool: { ...tool, endpoint: 'https://minio.example.com' } })];
  await assert.rejects(credentialOf({ permissions, legs: elsewhere }), { code: 'ERR_TARGET' });
  const handedOut = { target: 'web-prod', aws: { ...AWS_PART, endpoint: 'http://127.0.0.1:9' } };
  await assert.rejects(credentialOf({ permissions, handedOut }), { code: 'ERR_TARGET' });
});

test('the program: flags that do not fit are refused, and so are the sandbox and a grant that is over (all real)', async (t) => {
  const { env } = tempHome(t);
  const jit = (...args: readonly string[]): Promise<Ended> => run(process.execPath, [JIT, ...args], { env });
  const ask = ['s3:GetObject', 'arn:aws:s3:::sandbox-reports/*', '--for', '10m', '--reason', 'x', '--json'];
  const id = String(JSON.parse(succeeded(await jit('request', ...ask)).stdout).grant.id);
  const eks = ['credential', id, '--format', 'eks'];
  const cases: readonly (readonly [args: readonly string[], status: number, said: RegExp])[] = [
    [eks, 2, /needs the name of a cluster\nhint: add: --cluster NAME/],
    [['credential', id, '--format', 'aws', '--cluster', 'x'], 2, /--cluster is for --format eks/],
    [[...eks, '--cluster', 'web-prod'], 2, /does not cover that cluster/],
  ];
  for (const [args, status, said] of cases) {
    const ended = await jit(...args);
    assert.deepEqual([ended.status, ended.stdout], [status, ''], ended.stderr);
    assert.match(ended.stderr, said);
  }
  succeeded(await jit('revoke', id));
  assert.equal((await jit(...eks, '--cluster', 'web-prod')).status, 7);
});
