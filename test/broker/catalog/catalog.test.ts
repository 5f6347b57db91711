import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { makeCatalog } from '../../../src/broker/catalog/catalog.ts';
import { parseBrokerConfig } from '../../../src/broker/config/config.ts';
import type { AwsSettings } from '../../../src/core/credential.ts';
import type { ErrorCode } from '../../../src/core/errors.ts';
import { JitError } from '../../../src/core/errors.ts';

const CONFIG = `
operations:
  deploy-web:
    description: publish the web site
    actions: [s3:PutObject, s3:DeleteObject]
    resources: ['arn:aws:s3:::web-{env}/{path}/*', 'arn:aws:s3:::web-{env}']
    parameters:
      env: { description: which site, values: [prod, staging] }
      path: { description: the folder, pattern: '[A-Za-z0-9._/-]{1,40}' }
    targets: [prod, backup]
    risk: high
  read-logs:
    description: look at one build
    actions: [s3:GetObject]
    resources: ['arn:aws:s3:::logs/{build}']
    parameters:
      build: { description: its number, pattern: 'b[0-9]{1,8}' }
`;
const ONE = new Map([['sandbox', { provider: 'aws' }]]);
const SEVERAL = new Map([
  ['prod', { provider: 'aws' }],
  ['backup', { provider: 'aws' }],
  ['cluster', { provider: 'kubernetes' }],
]);
const catalog = makeCatalog(parseBrokerConfig(CONFIG, 'broker.yaml'), SEVERAL);
const embedded = makeCatalog(parseBrokerConfig('{}', 'broker.yaml'), ONE);

function refused(run: () => unknown, code: ErrorCode, text: RegExp): void {
  assert.throws(run, (error) => {
    assert.ok(error instanceof JitError, String(error));
    assert.equal(error.code, code);
    assert.match(`${error.message}\n${error.hint ?? ''}`, text);
    return true;
  });
}

test('a named operation fills its templates and gives one permission for each of its targets', () => {
  const resolved = catalog.resolve({ operation: 'deploy-web', resources: ['path=docs/v1', 'env=staging'] });
  assert.equal(resolved.named, true);
  assert.equal(resolved.risk, 'high');
  assert.deepEqual(
    resolved.permissions,
    ['prod', 'backup'].map((target) => ({
      target,
      operation: 'deploy-web',
      actions: ['s3:PutObject', 's3:DeleteObject'],
      resources: ['arn:aws:s3:::web-staging/docs/v1/*', 'arn:aws:s3:::web-staging'],
    })),
  );
  const one = catalog.resolve({ operation: 'deploy-web', resources: ['path=a', 'env=prod'], target: 'backup' });
  assert.deepEqual(
    one.permissions.map(({ target }) => target),
    ['backup'],
  );
});

test("a raw permission takes the provider's identifiers as they are, at the only target that fits", () => {
  const resources = ['arn:aws:s3:::reports/*', 'arn:aws:s3:::${aws:username}'];
  assert.deepEqual(embedded.resolve({ operation: 's3:GetObject', resources }), {
    permissions: [{ target: 'sandbox', operation: 's3:GetObject', actions: ['s3:GetObject'], resources }],
    named: false,
    risk: 'medium',
  });
  const [permission] = catalog.resolve({ operation: 'pods/exec', resources: ['web/pods/a'] }).permissions;
  assert.equal(permission?.target, 'cluster');
  refused(() => embedded.resolve({ operation: 's3:GetObject', resources: [] }), 'ERR_RESOURCE', /needs a resource/);
});

test('where the target does not follow it is asked for, with the names that can be meant', () => {
  const ask = { operation: 's3:GetObject', resources: ['arn:aws:s3:::b/k'] };
  refused(() => catalog.resolve(ask), 'ERR_TARGET', /--target prod or --target backup$/);
  refused(() => catalog.resolve({ ...ask, target: 'prdo' }), 'ERR_TARGET', /no target "prdo"[^]*--target prod$/);
  refused(() => catalog.resolve({ ...ask, target: '__proto__' }), 'ERR_TARGET', /no target/);
  refused(
    () => embedded.resolve({ operation: 'storage.objects.get', resources: ['x'] }),
    'ERR_TARGET',
    /no target here/,
  );
  refused(
    () => makeCatalog({ operations: new Map() }, new Map()).resolve(ask),
    'ERR_TARGET',
    /no target is configured/,
  );
  const build = { operation: 'read-logs', resources: ['build=b1'] };
  refused(() => catalog.resolve(build), 'ERR_TARGET', /--target prod or --target backup$/);
  refused(() => catalog.resolve({ ...build, target: 'cluster' }), 'ERR_TARGET', /cannot be used at target cluster/);
  assert.equal(catalog.resolve({ ...build, target: 'prod' }).permissions[0]?.target, 'prod');
});

test('an unknown operation is refused with the name that was meant', () => {
  refused(
    () => catalog.resolve({ operation: 'deploy-wbe', resources: [] }),
    'ERR_OPERATION',
    /did you mean deploy-web\?/,
  );
  refused(() => catalog.resolve({ operation: 'GetObject', resources: [] }), 'ERR_OPERATION', /such as s3:GetObject/);
  for (const operation of ['', '__proto__', 'constructor', 'a'.repeat(100_000), 's3:Get Object', 's3:\u202eGet']) {
    refused(() => catalog.resolve({ operation, resources: ['x'] }), 'ERR_OPERATION', /no operation/);
  }
});

test('missing, unknown and repeated parameters are refused and the hint lists them all', () => {
  const resolve =
    (...resources: string[]) =>
    () =>
      catalog.resolve({ operation: 'deploy-web', resources });
  const all = /write env=… \(prod, staging\) path=… \(\[A-Za-z0-9\._\/-\]\{1,40\}\)/;
  refused(resolve(), 'ERR_RESOURCE', all);
  refused(resolve('env=prod'), 'ERR_RESOURCE', /needs path/);
  refused(resolve('env=prod', 'path=a', 'env=prod'), 'ERR_RESOURCE', /env is given twice/);
  refused(resolve('env=prod', 'path=a', 'x=y'), 'ERR_RESOURCE', all);
  refused(resolve('env=prod', 'path=a', '__proto__=y'), 'ERR_RESOURCE', /name=value/);
  refused(resolve('prod', 'a'), 'ERR_RESOURCE', /name=value/);
  refused(resolve('=prod'), 'ERR_RESOURCE', /name=value/);
});

const INJECTIONS = [
  '*',
  '?',
  'a*',
  '${aws:username}',
  '$&',
  "$'",
  '{env}',
  '..',
  '../b',
  'a/../b',
  './a',
  '/a',
  'a/',
  'a//b',
  'a\nb',
  'a\0',
  'a b',
  'a"b',
  'ａ',
  'a\u200bb',
  '',
  'a'.repeat(41),
  'prod,staging',
];

test('no value carries a wildcard, a variable, a way up, a newline or more than its form allows', () => {
  for (const value of INJECTIONS) {
    refused(
      () => catalog.resolve({ operation: 'deploy-web', resources: ['env=prod', `path=${value}`] }),
      'ERR_RESOURCE',
      /not a value of path/,
    );
    refused(
      () => catalog.resolve({ operation: 'deploy-web', resources: [`env=${value}`, 'path=a'] }),
      'ERR_RESOURCE',
      /not a value of env/,
    );
    refused(
      () =>
        catalog.resolve({
          operation: 'read-logs',
          resources: [`build=b1${value === '' ? 'x' : value}`],
          target: 'prod',
        }),
      'ERR_RESOURCE',
      /not a value of build/,
    );
  }
});

test('whatever is typed, a named operation reaches nothing outside its template', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[a-z./*${}-]{0,12}$/)), (value) => {
      let resources: readonly string[] = [];
      try {
        resources =
          catalog.resolve({ operation: 'deploy-web', resources: ['env=prod', `path=${value}`] }).permissions[0]
            ?.resources ?? [];
      } catch (error) {
        assert.ok(error instanceof JitError && error.code === 'ERR_RESOURCE');
        return;
      }
      assert.equal(resources[0], `arn:aws:s3:::web-prod/${value}/*`);
      assert.match(value, /^[A-Za-z0-9._/-]{1,40}$/);
      assert.doesNotMatch(`/${value}/`, /\/\.{0,2}\//);
    }),
  );
});

const definition = (resource: string, parameter: string): string =>
  `operations:\n  op: { description: x, actions: [s3:GetObject], resources: ['${resource}'], parameters: { ${parameter} } }`;
const param = (pattern: string): string => `p: { description: x, pattern: '${pattern}' }`;

const mistakes: readonly (readonly [name: string, text: string, message: RegExp])[] = [
  ['a template with an unknown parameter', definition('a/{q}', ''), /there is no parameter "q"/],
  ['a template with __proto__', definition('a/{__proto__}', ''), /there is no parameter "__proto__"/],
  ['a parameter that no template uses', definition('a', param('[a-z]{1,3}')), /parameter p is used in no resource/],
  ['a lone brace', definition('a/{p', ''), /brace/],
  ['a variable of the cloud', definition('a/${p}', param('[a-z]{1,3}')), /must not hold \$/],
  ['a template with a space', definition('a b', ''), /no spaces/],
  ['a pattern that could backtrack', definition('a/{p}', param('(a+)+')), /one class and a length/],
  ['a pattern without length', definition('a/{p}', param('[a-z]+')), /one class and a length/],
  ['a pattern that allows a wildcard', definition('a/{p}', param('[a-z*]{1,3}')), /one class and a length/],
  ['a pattern that allows everything but something', definition('a/{p}', param('[^a]{1,3}')), /one class and a length/],
  ['a pattern that allows $', definition('a/{p}', param('[a$]{1,3}')), /one class and a length/],
  ['a reversed range', definition('a/{p}', param('[z-a]{1,3}')), /one class and a length/],
  ['a range across kinds', definition('a/{p}', param('[A-z]{1,3}')), /one class and a length/],
  ['an empty value', definition('a/{p}', param('[a-z]{0,3}')), /from 1 to/],
  ['a reversed length', definition('a/{p}', param('[a-z]{3,1}')), /from 1 to/],
  ['a listed value with a wildcard', definition('a/{p}', `p: { description: x, values: ['*'] }`), /holds more than/],
  ['a listed value that climbs', definition('a/{p}', `p: { description: x, values: ['..'] }`), /holds more than/],
  [
    'a target that is not there',
    CONFIG.replace('[prod, backup]', '[prd]'),
    /operation deploy-web: there is no target prd, did you mean prod\?/,
  ],
];

for (const [name, text, message] of mistakes) {
  test(`refused when the broker starts: ${name}`, () => {
    refused(() => makeCatalog(parseBrokerConfig(text, 'broker.yaml'), SEVERAL), 'ERR_CONFIG', message);
  });
}

test('the list shows what each operation does, takes and where, and its examples resolve', () => {
  const entries = catalog.list();
  assert.deepEqual(
    entries.map(({ name }) => name),
    ['deploy-web', 'read-logs'],
  );
  assert.deepEqual(entries[0]?.parameters, [
    { name: 'env', description: 'which site', accepts: 'prod, staging' },
    { name: 'path', description: 'the folder', accepts: '[A-Za-z0-9._/-]{1,40}' },
  ]);
  assert.deepEqual(entries[1]?.targets, ['prod', 'backup']);
  for (const entry of entries) {
    assert.equal(entry.examples.length, entry.targets.length);
    for (const example of entry.examples) assert.equal(catalog.resolve(example).permissions.length, 1);
  }
});

const BUNDLE = `
operations:
  release:
    description: publish, look at the pods and at the orders
    actions: [s3:PutObject]
    resources: ['arn:aws:s3:::web-{env}/*']
    parameters: { env: { description: which site, values: [prod, staging] } }
    target: prod
    also: [look-at-pods, read-orders]
  look-at-pods:
    description: the pods of one namespace
    actions: [pods/get, pods/log]
    resources: ['{namespace}/pods/*']
    parameters: { namespace: { description: which, pattern: '[a-z]{1,20}' } }
    target: cluster
    risk: low
  read-orders:
    description: the orders
    actions: [role/app_read]
    resources: [shop]
    target: orders
    risk: high
`;
const CLOUDS = new Map([...SEVERAL, ['orders', { provider: 'postgres' }]]);
const bundle = (text = BUNDLE) => makeCatalog(parseBrokerConfig(text, 'broker.yaml'), CLOUDS);

test('an operation can bring others with it: one request, each at its own target, with arguments for whoever knows them', () => {
  const { permissions, risk } = bundle().resolve({ operation: 'release', resources: ['namespace=shop', 'env=prod'] });
  assert.deepEqual(permissions, [
    { target: 'prod', operation: 'release', actions: ['s3:PutObject'], resources: ['arn:aws:s3:::web-prod/*'] },
    {
      target: 'cluster',
      operation: 'look-at-pods',
      actions: ['pods/get', 'pods/log'],
      resources: ['shop/pods/*'],
    },
    { target: 'orders', operation: 'read-orders', actions: ['role/app_read'], resources: ['shop'] },
  ]);
  assert.equal(risk, 'high');
  assert.deepEqual(
    bundle()
      .list()
      .find(({ name }) => name === 'release')?.also,
    ['look-at-pods', 'read-orders'],
  );
});

test('what an operation brings is asked for in full, and nothing is left over', () => {
  const ask =
    (...resources: string[]) =>
    (): unknown =>
      bundle().resolve({ operation: 'release', resources });
  refused(ask('env=prod'), 'ERR_RESOURCE', /look-at-pods needs namespace/);
  refused(ask('namespace=shop', 'env=prod', 'table=x'), 'ERR_RESOURCE', /release takes name=value arguments/);
  refused(ask('namespace=shop', 'namespace=x', 'env=prod'), 'ERR_RESOURCE', /namespace is given twice/);
  refused(ask('namespace=SHOP', 'env=prod'), 'ERR_RESOURCE', /not a value of namespace/);
});

test('an operation brings only what is there, and nothing that brings others itself', () => {
  const wrong = (name: string, message: RegExp): void =>
    refused(() => bundle(BUNDLE.replace('read-orders]', `${name}]`)), 'ERR_CONFIG', message);
  wrong('read-order', /operation release: also: there is no operation read-order, did you mean read-orders/);
  wrong('release', /release brings others with it, so it cannot be brought itself/);
});

test("permissions of each cloud find the one target of their kind: databases, clusters, and Azure's and Google's own", () => {
  const targets = new Map([
    ['aws', { provider: 'aws' }],
    ['people', { provider: 'aws-identity-center' }],
    ['azure', { provider: 'azure' }],
    ['gcp', { provider: 'gcp' }],
    ['cluster', { provider: 'kubernetes' }],
    ['db', { provider: 'postgres' }],
  ]);
  const all = makeCatalog(parseBrokerConfig('{}', 'broker.yaml'), targets);
  const asked: readonly (readonly [operation: string, target: string])[] = [
    ['s3:GetObject', 'aws'],
    ['identity-center:UsePermissionSet', 'people'],
    ['Microsoft.Storage/storageAccounts/read', 'azure'],
    ['microsoft.compute/virtualMachines/restart/action', 'azure'],
    ['storage.objects.get', 'gcp'],
    ['roles/storage.objectViewer', 'gcp'],
    ['projects/shop-prod/roles/deployer', 'gcp'],
    ['pods/exec', 'cluster'],
    ['deployments.apps/patch', 'cluster'],
    ['deployments.apps/scale/update', 'cluster'],
    ['role/app_read', 'db'],
  ];
  for (const [operation, target] of asked) {
    assert.deepEqual(
      all.resolve({ operation, resources: ['x'] }).permissions.map((each) => each.target),
      [target],
      operation,
    );
  }
});

const accountAt = (account: string): AwsSettings => ({
  kind: 'aws',
  identity: 'issued',
  account,
  region: 'eu-west-1',
  endpoint: null,
});
const ACCOUNTS: ReadonlyMap<string, { readonly provider: string; readonly tool?: AwsSettings }> = new Map([
  ['web', { provider: 'aws', tool: accountAt('111122223333') }],
  ['shop', { provider: 'aws', tool: accountAt('444455556666') }],
  ['orders', { provider: 'postgres' }],
]);
const TABLE = `
operations:
  read-table:
    description: one table
    actions: [dynamodb:GetItem]
    resources: ['arn:aws:dynamodb:{target.region}:{target.account}:table/{table}']
    parameters: { table: { description: its name, pattern: '[a-z]{1,20}' } }
    targets: [web, shop]
`;

test('one operation over many accounts: each target fills in its own account and region, and no argument can', () => {
  const all = makeCatalog(parseBrokerConfig(TABLE, 'broker.yaml'), ACCOUNTS);
  const { permissions } = all.resolve({ operation: 'read-table', resources: ['table=orders'] });
  assert.deepEqual(
    permissions.map(({ target, resources }) => [target, ...resources]),
    [
      ['web', 'arn:aws:dynamodb:eu-west-1:111122223333:table/orders'],
      ['shop', 'arn:aws:dynamodb:eu-west-1:444455556666:table/orders'],
    ],
  );
  const forged = { operation: 'read-table', resources: ['table=orders', 'target.account=999999999999'] };
  refused(() => all.resolve(forged), 'ERR_RESOURCE', /takes name=value arguments/);
  const elsewhere = makeCatalog(parseBrokerConfig(TABLE.replace('[web, shop]', '[orders]'), 'broker.yaml'), ACCOUNTS);
  refused(
    () => elsewhere.resolve({ operation: 'read-table', resources: ['table=a'] }),
    'ERR_TARGET',
    /cannot be used at target orders, which has no \{target\.region\}[^]*--target web or --target shop/,
  );
});
