import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { JitError } from '../../../src/core/errors.ts';
import { sweepExpiredFiles } from '../../../src/local/secret-files.ts';
import { readOwn, render, withEnd, withoutOwn } from '../../../src/profiles/gcp/configuration.ts';
import { gcloudPlaces } from '../../../src/profiles/gcp/places.ts';
import { gcloudProfiles } from '../../../src/profiles/gcp/tool.ts';
import { refused } from '../../support/failure.ts';
import { NOW, TOKEN, access, entry, given, grant, scene, settings } from './scene.ts';

const { demandFree, environment, extend, list, wipe, write } = gcloudProfiles;
const read = (path: string): string => fs.readFileSync(path, 'utf8');

test('a configuration is a file of its own, 0600, with nothing secret in it; wiping removes it again', async (t) => {
  const set = scene(t);
  const wanted = entry(set);
  const path = await write(set.places, wanted, set.deps);
  assert.equal(path, set.file('jit-reports'));
  assert.equal(fs.statSync(path).mode & 0o777, 0o600);
  assert.match(
    read(path),
    new RegExp(
      `^\\[core\\]\nproject = acme-web-prod\n\n\\[auth\\]\naccess_token_file = ${wanted.secretFile}\n\n` +
        `\\[jit\\]\ngrant = ${grant(1)}\nends = 2026-11-21T12:02:00.000Z\nwrote = [0-9a-f]{12} [0-9a-f]{12}\n$`,
    ),
  );
  const [found] = await list(set.places);
  assert.deepEqual(found, {
    tool: 'gcp',
    name: 'jit-reports',
    grant: grant(1),
    expiresAt: NOW + 120_000,
    file: path,
    holds: 'process',
    intact: 'intact',
  });
  const { wiped, conflicts, failed } = await wipe(set.places, () => true, set.deps);
  assert.deepEqual([wiped.map(({ name }) => name), conflicts, failed], [['jit-reports'], [], []]);
  assert.deepEqual(fs.readdirSync(join(set.folder, 'configurations')), []);
  assert.deepEqual((await wipe(set.places, () => true, set.deps)).wiped, []);
});

test('a configuration that jit did not make, or that somebody has changed, is never overwritten', async (t) => {
  const set = scene(t);
  given(set.file('jit-reports'), '[core]\naccount = ann@example.com\n');
  await refused(demandFree(set.places, 'jit-reports'), 'ERR_PROFILE_EXISTS', /not made by jit.*--profile/);
  await refused(write(set.places, entry(set), set.deps), 'ERR_PROFILE_EXISTS');
  assert.equal(read(set.file('jit-reports')), '[core]\naccount = ann@example.com\n');
  fs.rmSync(set.file('jit-reports'));
  await write(set.places, entry(set), set.deps);
  await demandFree(set.places, 'jit-reports');
  await write(set.places, entry(set, { grant: grant(2), tool: settings({ project: 'acme-web-test' }) }), set.deps);
  assert.match(read(set.file('jit-reports')), /acme-web-test/);
  assert.doesNotMatch(read(set.file('jit-reports')), new RegExp(grant(1)));
  fs.appendFileSync(set.file('jit-reports'), '\n[compute]\nzone = europe-west1-b\n');
  await refused(write(set.places, entry(set, { grant: grant(3) }), set.deps), 'ERR_PROFILE_EXISTS', /was changed/);
});

test('wiping leaves what somebody has added or changed, and says what', async (t) => {
  const set = scene(t);
  await write(set.places, entry(set), set.deps);
  const path = set.file('jit-reports');
  fs.writeFileSync(
    path,
    read(path).replace('project = acme-web-prod', 'project = mine-now\naccount = ann@example.com'),
  );
  fs.appendFileSync(path, '\n# mine\n[compute]\nzone = europe-west1-b\n');
  const [found] = await list(set.places);
  assert.equal(found?.intact, 'edited');
  const { wiped, conflicts } = await wipe(set.places, () => true, set.deps);
  assert.equal(wiped.length, 1);
  assert.deepEqual(conflicts[0]?.kept, ['core/project', 'core/account', 'compute/zone']);
  assert.equal(
    read(path),
    '[core]\nproject = mine-now\naccount = ann@example.com\n\n\n# mine\n[compute]\nzone = europe-west1-b\n',
  );
  assert.deepEqual(await list(set.places), []);
});

test('only what was chosen is wiped, and other files are not looked into', async (t) => {
  const set = scene(t);
  const foreign = '[core]\nproject = jit\n[jit]\ngrant = mine\n';
  given(set.file('default'), foreign);
  given(join(set.folder, 'configurations', 'notes'), '[jit]');
  await write(set.places, entry(set), set.deps);
  await write(set.places, entry(set, { name: 'jit-other', grant: grant(2) }), set.deps);
  await wipe(set.places, (profile) => profile.grant === grant(2), set.deps);
  assert.deepEqual(fs.readdirSync(join(set.folder, 'configurations')).toSorted(), [
    'config_default',
    'config_jit-reports',
    'notes',
  ]);
  assert.equal(read(set.file('default')), foreign);
});

test('an end is moved, and nothing else', async (t) => {
  const set = scene(t);
  await write(set.places, entry(set), set.deps);
  const before = read(set.file('jit-reports'));
  await extend(set.places, grant(2), NOW + 600_000, set.deps);
  assert.equal(read(set.file('jit-reports')), before);
  await extend(set.places, grant(1), NOW + 600_000, set.deps);
  assert.equal(read(set.file('jit-reports')), before.replace('12:02:00', '12:10:00'));
  await extend(set.places, grant(1), NOW + 300_000, set.deps);
  const [found] = await list(set.places);
  assert.deepEqual([found?.expiresAt, found?.intact], [NOW + 600_000, 'intact']);
});

test('what a hostile broker could send is refused before any file is touched, and nothing of it is cleaned', async (t) => {
  const set = scene(t);
  const attempt = async (change: Parameters<typeof settings>[0], what: RegExp): Promise<void> =>
    await refused(write(set.places, entry(set, { tool: settings(change) }), set.deps), 'ERR_CONFIG', what);
  for (const project of [
    '',
    'a',
    'Acme',
    'acme web',
    'acme\naccount = x',
    'acme-web-',
    'x'.repeat(31),
    '[core]',
    'acme%web',
  ])
    await attempt({ project }, /project/);
  for (const endpoint of [
    'http://evil.example',
    'https://a:b@x.example',
    'https://x.example/',
    'https://x.example/y',
    'file:///x',
    'https://x.example\n',
    '',
  ])
    await attempt({ endpoint }, /endpoint/);
  for (const name of ['default', 'Jit', '1jit', 'jit_x', 'jit.x', 'NONE', 'a/b', '../x', 'x\n']) {
    await refused(write(set.places, entry(set, { name }), set.deps), 'ERR_PROFILE_NAME');
    await refused(demandFree(set.places, name), 'ERR_PROFILE_NAME');
  }
  for (const expiresAt of [NOW, 0, Number.NaN])
    await refused(write(set.places, entry(set, { expiresAt }), set.deps), 'ERR_GRANT_ENDED');
  for (const secretFile of ['relative', '/a\nb', '/a%(project)s', '/a ']) {
    await refused(write(set.places, entry(set, { secretFile }), set.deps), 'ERR_LOCAL_FILE', /XDG_RUNTIME_DIR/);
  }
  const aws = { kind: 'aws', identity: 'issued', account: '1', region: 'x', endpoint: null } as const;
  await refused(write(set.places, entry(set, { tool: aws }), set.deps), 'ERR_TARGET');
  assert.deepEqual(fs.readdirSync(set.home), ['run']);
});

test('configurations are looked for where gcloud looks', () => {
  const at = (env: Record<string, string>, platform: NodeJS.Platform = 'linux'): string =>
    gcloudPlaces(env, platform)['configurations'] ?? '';
  assert.equal(at({ HOME: '/home/ann' }), '/home/ann/.config/gcloud/configurations');
  assert.equal(at({ HOME: '/home/ann', XDG_CONFIG_HOME: '/x' }), '/home/ann/.config/gcloud/configurations');
  assert.equal(at({ HOME: '/home/ann', CLOUDSDK_CONFIG: '/c' }), '/c/configurations');
  assert.equal(at({ HOME: '/home/ann', CLOUDSDK_CONFIG: '' }), '/home/ann/.config/gcloud/configurations');
  assert.throws(() => at({ HOME: '/home/ann', CLOUDSDK_CONFIG: 'c' }), JitError);
  assert.throws(() => at({}), JitError);
});

test('whatever somebody has in a configuration, removing jit’s part gives it back', () => {
  const word = fc.stringMatching(/^[a-z_]{1,6}$/);
  const line = fc.oneof(
    word.map((name) => `[${name}]`),
    fc.tuple(word, fc.constantFrom(' = ', '=', ': '), fc.stringMatching(/^[!-~]{0,8}$/)).map((parts) => parts.join('')),
    fc.constantFrom('# note', '; note', '', '  more', 'loose'),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 10 }), (lines) => {
      const own = render([['core', 'project', 'acme-web-prod']], { grant: grant(1), expiresAt: NOW });
      assert.equal(withoutOwn(own), null);
      const theirs = `[mine]\nkey = value\n${lines
        .filter((text) => text !== '[jit]' && text !== '[core]')
        .map((text) => `${text}\n`)
        .join('')}`;
      const text = `${theirs}${own}`;
      assert.equal(withoutOwn(text)?.includes('[jit]'), false);
      assert.equal(withoutOwn(text)?.includes('key = value'), true);
      assert.equal(readOwn(text)?.intact, 'edited');
      assert.equal(withEnd(withEnd(text, NOW + 5), NOW), text);
      assert.equal(readOwn(theirs), null);
    }),
  );
});

test('a command finds the grant, and none of what was there before', async (t) => {
  const set = scene(t);
  given(set.file('default'), '[core]\naccount = ann@example.com\n');
  const env = {
    HOME: set.home,
    PATH: '/usr/bin',
    CLOUDSDK_AUTH_ACCESS_TOKEN: 'x',
    CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT: 'x',
    CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE: 'x',
    CLOUDSDK_CORE_ACCOUNT: 'ann@example.com',
    CLOUDSDK_CORE_PROJECT: 'mine',
    CLOUDSDK_ACTIVE_CONFIG_NAME: 'x',
    CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE: 'https://evil.example/',
    CLOUDSDK_COMPUTE_ZONE: 'europe-west1-b',
    GOOGLE_APPLICATION_CREDENTIALS: '/x',
    GOOGLE_CREDENTIALS: '{}',
    GOOGLE_OAUTH_ACCESS_TOKEN: 'x',
    GOOGLE_IMPERSONATE_SERVICE_ACCOUNT: 'x',
    GCE_METADATA_HOST: 'x',
    GCLOUD_PROJECT: 'mine',
  };
  const wanted = access(set);
  const { set: made, removed, hidden } = await environment(env, 'linux', wanted);
  assert.deepEqual(Object.fromEntries(made), {
    CLOUDSDK_CONFIG: `${wanted.secretFile}.gcloud/config`,
    CLOUDSDK_AUTH_ACCESS_TOKEN_FILE: wanted.secretFile,
    CLOUDSDK_CORE_PROJECT: 'acme-web-prod',
    GOOGLE_CLOUD_PROJECT: 'acme-web-prod',
    GOOGLE_APPLICATION_CREDENTIALS: `${wanted.secretFile}.adc.json`,
  });
  assert.deepEqual(removed, [
    'CLOUDSDK_ACTIVE_CONFIG_NAME',
    'CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE',
    'CLOUDSDK_AUTH_ACCESS_TOKEN',
    'CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE',
    'CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT',
    'CLOUDSDK_CORE_ACCOUNT',
    'GCE_METADATA_HOST',
    'GCLOUD_PROJECT',
    'GOOGLE_CREDENTIALS',
    'GOOGLE_IMPERSONATE_SERVICE_ACCOUNT',
    'GOOGLE_OAUTH_ACCESS_TOKEN',
  ]);
  assert.deepEqual(hidden, [set.folder]);
  assert.equal(fs.statSync(`${wanted.secretFile}.gcloud/config`).mode & 0o777, 0o700);
});

test('a key for gsutil in the user’s own file is out of sight, and a file without one stays', async (t) => {
  const set = scene(t);
  const seen = async (): Promise<readonly unknown[]> => {
    const { set: made, hidden } = await environment({ HOME: set.home }, 'linux', access(set));
    return [made.get('BOTO_CONFIG'), hidden];
  };
  given(join(set.home, '.boto'), '[Boto]\nhttps_validate_certificates = True\n');
  assert.deepEqual(await seen(), [undefined, []]);
  given(join(set.home, '.boto'), '[Credentials]\ngs_oauth2_refresh_token = x\n');
  assert.deepEqual(await seen(), ['/dev/null', [join(set.home, '.boto')]]);
});

test('the credentials of Google’s libraries are a file, 0600, that leads to the keeper with the token of the grant', async (t) => {
  const set = scene(t);
  const wanted = access(set);
  await environment({ HOME: set.home }, 'linux', wanted);
  const path = `${wanted.secretFile}.adc.json`;
  const { type, token_url, refresh_token } = JSON.parse(read(path));
  assert.deepEqual(
    [type, token_url, refresh_token],
    ['external_account_authorized_user', `${wanted.endpoint.url}/token`, TOKEN],
  );
  assert.equal(fs.statSync(path).mode & 0o777, 0o600);
});

test('without the keeper’s token, or with anything else in its place, there is no command', async (t) => {
  const set = scene(t);
  const wanted = access(set);
  for (const content of ['', 'two words', 'x'.repeat(1_000), '"']) {
    fs.writeFileSync(wanted.endpoint.tokenFile, content);
    await refused(environment({ HOME: set.home }, 'linux', wanted), 'ERR_LOCAL_FILE');
  }
  fs.rmSync(wanted.endpoint.tokenFile);
  await refused(environment({ HOME: set.home }, 'linux', wanted), 'ERR_LOCAL_FILE', /not there.*jit status/);
  assert.equal(fs.existsSync(`${wanted.secretFile}.adc.json`), false);
});

test('the token of the grant goes through no proxy, and without one the user’s settings stay', async (t) => {
  const set = scene(t);
  const seen = async (env: Record<string, string>): Promise<readonly unknown[]> => {
    const { set: made } = await environment({ HOME: set.home, ...env }, 'linux', access(set));
    return [made.get('NO_PROXY'), made.get('no_proxy')];
  };
  assert.deepEqual(await seen({ NO_PROXY: 'intranet' }), [undefined, undefined]);
  assert.deepEqual(await seen({ http_proxy: 'http://proxy:3128' }), ['127.0.0.1', '127.0.0.1']);
  const both = ['intranet,127.0.0.1', 'intranet,127.0.0.1'];
  assert.deepEqual(await seen({ HTTP_PROXY: 'http://proxy:3128', no_proxy: 'intranet' }), both);
  assert.deepEqual(await seen({ HTTP_PROXY: 'http://proxy:3128', NO_PROXY: '*' }), ['*', '*']);
});

test('what a grant’s command had goes when it has ended, whatever gcloud wrote into its folder, and not before', async (t) => {
  const set = scene(t);
  const wanted = access(set);
  await environment({ HOME: set.home }, 'linux', wanted);
  given(`${wanted.secretFile}.gcloud/config/logs/x.log`, 'x');
  await sweepExpiredFiles(set.run, wanted.expiresAt - 1);
  assert.equal(fs.readdirSync(set.run).length, 2);
  await sweepExpiredFiles(set.run, wanted.expiresAt);
  assert.deepEqual(fs.readdirSync(set.run), []);
});

test('where the access is the user’s own, their sign-in stays, and their token is sent nowhere else', async (t) => {
  const set = scene(t);
  const tool = settings({ identity: 'own', endpoint: 'https://gcp.example' });
  const env = { HOME: set.home, CLOUDSDK_CORE_ACCOUNT: 'ann@example.com', GOOGLE_APPLICATION_CREDENTIALS: '/x' };
  const { set: made, removed, hidden } = await environment(env, 'linux', access(set, { tool }));
  assert.deepEqual(Object.fromEntries(made), {
    CLOUDSDK_CORE_PROJECT: 'acme-web-prod',
    GOOGLE_CLOUD_PROJECT: 'acme-web-prod',
  });
  assert.deepEqual([removed, hidden, fs.readdirSync(set.run)], [[], [], []]);
});
