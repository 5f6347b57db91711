/**
 * What is said before approval of clusters that know a role and not its grants.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Permission } from '../../../src/core/request.ts';
import { awsProvider } from '../../../src/providers/aws/provider.ts';
import { config, READ, SIGNER } from './support.ts';

const provider = awsProvider({ now: () => Date.UTC(2026, 10, 22, 12), signer: SIGNER });
const CLUSTER: Permission = {
  target: 'web',
  operation: 'eks:DescribeCluster',
  actions: ['EKS:describecluster'],
  resources: ['arn:aws:eks:eu-west-1:123456789012:cluster/web-prod'],
};

test('the plan of a cluster says that its access outlasts the grant, and how long', async () => {
  const about = async (permission: Permission, seconds: number): Promise<readonly string[]> => {
    const target = provider.parseTarget('web', config({ session_seconds: seconds }));
    const { words } = await provider.plan(target, [permission], 60);
    return words.filter((line) => line.includes('EKS that knows the role'));
  };
  const [line = '', ...more] = await about(CLUSTER, 3_600);
  assert.match(line, /until they run out: up to 15m after the end, 1h after a revocation$/);
  assert.deepEqual(more, []);
  assert.match((await about(CLUSTER, 900))[0] ?? '', /up to 15m after the end, 15m after a revocation$/);
  assert.deepEqual(await about(READ, 3_600), []);
});
