/**
 * The deny entries of a role, with an independent evaluator of IAM's language (@cloud-copilot/iam-simulate) as the judge.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runSimulation } from '@cloud-copilot/iam-simulate';
import { cutOff, denyDocument, denyList, isEmpty } from '../../../src/providers/aws/deny-policy.ts';
import { wholeSecond } from '../../../src/providers/aws/session-policy.ts';
import { newGrant } from './support.ts';

const NOW = Date.UTC(2026, 10, 21, 12);
const ACCOUNT = '123456789012';
/** IAM quotas: characters of all inline policies of a role. */
const IAM_LIMIT = 10_240;
const ALLOW_ALL = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] };

interface Session {
  readonly grant: string | null;
  readonly issuedAt: number;
}

/** Of a session of a role that may do everything, on a bucket whose own policy lets that very session in as well. */
async function verdict(policy: string, { grant, issuedAt }: Session): Promise<string> {
  const principal = `arn:aws:sts::${ACCOUNT}:assumed-role/jit-web/session`;
  const resource = 'arn:aws:s3:::reports/key';
  const response = await runSimulation(
    {
      request: {
        action: 's3:GetObject',
        principal,
        resource: { resource, accountId: ACCOUNT },
        contextVariables: {
          'aws:TokenIssueTime': wholeSecond(issuedAt),
          ...(grant === null ? {} : { 'aws:PrincipalTag/jit-grant': grant }),
        },
      },
      identityPolicies: [
        { name: 'role', policy: ALLOW_ALL },
        { name: 'JitRevoked', policy: JSON.parse(policy) as unknown },
      ],
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      resourcePolicy: {
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Principal: { AWS: principal }, Action: 's3:*', Resource: resource }],
      },
    },
    {},
  );
  assert(response.resultType === 'single', JSON.stringify(response));
  return response.overallResult;
}

test('an entry denies every session of its grant, old and new, and no other', async () => {
  const [one, two, other] = [newGrant(), newGrant(), newGrant()];
  const policy = denyDocument(denyList([one, two], null, NOW));
  for (const grant of [one, two]) {
    for (const issuedAt of [NOW - 3_600_000, NOW + 60_000]) {
      assert.equal(await verdict(policy, { grant, issuedAt }), 'ExplicitlyDenied');
    }
  }
  for (const grant of [other, null, `${one}x`, one.slice(0, -1), '*']) {
    assert.equal(await verdict(policy, { grant, issuedAt: NOW }), 'Allowed', String(grant));
  }
});

test('a cut-off denies every session that was made before it, and none that is made afterwards', async () => {
  const [ended, live] = [newGrant(), newGrant()];
  const list = cutOff([ended], NOW);
  const policy = denyDocument(list);
  const at = list.cutoff?.at ?? 0;
  assert(at > NOW);
  for (const grant of [ended, live, null]) {
    assert.equal(await verdict(policy, { grant, issuedAt: at - 1_000 }), 'ExplicitlyDenied');
    assert.equal(await verdict(policy, { grant, issuedAt: at }), 'Allowed');
  }
});

test('a role has room for about 270 entries; one more than fit are a cut-off, and all of it fits into what IAM takes', () => {
  let most = 0;
  for (let count = 250; count <= 290; count++) {
    const list = denyList(
      Array.from({ length: count }, () => newGrant()),
      null,
      NOW,
    );
    assert(denyDocument(list).length < IAM_LIMIT - 1_000, String(count));
    if (list.cutoff === null) {
      assert.equal(list.grants.length, count);
      most = count;
    } else {
      assert.deepEqual([list.grants, list.cutoff.covers.size], [[], count]);
    }
  }
  assert(most >= 260 && most <= 280, String(most));
});

test('a cut-off stands unmoved while a grant needs it, takes new entries beside it, and goes with the last', () => {
  const covered = [newGrant(), newGrant()];
  const { cutoff } = cutOff(covered, NOW);
  const later = newGrant();
  const beside = denyList([...covered, later], cutoff, NOW + 60_000);
  assert.deepEqual(beside.grants, [later]);
  assert.equal(beside.cutoff?.at, cutoff?.at);
  const without = denyList([later], cutoff, NOW + 60_000);
  assert.deepEqual([without.grants, without.cutoff], [[later], null]);
  assert.equal(isEmpty(denyList([], cutoff, NOW + 60_000)), true);
});
