/**
 * What a permission amounts to, which role it becomes and what the plan says about that; the roles are looked up at a server.
 * @module
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import * as fc from 'fast-check';
import type { Permission } from '../../../src/core/request.ts';
import { accessOf, outlives } from '../../../src/providers/gcp/permissions.ts';
import { readResource } from '../../../src/providers/gcp/resources.ts';
import { JitError } from '../../../src/core/errors.ts';
import { failure } from '../../support/failure.ts';
import { bucketName, config, object, openPlace, permissionOf, projectResource, storageConfig } from './support.ts';

const place = await openPlace();
const { provider, target } = place;
after(place.close);

const assess = async (permission: Permission) => await provider.assess(target, permission);
const at = (changes: object) => provider.parseTarget('web', config({ endpoint: place.gcp.url, ...changes }));
const full = at({
  roles: [
    'roles/storage.objectAdmin',
    'roles/storage.objectViewer',
    'roles/compute.viewer',
    'roles/iam.serviceAccountTokenCreator',
    'roles/resourcemanager.projectIamAdmin',
    'projects/acme-web-prod/roles/deployer',
  ],
});

test('a permission is spelled as Google does, and the narrowest role that has it is planned', async () => {
  const { permission, assessment } = await assess(permissionOf('Storage.Objects.GET', object('2026/q1.csv')));
  assert.deepEqual([permission.operation, permission.actions], ['storage.objects.get', ['storage.objects.get']]);
  assert.deepEqual(assessment, { access: 'read', breadth: 'exact' });
  const plan = await provider.plan(target, [permission], 600);
  assert.match(plan.permission, /^\[\{"role":"roles\/storage\.legacyObjectReader",/);
});

test('access is judged by all that the role brings, and not by what was asked for', async () => {
  const asked = permissionOf('storage.objects.get', object('2026/q1.csv'));
  const only = at({ roles: ['roles/storage.objectAdmin'] });
  const { assessment } = await provider.assess(only, asked);
  assert.deepEqual(assessment, { access: 'permissions', breadth: 'exact' });
  const { words } = await provider.plan(only, [asked], 600);
  const text = words.join('\n');
  assert.match(text, /5 further permissions there, of which 4 change something/);
  for (const name of ['create', 'delete', 'setIamPolicy', 'update'])
    assert(text.includes(`storage.objects.${name}`), name);
  assert.match(text, /access that it hands out stays/);
});

test('what a role permits elsewhere is not counted where it is bound to a place', async () => {
  const { words } = await provider.plan(target, [permissionOf('storage.objects.list', object('2026/*'))], 600);
  assert(!words.join('\n').includes('resourcemanager.projects.get'));
  assert.match(words.join('\n'), /with the role come 1 further permission there, none of which changes anything/);
});

test('breadth: a named thing is exact, what begins like it is within, the project is broad', async () => {
  const breadth = async (action: string, resource: string) =>
    (await assess(permissionOf(action, resource))).assessment.breadth;
  assert.equal(await breadth('storage.objects.get', object('2026/q1.csv')), 'exact');
  assert.equal(await breadth('storage.objects.get', object('2026/*')), 'within');
  assert.equal(await breadth('storage.objects.get', object('*')), 'within');
  assert.equal(await breadth('storage.objects.list', bucketName()), 'exact');
  assert.equal(await breadth('storage.objects.get', projectResource()), 'broad');
  assert.equal(await breadth('logging.logs.list', projectResource()), 'broad');
});

test('a condition ends with the grant and names exactly the place, in the spelling of its service', async () => {
  const expression = async (...permissions: Permission[]): Promise<string> => {
    const [binding] = JSON.parse((await provider.plan(full, permissions, 600)).permission);
    return String(binding.condition.expression);
  };
  const end = 'request.time < timestamp("2026-11-22T12:10:00Z")';
  assert.equal(
    await expression(permissionOf('storage.objects.get', object('a/b'))),
    `${end} && resource.service == "storage.googleapis.com" && (resource.name == "projects/_/buckets/acme-reports/objects/a/b")`,
  );
  assert.equal(
    await expression(permissionOf('storage.objects.list', object('a/*'))),
    `${end} && resource.service == "storage.googleapis.com" && (resource.name.startsWith("projects/_/buckets/acme-reports/objects/a/") || ` +
      '(resource.name == "projects/_/buckets/acme-reports" && api.getAttribute("storage.googleapis.com/objectListPrefix", "").startsWith("a/")))',
  );
  const instance = '//compute.googleapis.com/projects/acme-web-prod/zones/europe-west1-b/instances/web-1';
  assert.equal(
    await expression(permissionOf('compute.instances.get', instance)),
    `${end} && resource.service == "compute.googleapis.com" && (resource.name == "projects/acme-web-prod/zones/europe-west1-b/instances/web-1")`,
  );
  assert.equal(await expression(permissionOf('compute.projects.get', projectResource())), end);
});

test('secrets are named with the number of the project, however they were asked for', () => {
  for (const project of ['acme-web-prod', '415104041262']) {
    const { bound } = readResource(`//secretmanager.googleapis.com/projects/${project}/secrets/db/versions/*`, target);
    assert.deepEqual([bound?.name, bound?.match], ['projects/415104041262/secrets/db/versions/', 'beginning']);
  }
});

test('the prefix of everything is never compared: a list of all needs the bucket by name', async () => {
  await failure(assess(permissionOf('storage.objects.list', object('*'))), 'ERR_RESOURCE');
  const { permission } = await provider.plan(target, [permissionOf('roles/storage.objectViewer', object('*'))], 600);
  assert(!permission.includes('objectListPrefix'), permission);
});

test('what is not one permission of a configured role is refused, with what may be meant', async () => {
  const asked = async (action: string) => await failure(assess(permissionOf(action, object('x'))), 'ERR_OPERATION');
  assert.match((await asked('storage.objects.gett')).hint ?? '', /storage\.objects\.get/);
  assert.match((await asked('roles/storage.objectViewr')).hint ?? '', /roles\/storage\.objectViewer/);
  await asked('storage.objects.*');
  await asked('*');
  await asked('storage.objects.delete');
  await asked('roles/owner');
  const both: Permission = {
    ...permissionOf('storage.objects.get', object('x')),
    actions: ['storage.objects.get', 'logging.logs.list'],
  };
  await failure(assess({ ...both, resources: [projectResource()] }), 'ERR_OPERATION');
});

test('what would outlive the grant or undo its end is not given in a whole project', async () => {
  for (const action of [
    'iam.serviceAccounts.getAccessToken',
    'iam.serviceAccounts.signJwt',
    'resourcemanager.projects.setIamPolicy',
  ]) {
    await failure(provider.assess(full, permissionOf(action, projectResource())), 'ERR_OPERATION');
  }
  // Not even inside a role that was asked for by its name.
  for (const role of ['roles/iam.serviceAccountTokenCreator', 'roles/resourcemanager.projectIamAdmin']) {
    await failure(provider.assess(full, permissionOf(role, projectResource())), 'ERR_OPERATION');
  }
  const { assessment } = await provider.assess(full, permissionOf('run.services.update', projectResource()));
  assert.equal(assessment.access, 'permissions');
});

test('what makes lasting credentials, more of a role, or another policy of accounts and projects is known as that', () => {
  const lasting = [
    'iam.serviceAccountKeys.create',
    'iam.serviceAccountKeys.upload',
    'iam.serviceAccounts.implicitDelegation',
    'iam.serviceAccounts.setIamPolicy',
    'iam.roles.update',
    'resourcemanager.folders.setIamPolicy',
    'storage.hmacKeys.create',
  ];
  for (const name of lasting) {
    assert.notEqual(outlives(name), null, name);
    assert.equal(accessOf(name), 'permissions', name);
  }
  for (const name of ['iam.roles.get', 'iam.serviceAccounts.actAs', 'storage.objects.setIamPolicy'])
    assert.equal(outlives(name), null, name);
});

test('a resource that reaches further than it looks, or lies elsewhere, is refused', async () => {
  for (const resource of [
    '*',
    'acme-reports',
    'projects/_/buckets/acme-reports',
    '//storage.googleapis.com/projects/_/buckets/*',
    '//storage.googleapis.com/projects/_/buckets/acme*/objects/x',
    '//storage.googleapis.com/projects/acme-web-prod/buckets/acme-reports/objects/x',
    '//storage.googleapis.com/projects/_/buckets/../objects/x',
    object(''),
    object('a*b'),
    object('a"b'),
    object("a'b"),
    object('a\\b'),
    object('x") || true || ("'),
    bucketName(),
    '//evil.example/projects/_/buckets/b/objects/o',
    '//cloudresourcemanager.googleapis.com/projects/acme-payments',
    '//cloudresourcemanager.googleapis.com/folders/1',
    '//pubsub.googleapis.com/projects/acme-web-prod/topics/t',
    '//secretmanager.googleapis.com/projects/acme-web-prod/secrets/db/versions/1',
  ]) {
    await failure(assess(permissionOf('storage.objects.get', resource)), 'ERR_RESOURCE');
  }
  await failure(
    assess(
      permissionOf('secretmanager.versions.access', '//secretmanager.googleapis.com/projects/acme-web-prod/secrets/db'),
    ),
    'ERR_RESOURCE',
  );
  await failure(assess(permissionOf('storage.objects.get', object('x'), projectResource())), 'ERR_RESOURCE');
});

test('whatever is typed as a resource, a condition takes nothing from it but a checked name', () => {
  const starts = [
    '//storage.googleapis.com/projects/_/buckets/b/objects/',
    '//bigquery.googleapis.com/projects/acme-web-prod/datasets/',
    '//',
  ];
  fc.assert(
    fc.property(fc.constantFrom(...starts), fc.string({ unit: 'binary', maxLength: 60 }), (start, rest) => {
      try {
        const { bound } = readResource(start + rest, target);
        assert.match(bound?.name ?? '', /^[\x21-\x7e]*$/);
        assert.doesNotMatch(bound?.name ?? '', /["'\\*]/);
      } catch (thrown) {
        assert(thrown instanceof JitError && thrown.code === 'ERR_RESOURCE', String(thrown));
      }
    }),
  );
});

test('more than a condition holds is refused and never widened', async () => {
  const many = Array.from({ length: 12 }, (_, index) => object(`file-${index}`));
  const asked = permissionOf('storage.objects.get', ...many);
  await failure(provider.plan(target, [asked], 600), 'ERR_PERMISSION_SIZE');
  await provider.plan(target, [permissionOf('storage.objects.get', ...many.slice(0, 11))], 600);
  const storage = provider.parseTarget('s', storageConfig({ endpoint: place.gcp.url }));
  const buckets = Array.from({ length: 11 }, (_, index) => object('x', `bucket-${index}`));
  await failure(provider.plan(storage, [permissionOf('storage.objects.get', ...buckets)], 600), 'ERR_PERMISSION_SIZE');
  const long = Array.from({ length: 3 }, (_, index) => object(`${'x'.repeat(800)}${index}`));
  await failure(provider.plan(storage, [permissionOf('storage.objects.get', ...long)], 600), 'ERR_PERMISSION_SIZE');
});

test('a target for Cloud Storage takes nothing else', async () => {
  const storage = provider.parseTarget('s', storageConfig({ endpoint: place.gcp.url }));
  await failure(provider.assess(storage, permissionOf('storage.objects.get', projectResource())), 'ERR_RESOURCE');
  const secret = '//secretmanager.googleapis.com/projects/acme-web-prod/secrets/db/versions/1';
  await failure(provider.assess(storage, permissionOf('storage.objects.get', secret)), 'ERR_RESOURCE');
});

test('a role that is gone takes only itself away, and the operator is told', async () => {
  const told: string[] = [];
  const fresh = place.fresh({ notice: (text) => told.push(text) });
  const some = at({ roles: ['roles/storage.gone', 'roles/storage.objectViewer'] });
  const { assessment } = await fresh.assess(some, permissionOf('storage.objects.get', object('x')));
  assert.equal(assessment.access, 'read');
  assert.match(told.join('\n'), /target web: .*roles\/storage\.gone/);
  const all = at({ roles: ['roles/storage.gone'] });
  await failure(fresh.assess(all, permissionOf('storage.objects.get', object('x'))), 'ERR_CLOUD');
});

test('verbs: what is not known to be harmless counts as a change, and what hands out access as that', () => {
  const levels = {
    list: ['storage.objects.list', 'compute.instances.aggregatedList', 'storage.buckets.listTagBindings'],
    read: [
      'storage.objects.get',
      'bigquery.tables.getData',
      'secretmanager.versions.access',
      'iam.roles.get',
      'storage.buckets.getIamPolicy',
    ],
    tagging: ['compute.instances.setLabels', 'storage.buckets.createTagBinding'],
    write: [
      'storage.objects.create',
      'compute.instances.use',
      'cloudkms.cryptoKeyVersions.useToDecrypt',
      'listing.things.listen',
      'x.y.getaway',
    ],
    permissions: [
      'storage.buckets.setIamPolicy',
      'iam.serviceAccounts.actAs',
      'iam.serviceAccounts.getAccessToken',
      'iam.serviceAccountKeys.create',
      'iam.roles.update',
      'compute.instances.setMetadata',
      'container.clusters.getCredentials',
    ],
  };
  for (const [level, names] of Object.entries(levels))
    for (const name of names) assert.equal(accessOf(name), level, name);
});
