import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { kubernetesProfiles } from '../../../src/profiles/kubernetes/tool.ts';
import { makeCertificate } from '../../support/certificate.ts';
import { skipUnlessRoot } from '../../support/tools.ts';
import { refused } from '../../support/failure.ts';
import { entry, given, grant, NOW, PLAIN, scene, settings } from './scene.ts';

const { demandFree, extend, list, wipe, write } = kubernetesProfiles;
const read = (path: string): string => fs.readFileSync(path, 'utf8');

test('the first profile makes ~/.kube 0700 and config 0600, with no current context; wiping it removes the file again', async (t) => {
  const set = scene(t);
  assert.equal(await write(set.places, entry(set), set.deps), set.config);
  assert.equal(fs.statSync(join(set.home, '.kube')).mode & 0o777, 0o700);
  assert.equal(fs.statSync(set.config).mode & 0o777, 0o600);
  const text = read(set.config);
  assert.doesNotMatch(text, /current-context|token/);
  const args = `      - "/opt/jit/bin/jit"\n      - "credential"\n      - "${grant(1)}"\n      - "--format"\n      - "kubernetes"\n      - "--target"\n      - "cluster"\n`;
  const exec = `    exec:\n      apiVersion: "client.authentication.k8s.io/v1"\n      args:\n${args}      command: "/usr/bin/node"\n      interactiveMode: "Never"\n      provideClusterInfo: false\n`;
  assert.ok(text.includes(exec), text);
  // What a start of jit looks for without reading any YAML.
  assert.equal(text.match(/^ +ends: ["']?(\S{20,30}?)["']?\r?\n +grant: ["']?gr_[0-9a-z]{26}\b/gm)?.length, 3);
  const { wiped, conflicts, failed } = await wipe(set.places, () => true, set.deps);
  assert.deepEqual(
    [wiped.map(({ name, intact }) => [name, intact]), conflicts, failed],
    [[['jit-shop', 'intact']], [], []],
  );
  assert.deepEqual(fs.readdirSync(join(set.home, '.kube')), []);
});

test('what a hostile broker could send is refused before any file is touched, and nothing of it is cleaned', async (t) => {
  const set = scene(t);
  const attempt = async (tool: Parameters<typeof settings>[0], what: RegExp): Promise<void> =>
    await refused(write(set.places, entry(set, { tool: settings(tool) }), set.deps), 'ERR_CONFIG', what);
  for (const server of [
    '',
    'x',
    'http://k8s.example.com',
    'http://127.0.0.1.evil.com',
    'http://127.0.0.1:8001',
    'ftp://a',
    'https://u:p@a',
    'https://a/?x',
    'https://a/#x',
    'https://a\nexec:',
    'https://a b',
    'https://é',
    'https://a\u001b[2J',
    'https://a"',
    "https://a'",
    'file:///etc/passwd',
    'https://',
  ])
    await attempt({ server }, /server/);
  for (const namespace of ['', 'A', 'a/b', '..', 'a\nb', '-a', 'a-', 'x'.repeat(64), 'a b', '$(id)'])
    await attempt({ namespace }, /namespace/);
  for (const authority of [
    '',
    'x',
    '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
    '\u001b]52;c;x\u0007',
  ])
    await attempt({ authority }, /authority/);
  for (const target of ['', '-x', '--help', 'a b', 'a\nb', '../x', 'a/b', 'x'.repeat(65), '$(id)', 'ü'])
    await refused(write(set.places, entry(set, { target }), set.deps), 'ERR_CONFIG', /target/);
  for (const name of ['default', 'a b', 'x\ny', '../x', '-a', '"a', 'a: b', 'x#y'])
    await refused(write(set.places, entry(set, { name }), set.deps), 'ERR_PROFILE_NAME');
  for (const expiresAt of [NOW, 0, Number.NaN])
    await refused(write(set.places, entry(set, { expiresAt }), set.deps), 'ERR_GRANT_ENDED');
  for (const runtime of ['node', './node', '/a\nb', '/a\u2028b', '']) {
    await refused(
      write(set.places, entry(set, { command: { runtime, script: '/x' } }), set.deps),
      'ERR_LOCAL_FILE',
      /absolute/,
    );
  }
  const aws = { kind: 'aws', identity: 'issued', account: '1', region: 'x', endpoint: null } as const;
  await refused(write(set.places, entry(set, { tool: aws }), set.deps), 'ERR_TARGET');
  assert.deepEqual(fs.readdirSync(set.home), ['run']);
});

test('a cluster, context or user that jit did not make is never overwritten, in whichever file of the list it is', async (t) => {
  const set = scene(t);
  for (const own of [
    'clusters:\n- name: jit-shop\n',
    'users:\n- {name: "jit-shop"}\n',
    'contexts:\n  - context: {}\n    name: jit-shop\n',
  ]) {
    given(set.config, own);
    await refused(demandFree(set.places, 'jit-shop'), 'ERR_PROFILE_EXISTS', /not made by jit.*--profile/);
    await refused(write(set.places, entry(set), set.deps), 'ERR_PROFILE_EXISTS');
    assert.equal(read(set.config), own);
    const places = { kubeconfig: join(set.home, 'first'), kubeconfig2: set.config };
    given(places.kubeconfig, '');
    await refused(write(places, entry(set), set.deps), 'ERR_PROFILE_EXISTS');
    assert.equal(read(places.kubeconfig), '');
  }
});

test("jit's own profile is replaced; one that the user changed is theirs to take away first", async (t) => {
  const set = scene(t);
  given(set.config, PLAIN);
  await write(set.places, entry(set), set.deps);
  await write(
    set.places,
    entry(set, { grant: grant(2), tool: settings({ server: 'https://other.example.com' }) }),
    set.deps,
  );
  assert.doesNotMatch(read(set.config), new RegExp(`${grant(1)}|k8s.example`));
  assert.equal((await list(set.places)).length, 1);
  const text = read(set.config).replace(
    '    server: "https://other',
    '    proxy-url: socks5://localhost:1\n    server: "https://other',
  );
  given(set.config, text);
  assert.equal((await list(set.places))[0]?.intact, 'edited');
  await refused(
    write(set.places, entry(set, { grant: grant(3) }), set.deps),
    'ERR_PROFILE_EXISTS',
    /changed since jit made it/,
  );
  assert.equal(read(set.config), text);
  const { conflicts } = await wipe(set.places, () => true, set.deps);
  assert.deepEqual(
    conflicts.map(({ profile, kept }) => [profile.name, kept]),
    [['jit-shop', ['cluster.proxy-url']]],
  );
});

test('it is written where kubectl would: into the first file of KUBECONFIG that is there, else the last', async (t) => {
  const set = scene(t);
  const files = ['a', 'b', 'c'].map((name) => join(set.home, name));
  const places = kubernetesProfiles.places(
    { HOME: set.home, KUBECONFIG: `:${files.join(':')}:${files[0] ?? ''}` },
    'linux',
  );
  assert.deepEqual(Object.values(places), files);
  assert.equal(await write(places, entry(set), set.deps), files[2]);
  await wipe(places, () => true, set.deps);
  given(files[1] ?? '', PLAIN);
  assert.equal(await write(places, entry(set), set.deps), files[1]);
  assert.deepEqual(
    (await list(places)).map(({ file }) => file),
    [files[1]],
  );
  const many = kubernetesProfiles.places(
    { KUBECONFIG: Array.from({ length: 12 }, (_, n) => `/f${n}`).join(':') },
    'linux',
  );
  assert.deepEqual(Object.values(many).at(-1), '/f11');
  assert.deepEqual(kubernetesProfiles.places({ HOME: '/home/a' }, 'linux'), { kubeconfig: '/home/a/.kube/config' });
  const windows = kubernetesProfiles.places({ KUBECONFIG: 'C:\\a;D:\\b' }, 'win32');
  assert.deepEqual(Object.values(windows), ['C:\\a', 'D:\\b']);
  assert.throws(() => kubernetesProfiles.places({ HOME: '/home/a', KUBECONFIG: '/a:b' }, 'linux'), {
    code: 'ERR_LOCAL_FILE',
  });
});

test('a later end moves the end in the marks and not one other byte', async (t) => {
  const set = scene(t);
  given(set.config, `\ufeff${PLAIN.replaceAll('\n', '\r\n')}`);
  const before = read(set.config);
  await write(set.places, entry(set), set.deps);
  await write(set.places, entry(set, { name: 'other', grant: grant(2) }), set.deps);
  const written = read(set.config);
  const later = NOW + 3_600_000;
  await extend(set.places, grant(3), later, set.deps);
  await extend(set.places, grant(1), NOW, set.deps);
  assert.equal(read(set.config), written);
  await extend(set.places, grant(1), later, set.deps);
  const old = `ends: "${new Date(NOW + 120_000).toISOString()}"\r\n        grant: "${grant(1)}"`;
  assert.equal(read(set.config), written.replaceAll(old, old.replace('12:02', '13:00')));
  const ends = (await list(set.places)).map((each) => [each.name, each.expiresAt - NOW, each.intact]);
  assert.deepEqual(ends, [
    ['other', 120_000, 'intact'],
    ['jit-shop', 3_600_000, 'intact'],
  ]);
  await wipe(set.places, () => true, set.deps);
  assert.equal(read(set.config), before);
});

test('a current context that leads nowhere after a wipe is named, never changed', async (t) => {
  const set = scene(t);
  given(set.config, PLAIN);
  await write(set.places, entry(set), set.deps);
  given(set.config, read(set.config).replace('current-context: prod', 'current-context: jit-shop'));
  const { conflicts } = await wipe(set.places, () => true, set.deps);
  assert.deepEqual(
    conflicts.map(({ kept }) => kept),
    [['current-context']],
  );
  assert.equal(read(set.config), PLAIN.replace('current-context: prod', 'current-context: jit-shop'));
});

test('files that are not ours, or that cannot be read, neither stop a look nor are touched; one with marks in it is reported', async (t) => {
  const set = scene(t);
  await write(set.places, entry(set), set.deps);
  const broken = join(set.home, 'broken');
  given(broken, 'clusters:\n\t- x\n');
  const places = {
    kubeconfig: '/etc/passwd',
    kubeconfig2: broken,
    kubeconfig3: set.config,
    kubeconfig4: join(set.home, 'none'),
  };
  assert.deepEqual(
    (await list(places)).map(({ file }) => file),
    [set.config],
  );
  fs.appendFileSync(broken, read(set.config));
  await refused(list(places), 'ERR_LOCAL_FILE', /line 2 /);
  const { wiped, failed } = await wipe(places, () => true, set.deps);
  assert.deepEqual([wiped.map(({ file }) => file), failed.map(({ code }) => code)], [[set.config], ['ERR_LOCAL_FILE']]);
  given(set.config, Buffer.from('fffe', 'hex'));
  await refused(write(set.places, entry(set), set.deps), 'ERR_LOCAL_FILE', /UTF-8/);
});

test('wiping where nothing is, or nothing of ours, takes no lock and creates nothing', async (t) => {
  const set = scene(t);
  assert.deepEqual(await wipe(set.places, () => true, set.deps), { wiped: [], conflicts: [], failed: [] });
  given(set.config, PLAIN);
  await wipe(set.places, () => true, set.deps);
  assert.deepEqual(fs.readdirSync(set.home).toSorted(), ['.kube', 'run']);
});

test('an authority is in the file itself, as kubectl has it', async (t) => {
  const set = scene(t);
  const authority = read((await makeCertificate(set.home, 'ca')).cert);
  await write(set.places, entry(set, { tool: settings({ authority }) }), set.deps);
  const [, data = ''] = /certificate-authority-data: "([^"]+)"/.exec(read(set.config)) ?? [];
  assert.equal(Buffer.from(data, 'base64').toString(), authority);
});

test(
  'a file of another user is not looked into for profiles, but the names in it are in use',
  { skip: skipUnlessRoot() },
  async (t) => {
    const set = scene(t);
    await write(set.places, entry(set), set.deps);
    fs.chownSync(set.config, 65_534, 65_534);
    assert.deepEqual(await list(set.places), []);
    await refused(write(set.places, entry(set, { name: 'other' }), set.deps), 'ERR_LOCAL_FILE', /another user/);
    fs.writeFileSync(set.config, 'users:\n- name: other\n');
    await refused(demandFree(set.places, 'other'), 'ERR_PROFILE_EXISTS');
  },
);

test('an address may have a path or be an address of this machine', async (t) => {
  const set = scene(t);
  for (const server of [
    'https://rancher.example.com/k8s/clusters/c-1',
    'https://127.0.0.1:8001',
    'https://[::1]:6443',
  ]) {
    await write(set.places, entry(set, { tool: settings({ server, namespace: null }) }), set.deps);
    assert.ok(read(set.config).includes(`    server: "${server}"\n  name: "jit-shop"\n`));
    assert.doesNotMatch(read(set.config), /namespace/);
  }
});
