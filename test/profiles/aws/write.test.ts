import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Secret } from '../../../src/core/secret.ts';
import { listProfiles, wipeProfiles } from '../../../src/profiles/aws/wipe.ts';
import { writeProfile, writeStaticCredentials } from '../../../src/profiles/aws/write.ts';
import { mount, run } from '../../local/ground.ts';
import { skipUnless, skipUnlessRoot } from '../../support/tools.ts';
import { refused } from '../../support/failure.ts';
import { NOW, entry, given, grant, scene, staticEntry } from './scene.ts';

const read = (path: string): string => fs.readFileSync(path, 'utf8');

test('the first profile makes ~/.aws 0700 and config 0600; wiping it removes the file again, not the folder', async (t) => {
  const { home, files, deps } = scene(t);
  await writeProfile(files, entry({ endpointUrl: 'http://127.0.0.1:4566' }), deps);
  assert.equal(fs.statSync(join(home, '.aws')).mode & 0o777, 0o700);
  assert.equal(fs.statSync(files.config).mode & 0o777, 0o600);
  const [header, marker, ...lines] = read(files.config).split('\n');
  assert.equal(header, '[profile jit-reports]');
  assert.match(marker ?? '', new RegExp(`^# jit ${grant(1)} ends 2026-11-21T12:02:00.000Z, managed by jit `));
  assert.deepEqual(lines, [
    `credential_process = /usr/bin/node /opt/jit/bin/jit credential ${grant(1)} --format aws`,
    'region = eu-west-1',
    'endpoint_url = http://127.0.0.1:4566',
    '',
  ]);
  assert.deepEqual(fs.readdirSync(join(home, '.aws')), ['config']);
  const { wiped, conflicts, failed } = await wipeProfiles(files, () => true, deps);
  assert.deepEqual([wiped.length, conflicts, failed], [1, [], []]);
  assert.deepEqual(fs.readdirSync(join(home, '.aws')), []);
});

test(
  'the aws program reads the profile and every profile around it, and sets keys in each without harm',
  { skip: skipUnless('aws') },
  async (t) => {
    const { home, files, deps } = scene(t);
    given(
      files.config,
      '[default]\nregion = us-east-1\ns3 =\n  max_concurrent_requests = 20\n[profile mine]\noutput = json',
    );
    const env = { HOME: home, AWS_EC2_METADATA_DISABLED: 'true' };
    const aws = async (...args: string[]): Promise<string> =>
      (await run('aws', ['configure', ...args], env)).stdout.trim();
    await writeProfile(files, entry({ endpointUrl: 'http://127.0.0.1:4566' }), deps);
    assert.equal(await aws('get', 'region', '--profile', 'jit-reports'), 'eu-west-1');
    assert.equal(await aws('get', 'endpoint_url', '--profile', 'jit-reports'), 'http://127.0.0.1:4566');
    assert.equal(await aws('get', 'profile.mine.output'), 'json');
    assert.equal(await aws('get', 'default.s3.max_concurrent_requests'), '20');
    await aws('set', 'region', 'eu-north-1', '--profile', 'mine');
    await aws('set', 'region', 'eu-north-1', '--profile', 'behind');
    const { conflicts } = await wipeProfiles(files, () => true, deps);
    assert.deepEqual(conflicts, []);
    assert.equal(
      read(files.config),
      '[default]\nregion = us-east-1\ns3 =\n  max_concurrent_requests = 20\n[profile mine]\noutput = json\nregion = eu-north-1\n[profile behind]\nregion = eu-north-1\n'.replace(
        'json\nregion',
        'json\nregion',
      ),
    );
  },
);

test('a name that jit did not make is never overwritten, in whichever file it is', async (t) => {
  const { files, deps } = scene(t);
  const config = '[profile jit-reports]\nregion = x\n';
  given(files.config, config);
  await refused(writeProfile(files, entry(), deps), 'ERR_PROFILE_EXISTS', /not made by jit.*--profile/);
  await refused(writeStaticCredentials(files, staticEntry(), deps), 'ERR_PROFILE_EXISTS');
  assert.equal(read(files.config), config);
  assert.equal(fs.existsSync(files.credentials), false);
  given(files.config, '');
  given(files.credentials, '[jit-reports]\naws_access_key_id = A\n');
  await refused(writeProfile(files, entry(), deps), 'ERR_PROFILE_EXISTS', /credentials/);
  await refused(writeStaticCredentials(files, staticEntry(), deps), 'ERR_PROFILE_EXISTS');
  assert.equal(read(files.config), '');
  assert.equal(read(files.credentials), '[jit-reports]\naws_access_key_id = A\n');
});

test("jit's own profile is replaced in its place; a key that the user added stays, one that the user overrode wins", async (t) => {
  const { files, deps } = scene(t);
  await writeProfile(files, entry(), deps);
  fs.appendFileSync(files.config, 'output = json\n[profile behind]\nx = 1\n');
  fs.writeFileSync(files.config, read(files.config).replace('region = eu-west-1', 'region = eu-north-1'));
  await writeProfile(files, entry({ grant: grant(2), expiresAt: NOW + 999_000 }), deps);
  const text = read(files.config);
  assert.match(text, /region = eu-north-1\noutput = json\n\[profile behind\]\nx = 1\n$/);
  assert.doesNotMatch(text, /eu-west-1/);
  assert.match(text, new RegExp(`credential ${grant(2)} `));
  assert.doesNotMatch(text, new RegExp(grant(1)));
  assert.equal((text.match(/\[profile jit-reports\]/g) ?? []).length, 1);
  fs.writeFileSync(files.config, text.replace(/credential_process = .*/, 'credential_process = mine'));
  await refused(writeProfile(files, entry({ grant: grant(3) }), deps), 'ERR_PROFILE_EXISTS');
});

test('values that could leave their line or their meaning are refused before any file is touched', async (t) => {
  const { home, files, deps } = scene(t);
  for (const region of [
    'x\n[default]\ncredential_process=sh -c id',
    'eu-west-1\r',
    'eu\0',
    'eu\u0085',
    'eu\u2028',
    'eu west',
    '',
    'EU',
    'a#b',
  ]) {
    await refused(writeProfile(files, entry({ region }), deps), 'ERR_CONFIG', /region/);
  }
  for (const endpointUrl of [
    'http://example.com',
    'ftp://127.0.0.1',
    'https://a:b@c',
    'https://a b',
    'https://a\n',
    'x',
    '',
    'http://127.0.0.1.evil.com',
    'https://é',
  ]) {
    await refused(writeProfile(files, entry({ endpointUrl }), deps), 'ERR_CONFIG', /endpoint/);
  }
  for (const name of ['default', 'x\n[default]', '../x'])
    await refused(writeProfile(files, entry({ name }), deps), 'ERR_PROFILE_NAME');
  await refused(writeProfile(files, entry({ command: { runtime: '/a"b', script: '/x' } }), deps), 'ERR_LOCAL_FILE');
  for (const expiresAt of [NOW, 0, -1, Number.NaN, 1.5])
    await refused(writeProfile(files, entry({ expiresAt }), deps), 'ERR_GRANT_ENDED');
  for (const secretAccessKey of ['a\nb', 'a b', '', 'ü', 'a\r', '\u0085']) {
    const credential = new Secret({ accessKeyId: 'A', secretAccessKey, sessionToken: 'C' });
    await refused(writeStaticCredentials(files, staticEntry({ credential }), deps), 'ERR_BROKER_REPLY');
  }
  assert.deepEqual(fs.readdirSync(home), []);
});

test('a file that the aws program could not read is left alone, with the line and the manual step', async (t) => {
  const { files, deps } = scene(t);
  const half = '[default]\nregion = us-east-1\n[profile hal';
  given(files.config, half);
  await refused(writeProfile(files, entry(), deps), 'ERR_LOCAL_FILE', /line 3 .*repair line 3/);
  assert.equal(read(files.config), half);
});

test('static keys lie in a 0600 file with their end, the aws program uses them, and a file others can read is refused', async (t) => {
  const { home, files, deps } = scene(t);
  given(files.credentials, '[default]\naws_access_key_id = A\naws_secret_access_key = B\n', 0o644);
  fs.chmodSync(files.credentials, 0o644);
  await refused(writeStaticCredentials(files, staticEntry(), deps), 'ERR_LOCAL_FILE', /chmod 600/);
  assert.doesNotMatch(read(files.credentials), /abc/);
  fs.rmSync(files.credentials);
  await writeStaticCredentials(files, staticEntry(), deps);
  await writeProfile(files, entry(), deps);
  assert.equal(fs.statSync(files.credentials).mode & 0o777, 0o600);
  assert.match(
    read(files.credentials),
    /aws_session_token = tok\/\/en==\nx_security_token_expires = 2026-11-21T12:02:00Z\n$/,
  );
  const held = (await listProfiles(files)).map(({ name, holds, intact }) => [name, holds, intact]);
  assert.deepEqual(held, [
    ['jit-reports', 'static', 'intact'],
    ['jit-reports', 'process', 'intact'],
  ]);
  await t.test('aws', { skip: skipUnless('aws') }, async () => {
    const ended = await run('aws', ['configure', 'list', '--profile', 'jit-reports'], { HOME: home });
    assert.match(ended.stdout, /MPLE.*shared-credentials-file/);
  });
  await writeProfile(files, entry({ grant: grant(2) }), deps);
  assert.equal(fs.existsSync(files.credentials), false, 'keys of another grant would outrank credential_process');
});

test(
  'neither a symbolic link nor its mode is lost, and FIFO, device, second name and foreign owner are refused',
  { skip: skipUnlessRoot('mkfifo') },
  async (t) => {
    const { home, files, deps } = scene(t);
    given(join(home, 'dotfiles', 'aws'), '[default]\n', 0o644);
    fs.chmodSync(join(home, 'dotfiles', 'aws'), 0o644);
    fs.mkdirSync(join(home, '.aws'));
    fs.symlinkSync('../dotfiles/aws', files.config);
    await writeProfile(files, entry(), deps);
    assert.ok(fs.lstatSync(files.config).isSymbolicLink());
    assert.equal(fs.statSync(files.config).mode & 0o777, 0o644);
    await wipeProfiles(files, () => true, deps);
    assert.equal(read(join(home, 'dotfiles', 'aws')), '[default]\n');
    const odd: readonly (() => unknown)[] = [
      () => spawnSync('mkfifo', [files.config]),
      () => fs.symlinkSync('/dev/null', files.config),
      () => (given(join(home, 'a'), ''), fs.linkSync(join(home, 'a'), files.config)),
      () => (given(files.config, ''), fs.chownSync(files.config, 65_534, 65_534)),
      () => fs.mkdirSync(files.config),
    ];
    for (const make of odd) {
      fs.rmSync(files.config, { force: true, recursive: true });
      make();
      const before = fs.lstatSync(files.config);
      await refused(writeProfile(files, entry(), deps), 'ERR_LOCAL_FILE');
      await refused(
        listProfiles(files).then(() => writeProfile(files, entry(), deps)),
        'ERR_LOCAL_FILE',
      );
      assert.equal(fs.lstatSync(files.config).ino, before.ino);
    }
  },
);

test(
  'on a full disk the config stays as it was and a later wipe reports what it could not do',
  { skip: skipUnlessRoot('mount') },
  async (t) => {
    const { home, files, deps } = scene(t);
    fs.mkdirSync(join(home, '.aws'), { mode: 0o700 });
    const skipped = mount(join(home, '.aws'), '-t', 'tmpfs', '-o', 'size=64k,mode=700', 'tmpfs');
    if (skipped !== null) return t.skip(skipped);
    given(files.config, `[default]\n# ${'x'.repeat(33_000)}\n`);
    const before = read(files.config);
    await refused(writeProfile(files, entry(), deps), 'ERR_LOCAL_FILE', /no space.*free some/);
    assert.equal(read(files.config), before);
    assert.deepEqual(fs.readdirSync(join(home, '.aws')), ['config']);
    fs.writeFileSync(files.config, '[default]\n');
    await writeProfile(files, entry(), deps);
    spawnSync('mount', ['-o', 'remount,ro', join(home, '.aws')]);
    const { wiped, failed } = await wipeProfiles(files, () => true, deps);
    assert.deepEqual([wiped, failed.map(({ code }) => code)], [[], ['ERR_LOCAL_FILE']]);
    spawnSync('mount', ['-o', 'remount,rw', join(home, '.aws')]);
    assert.equal((await wipeProfiles(files, () => true, deps)).wiped.length, 1);
    assert.equal(read(files.config), '[default]\n');
  },
);
