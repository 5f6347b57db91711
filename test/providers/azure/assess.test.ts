/**
 * Judging and planning: which operations and resources there are, what they amount to, and which role is chosen for them.
 * @module
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { JitError } from '../../../src/core/errors.ts';
import type { ErrorCode } from '../../../src/core/errors.ts';
import { accessOf } from '../../../src/providers/azure/operations.ts';
import type { AzureTarget } from '../../../src/providers/azure/provider.ts';
import { matches } from '../../../src/providers/azure/roles.ts';
import { BLOBS, OTHER_SUBSCRIPTION, ROLES, SUBSCRIPTION } from '../../fakes/azure/world.ts';
import { ACCOUNT, IDENTITY, READ, openGround } from './support.ts';
import type { Ground } from './support.ts';

let ground: Ground;
before(async () => {
  ground = await openGround();
});
after(async () => await ground.close());

const assess = async (actions: readonly string[], resources: readonly string[], target?: AzureTarget) =>
  await ground.provider().assess(target ?? ground.target(), { ...READ, actions, resources });

const plan = async (actions: readonly string[], changes: object = {}, resources: readonly string[] = [ACCOUNT]) =>
  await ground.provider().plan(ground.target(changes), [{ ...READ, actions, resources }], 600);

const refused = async (work: Promise<unknown>, code: ErrorCode, message: RegExp): Promise<void> => {
  await assert.rejects(
    work,
    (error) => error instanceof JitError && error.code === code && message.test(`${error.message} ${error.hint ?? ''}`),
  );
};

test('operations and types are spelled as Azure does, and names are in lower case, whatever was typed', async () => {
  const typed = ACCOUNT.replace('rg-web', 'RG-Web')
    .replace('Microsoft.Storage', 'microsoft.STORAGE')
    .replace('reports', 'Reports');
  const { permission } = await assess([`${BLOBS}/READ`.toUpperCase(), `${BLOBS}/read`], [typed, ACCOUNT]);
  assert.deepEqual(permission.actions, [`${BLOBS}/read`]);
  assert.deepEqual(permission.resources, [ACCOUNT]);
});

test('a resource is exact, a group lies within, a subscription is broad', async () => {
  const group = `/subscriptions/${SUBSCRIPTION}/resourcegroups/RG-web`;
  for (const [resource, breadth] of [
    [ACCOUNT, 'exact'],
    [`${ACCOUNT}/blobServices/default/containers/logs`, 'exact'],
    [group, 'within'],
    [`/subscriptions/${SUBSCRIPTION}`, 'broad'],
  ] as const) {
    const { assessment } = await assess([`${BLOBS}/read`], [resource]);
    assert.equal(assessment.breadth, breadth, resource);
  }
  assert.equal((await assess([`${BLOBS}/read`], [ACCOUNT, group])).assessment.breadth, 'within');
});

test('levels follow the verb, and what hands out access is permissions', () => {
  const S = 'Microsoft.Storage/storageAccounts';
  const levels: readonly (readonly [string, string])[] = [
    [`${S}/read`, 'read'],
    [`${S}/write`, 'write'],
    [`${S}/delete`, 'write'],
    [`${S}/listKeys/action`, 'permissions'],
    [`${S}/regenerateKey/action`, 'permissions'],
    [`${S}/ListAccountSas/action`, 'permissions'],
    [`${S}/blobServices/generateUserDelegationKey/action`, 'permissions'],
    ['Microsoft.ContainerService/managedClusters/listClusterAdminCredential/action', 'permissions'],
    ['Microsoft.Web/sites/config/list/action', 'permissions'],
    ['Microsoft.Web/sites/publishxml/action', 'permissions'],
    ['Microsoft.ManagedIdentity/userAssignedIdentities/assign/action', 'permissions'],
    ['Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write', 'permissions'],
    ['Microsoft.Authorization/roleAssignments/read', 'read'],
    ['Microsoft.Authorization/roleAssignments/write', 'permissions'],
    ['Microsoft.Authorization/locks/delete', 'permissions'],
    ['Microsoft.Authorization/elevateAccess/action', 'permissions'],
    ['Microsoft.Resources/tags/write', 'tagging'],
    ['Microsoft.Compute/virtualMachines/restart/action', 'write'],
    ['Microsoft.Compute/virtualMachines/runCommand/action', 'write'],
  ];
  for (const [name, level] of levels) assert.equal(accessOf(name), level, name);
});

test('what does not exist is named, with what may have been meant', async () => {
  await refused(assess([`${BLOBS}/raed`.replace('raed', 'list/action')], [ACCOUNT]), 'ERR_OPERATION', /no operation/);
  await refused(
    assess(['Microsoft.Storage/storageAcounts/read'], [ACCOUNT]),
    'ERR_OPERATION',
    /did you mean Microsoft\.Storage\/storageAccounts\/read/,
  );
  await refused(
    assess(['Microsoft.Nothing/things/read'], [ACCOUNT]),
    'ERR_OPERATION',
    /no namespace microsoft\.nothing/,
  );
  await refused(
    assess([`${BLOBS}/read`], [ACCOUNT.replace('storageAccounts', 'storageAcounts')]),
    'ERR_RESOURCE',
    /does nothing on/,
  );
  await refused(assess([], [ACCOUNT]), 'ERR_OPERATION', /no operation was named/);
  await refused(assess([`${BLOBS}/read`], []), 'ERR_RESOURCE', /whole subscription: \/subscriptions\//);
});

test('a role on a resource that the operation is not about would do nothing, and is refused', async () => {
  const machine = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-web/providers/Microsoft.Compute/virtualMachines/web1`;
  await refused(
    assess([`${BLOBS}/read`], [machine]),
    'ERR_RESOURCE',
    /does nothing on a microsoft\.compute\/virtualmachines/,
  );
  const container = `${ACCOUNT}/blobServices/default/containers/logs`;
  await refused(assess(['Microsoft.Storage/storageAccounts/read'], [container]), 'ERR_RESOURCE', /does nothing/);
  const { permission } = await assess(['Microsoft.Insights/metrics/read'], [machine]);
  assert.deepEqual(permission.resources, [machine]);
});

const hostile = [
  '',
  '/',
  'rg-web',
  `/subscriptions/${SUBSCRIPTION}/`,
  `/subscriptions/${SUBSCRIPTION}//resourceGroups/a`,
  `/subscriptions/${SUBSCRIPTION}/resourceGroups/..`,
  `/subscriptions/${SUBSCRIPTION}/resourceGroups/.`,
  `/subscriptions/${SUBSCRIPTION}/resourceGroups/a.`,
  `/subscriptions/${SUBSCRIPTION}/resourceGroups/a%2fb`,
  `/subscriptions/${SUBSCRIPTION}/resourceGroups/a?x=1`,
  `/subscriptions/${SUBSCRIPTION}/resourceGroups/a#b`,
  `/subscriptions/${SUBSCRIPTION}/resourceGroups/a\\b`,
  `/subscriptions/${SUBSCRIPTION}/resourceGroups/a\nb`,
  `/subscriptions/${SUBSCRIPTION}/resourceGroups/a*`,
  `/subscriptions/${SUBSCRIPTION}/resourceGroups/\u0430dmin`,
  `/subscriptions/${SUBSCRIPTION}/resourceGroups/a/providers/Microsoft.Storage`,
  `/subscriptions/${SUBSCRIPTION}/resourceGroups/a/providers/Microsoft.Storage/storageAccounts`,
  `${ACCOUNT}/providers/Microsoft.Authorization/roleAssignments/x`,
  `${ACCOUNT}/providers/x`,
  `/subscriptions/${OTHER_SUBSCRIPTION}`,
  `/subscriptions/not-a-guid`,
  `/providers/Microsoft.Management/managementGroups/root`,
  `https://management.azure.com${ACCOUNT}`,
  `/subscriptions/${SUBSCRIPTION}/resourceGroups/${'a'.repeat(2_000)}`,
];

test('resources that are none, or reach elsewhere, are refused before any call', async () => {
  const provider = ground.provider();
  const calls = ground.azure.calls();
  for (const resource of hostile) {
    await refused(provider.assess(ground.target(), { ...READ, resources: [resource] }), 'ERR_RESOURCE', /./);
  }
  for (const action of [
    '*',
    '*/read',
    'Microsoft.Storage/*',
    'Microsoft.Storage/../read',
    'read',
    'Microsoft.Storage/storageAccounts',
    `Microsoft.Storage/${'a/'.repeat(50)}read`,
  ]) {
    await refused(provider.assess(ground.target(), { ...READ, actions: [action] }), 'ERR_OPERATION', /./);
  }
  assert.equal(ground.azure.calls(), calls);
});

test('the identities of grants are nothing that can be asked for', async () => {
  const target = ground.target(IDENTITY);
  for (const tail of ['', '/providers/Microsoft.Storage/storageAccounts/x']) {
    const resource = `/subscriptions/${SUBSCRIPTION}/resourceGroups/RG-JIT${tail}`;
    await refused(assess([`${BLOBS}/read`], [resource], target), 'ERR_RESOURCE', /holds the identities of grants/);
  }
});

test('a wildcard of a role stands for any characters, in any case', () => {
  const hits: readonly (readonly [string, string, boolean])[] = [
    ['*', 'Microsoft.A/b/read', true],
    ['*/read', 'Microsoft.A/b/READ', true],
    ['*/read', 'Microsoft.A/b/readx', false],
    ['Microsoft.A/*', 'microsoft.a/b/c/write', true],
    ['Microsoft.A/*', 'Microsoft.AB/b/write', false],
    ['Microsoft.A/*/Write', 'Microsoft.A/b/c/write', true],
    ['Microsoft.A/*/Write', 'Microsoft.A/write', false],
    ['Microsoft.A/b*/*/read', 'Microsoft.A/bc/d/read', true],
    ['a*a', 'a', false],
    ['Microsoft.A/b/read', 'Microsoft.A/b/read', true],
    ['Microsoft.A/b.read', 'Microsoft.A/b/read', false],
  ];
  for (const [pattern, name, hit] of hits) assert.equal(matches(pattern, name), hit, `${pattern} ${name}`);
});

const rolesIn = (permission: string): readonly string[] =>
  [...permission.matchAll(/"roleName":"([^"]*)"/g)].map((match) => match[1] ?? '');

test('the narrowest of the configured roles that allows all of it is chosen, in whatever order they are listed', async () => {
  const all = ['Contributor', 'Storage Blob Data Contributor', 'Reader', 'Storage Blob Data Reader', 'VM Restarter'];
  for (const roles of [all, all.toReversed()]) {
    for (const [actions, role] of [
      [[`${BLOBS}/read`], 'Storage Blob Data Reader'],
      [[`${BLOBS}/read`, `${BLOBS}/write`], 'Storage Blob Data Contributor'],
      [['Microsoft.Storage/storageAccounts/read'], 'Reader'],
      [['Microsoft.Storage/storageAccounts/write'], 'Contributor'],
    ] as const) {
      assert.deepEqual(rolesIn((await plan(actions, { roles })).permission), [role], actions.join());
    }
  }
});

test('data is not allowed by a role that allows everything in Resource Manager', async () => {
  await refused(
    plan([`${BLOBS}/read`], { roles: ['Contributor', 'Reader'] }),
    'ERR_OPERATION',
    /no role of target t allows Microsoft\.Storage.*its roles: /,
  );
});

test('roles are found by their ids too; one that is none is a fault of the configuration', async () => {
  const [reader] = ROLES;
  assert.deepEqual(rolesIn((await plan([`${BLOBS}/read`], { roles: [reader?.guid] })).permission), [
    'Storage Blob Data Reader',
  ]);
  await refused(plan([`${BLOBS}/read`], { roles: ['No Such Role'] }), 'ERR_CONFIG', /No Such Role is no role/);
  await refused(
    plan([`${BLOBS}/read`], { roles: ['0a11c0de-0000-4000-8000-00000000dead'] }),
    'ERR_CONFIG',
    /is no role/,
  );
});

test('a custom role is chosen only where it may be assigned', async () => {
  const roles = ['Key Lister', 'Contributor'];
  assert.deepEqual(rolesIn((await plan(['Microsoft.Storage/storageAccounts/listKeys/action'], { roles })).permission), [
    'Contributor',
  ]);
});

test('a role that can hand out access is never given, even if it is the only one', async () => {
  for (const role of ['Owner', 'User Access Administrator']) {
    await refused(
      plan(['Microsoft.Authorization/roleAssignments/read'], { roles: [role] }),
      'ERR_OPERATION',
      /never given: it allows Microsoft\.Authorization\/roleAssignments\/write/,
    );
  }
  await refused(
    plan(['Microsoft.Authorization/roleAssignments/write'], { roles: ['Owner', 'Contributor'] }),
    'ERR_OPERATION',
    /never given/,
  );
});

test('a role that can take identities over is not given on the whole subscription where grants have some there', async () => {
  const everything = [`/subscriptions/${SUBSCRIPTION}`];
  const asked = ['Microsoft.Storage/storageAccounts/write'];
  await refused(
    plan(asked, { ...IDENTITY, roles: ['Contributor'] }, everything),
    'ERR_OPERATION',
    /userAssignedIdentities\/write/,
  );
  assert.deepEqual(rolesIn((await plan(asked, { roles: ['Contributor'] }, everything)).permission), ['Contributor']);
});

test('the plan says what the role brings beside what was asked for, what the floor is, and what the end is worth', async () => {
  const narrow = await plan(
    ['Microsoft.Compute/virtualMachines/restart/action', 'Microsoft.Compute/virtualMachines/read'],
    {},
    [`/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-web/providers/Microsoft.Compute/virtualMachines/web1`],
  );
  assert(narrow.words.includes('the role brings nothing else'), narrow.words.join('\n'));
  const wide = (await plan(['Microsoft.Storage/storageAccounts/write'], { roles: ['Contributor'] })).words.join('\n');
  assert.match(
    wide,
    /brings wildcards, wider than what was asked for: \*\nexcept Microsoft\.Authorization\/\*\/Delete/,
  );
  const reading = (await plan([`${BLOBS}/read`])).words.join('\n');
  assert.match(reading, /brings 2 more that was not asked for: .*generateUserDelegationKey/);
  assert.match(reading, /azure keeps no end: if no broker runs at the end of the grant, the access stays/);

  const pim = await ground.provider().plan(ground.target({ assignment: 'pim' }), [READ], 120);
  assert.deepEqual(
    [pim.floorSeconds, pim.residualSeconds, pim.revocation],
    [300, 780, { kind: 'within', seconds: 900 }],
  );
  assert.match(
    pim.words.join('\n'),
    /assigns nothing for less than 5 minutes, so that it lasts 3m longer than the grant/,
  );
});

test('what is known of operations and roles is asked for once', async () => {
  const provider = ground.provider();
  const target = ground.target();
  await provider.plan(target, [READ], 600);
  const calls = ground.azure.calls();
  await provider.plan(target, [READ], 600);
  assert.equal(ground.azure.calls(), calls);
});
