/**
 * Profiles of Azure's tools: files for a shell, in which a real shell finds the grant, and what a command under a grant gets.
 * @module
 */
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { JitError } from '../../../src/core/errors.ts';
import { secretFile } from '../../../src/local/secret-files.ts';
import { azureProfiles } from '../../../src/profiles/azure/tool.ts';
import { run } from '../../support/run.ts';
import { CLIENT, NOW, SUBSCRIPTION, TENANT, access, entry, grant, scene, settings, statement } from './scene.ts';

const { demandFree, environment, extend, list, wipe, write } = azureProfiles;
const all = (): boolean => true;
const coded = (code: string) => (error: unknown) => error instanceof JitError && error.code === code;

test('a shell that reads the profile has the grant in its environment, and nothing secret', async (t) => {
  const here = scene(t);
  const one = entry(here);
  const path = await write(here.places, one, here.deps);
  assert.equal(path, here.file('jit-shop'));
  const shown = await run('sh', ['-c', '. "$0" && env', path], { env: { PATH: process.env['PATH'] ?? '' } });
  assert.equal(shown.status, 0, shown.stderr);
  const seen = new Map(shown.stdout.split('\n').map((line) => [line.split('=')[0], line.slice(line.indexOf('=') + 1)]));
  assert.equal(seen.get('AZURE_CLIENT_ID'), CLIENT);
  assert.equal(seen.get('AZURE_TENANT_ID'), TENANT);
  assert.equal(seen.get('ARM_SUBSCRIPTION_ID'), SUBSCRIPTION);
  assert.equal(seen.get('AZURE_FEDERATED_TOKEN_FILE'), one.secretFile);
  assert.equal(seen.get('ARM_OIDC_TOKEN_FILE_PATH'), one.secretFile);
  assert.equal(seen.get('AZURE_CONFIG_DIR'), `${one.secretFile}.azure/config`);
  assert(!readFileSync(path, 'utf8').includes(statement()));
});

test('az finds its folder signed in as the identity of the grant; only the user can read it, and it ends with the grant', async (t) => {
  const here = scene(t);
  const one = entry(here);
  await write(here.places, one, here.deps);
  const folder = `${one.secretFile}.azure/config`;
  const read = (name: string): unknown => JSON.parse(readFileSync(join(folder, name), 'utf8'));
  assert.deepEqual(read('service_principal_entries.json'), [
    { client_id: CLIENT, tenant: TENANT, client_assertion: statement() },
  ]);
  assert.match(readFileSync(join(folder, 'azureProfile.json'), 'utf8'), new RegExp(`"id":"${SUBSCRIPTION}"`));
  for (const name of readdirSync(folder)) assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name);
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  assert.equal(statSync(dirname(folder)).mtimeMs, one.expiresAt);
});

test('it is listed, its end is moved, and it is wiped without a trace', async (t) => {
  const here = scene(t);
  await write(here.places, entry(here), here.deps);
  await write(here.places, entry(here, { name: 'other', grant: grant(2) }), here.deps);
  const [first] = await list(here.places);
  assert.deepEqual(first, {
    tool: 'azure',
    name: 'jit-shop',
    grant: grant(1),
    expiresAt: NOW + 120_000,
    file: here.file('jit-shop'),
    holds: 'process',
    intact: 'intact',
  });
  await extend(here.places, grant(1), NOW + 600_000, here.deps);
  assert.deepEqual(
    (await list(here.places)).map(({ expiresAt }) => expiresAt),
    [NOW + 600_000, NOW + 120_000],
  );
  const { wiped, conflicts } = await wipe(here.places, (one) => one.grant === grant(1), here.deps);
  assert.deepEqual([wiped.length, conflicts.length], [1, 0]);
  assert.deepEqual(readdirSync(dirname(here.file('x'))), ['other.sh']);
  await wipe(here.places, all, here.deps);
  assert.deepEqual(await list(here.places), []);
});

test('what somebody added or changed stays when it is wiped, and is named without its value', async (t) => {
  const here = scene(t);
  const path = await write(here.places, entry(here), here.deps);
  appendFileSync(path, 'export MINE=value-canary\n# a note\n');
  writeFileSync(path, readFileSync(path, 'utf8').replace("ARM_USE_CLI='false'", "ARM_USE_CLI='true'"));
  assert.equal((await list(here.places))[0]?.intact, 'edited');
  const { conflicts } = await wipe(here.places, all, here.deps);
  assert.deepEqual(conflicts[0]?.kept, ['ARM_USE_CLI', 'MINE', 'line 18']);
  const left = readFileSync(path, 'utf8');
  assert.match(left, /^export ARM_USE_CLI='true' # [0-9a-f]{12}\nexport MINE=value-canary\n# a note\n$/);
  assert.deepEqual(await list(here.places), []);
});

test('a file that jit did not make, or that was changed, is never overwritten; one of jit’s own is', async (t) => {
  const here = scene(t);
  await write(here.places, entry(here), here.deps);
  await write(here.places, entry(here, { expiresAt: NOW + 900_000 }), here.deps);
  assert.equal((await list(here.places))[0]?.expiresAt, NOW + 900_000);
  writeFileSync(here.file('mine'), 'export A=1\n');
  await assert.rejects(demandFree(here.places, 'mine'), coded('ERR_PROFILE_EXISTS'));
  await assert.rejects(write(here.places, entry(here, { name: 'mine' }), here.deps), coded('ERR_PROFILE_EXISTS'));
  assert.equal(readFileSync(here.file('mine'), 'utf8'), 'export A=1\n');
  appendFileSync(here.file('jit-shop'), 'export B=1\n');
  await assert.rejects(write(here.places, entry(here), here.deps), coded('ERR_PROFILE_EXISTS'));
  await demandFree(here.places, 'free');
});

test('names that lead elsewhere, ended grants and other targets are refused before anything is written', async (t) => {
  const here = scene(t);
  for (const name of ['../x', 'a/b', '', '-x', 'a\nb']) {
    await assert.rejects(write(here.places, entry(here, { name }), here.deps), coded('ERR_PROFILE_NAME'), name);
  }
  await assert.rejects(write(here.places, entry(here, { expiresAt: NOW }), here.deps), coded('ERR_GRANT_ENDED'));
  const gcp = { kind: 'gcp', identity: 'issued', project: 'acme-web-prod', endpoint: null } as const;
  await assert.rejects(write(here.places, entry(here, { tool: gcp }), here.deps), coded('ERR_TARGET'));
  assert.equal(existsSync(dirname(here.file('x'))), false);
});

const hostile: readonly (readonly [string, Parameters<typeof settings>[0]])[] = [
  ['a tenant that is a path', { tenant: '../../common' }],
  ['a subscription with a quote', { subscription: "x'; rm -rf ~; '" }],
  ['an authority over http', { authority: 'http://login.microsoftonline.com' }],
  ['an authority with a path', { authority: 'https://login.microsoftonline.com/x' }],
  ['an authority with a line end', { authority: 'https://login.microsoftonline.com\nX=1' }],
];

for (const [what, change] of hostile) {
  test(`what a broker must not say reaches neither file nor variable: ${what}`, async (t) => {
    const here = scene(t);
    const tool = settings(change);
    await assert.rejects(write(here.places, entry(here, { tool }), here.deps), coded('ERR_CONFIG'));
    await assert.rejects(environment({ HOME: here.home }, 'linux', access(here, { tool })), coded('ERR_CONFIG'));
    assert.equal(existsSync(here.file('jit-shop')), false);
  });
}

test('a credential that does not say whose it is, or says it with more than an id, is not used', async (t) => {
  const here = scene(t);
  for (const kept of [
    '',
    'x',
    'a.b.c',
    statement({}),
    statement({ client_id: "0'; x" }),
    statement({ client_id: [CLIENT] }),
  ]) {
    await assert.rejects(environment({}, 'linux', access(here, {}, kept)), coded('ERR_CONFIG'), kept);
  }
});

test('a path with quotes is read back by the shell as it is', async (t) => {
  const here = scene(t);
  const odd = join(here.home, 'it\'s $HOME `x` "y"');
  mkdirSync(odd, { mode: 0o700 });
  const path = await write(here.places, entry({ run: odd }), here.deps);
  const shown = await run('sh', ['-c', '. "$0" && printf %s "$AZURE_FEDERATED_TOKEN_FILE"', path]);
  assert.equal(shown.stdout, secretFile(odd, grant(1), 'shop'));
  assert.equal((await list(here.places))[0]?.intact, 'intact');
});

test('a command gets the grant and nothing that would come before it; what it loses is named', async (t) => {
  const here = scene(t);
  mkdirSync(join(here.home, '.azure'));
  const env = {
    HOME: here.home,
    PATH: '/bin',
    AZURE_CLIENT_ID: 'mine',
    AZURE_CLIENT_SECRET: 's',
    AZURE_CLIENT_CERTIFICATE_PATH: '/c',
    AZURE_USERNAME: 'u',
    AZURE_PASSWORD: 'p',
    AZURE_TOKEN_CREDENTIALS: 'dev',
    AZURE_STORAGE_KEY: 'k',
    ARM_CLIENT_SECRET: 's',
    ARM_OIDC_TOKEN: 't',
    ARM_ACCESS_KEY: 'k',
    ARM_USE_MSI: 'true',
    IDENTITY_ENDPOINT: 'http://127.0.0.1:1',
    MSI_SECRET: 's',
    AZCOPY_AUTO_LOGIN_TYPE: 'SPN',
    AZURE_DEFAULTS_GROUP: 'rg-web',
    AZURE_HTTP_USER_AGENT: 'x',
    ARM_SKIP_PROVIDER_REGISTRATION: 'true',
  };
  const { set, removed, hidden } = await environment(env, 'linux', access(here));
  assert.deepEqual(removed, [
    'ARM_ACCESS_KEY',
    'ARM_CLIENT_SECRET',
    'ARM_OIDC_TOKEN',
    'AZCOPY_AUTO_LOGIN_TYPE',
    'AZURE_CLIENT_CERTIFICATE_PATH',
    'AZURE_CLIENT_SECRET',
    'AZURE_PASSWORD',
    'AZURE_STORAGE_KEY',
    'AZURE_TOKEN_CREDENTIALS',
    'AZURE_USERNAME',
    'IDENTITY_ENDPOINT',
    'MSI_SECRET',
  ]);
  assert.deepEqual(
    [set.get('AZURE_CLIENT_ID'), set.get('ARM_USE_MSI'), set.get('ARM_USE_OIDC')],
    [CLIENT, 'false', 'true'],
  );
  assert.deepEqual(hidden, [join(here.home, '.azure')]);
  for (const value of set.values()) assert(!value.includes('c2lnbmF0dXJl'), 'a secret is in a variable');
});

test('whoever has the access as themselves stays signed in as themselves', async (t) => {
  const here = scene(t);
  const tool = settings({ identity: 'own' });
  const { set, removed, hidden } = await environment({ AZURE_CLIENT_SECRET: 's' }, 'linux', access(here, { tool }));
  assert.deepEqual([[...set.keys()], removed, hidden], [['AZURE_SUBSCRIPTION_ID', 'ARM_SUBSCRIPTION_ID'], [], []]);
});

test('other clouds of Microsoft are named as az and Terraform call them; elsewhere az is left without', async (t) => {
  const here = scene(t);
  const tool = settings({
    authority: 'https://login.microsoftonline.us',
    endpoint: 'https://management.usgovcloudapi.net',
  });
  const { set } = await environment({}, 'linux', access(here, { tool }));
  assert.equal(set.get('ARM_ENVIRONMENT'), 'usgovernment');
  assert.match(readFileSync(join(set.get('AZURE_CONFIG_DIR') ?? '', 'config'), 'utf8'), /name = AzureUSGovernment/);
  const own = settings({ authority: 'https://login.stack.example', endpoint: 'https://management.stack.example' });
  const stack = await environment({}, 'linux', access(here, { tool: own, grant: grant(3) }));
  assert.equal(stack.set.has('ARM_ENVIRONMENT'), false);
  assert.deepEqual(readdirSync(stack.set.get('AZURE_CONFIG_DIR') ?? ''), []);
});

test('PowerShell is given its own syntax on Windows', async (t) => {
  const here = scene(t);
  const { ps1 } = azureProfiles.places({ USERPROFILE: 'C:\\Users\\ann' }, 'win32');
  assert.equal(ps1, 'C:\\Users\\ann\\.azure\\jit');
  const path = await write({ ps1: join(here.home, 'w') }, entry(here), here.deps);
  assert.match(readFileSync(path, 'utf8'), new RegExp(`^\\$env:AZURE_CLIENT_ID = '${CLIENT}' # [0-9a-f]{12}$`, 'm'));
  assert.equal((await list({ ps1: join(here.home, 'w') })).length, 1);
});
