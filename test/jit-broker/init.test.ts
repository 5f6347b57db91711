/**
 * `jit-broker init` with real files, and what it wrote served by the real program.
 * @module
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseBrokerConfig } from '../../src/broker/config/config.ts';
import { STARTER_POLICY } from '../../src/jit-broker/init-policy.ts';
import { loadPolicies } from '../../src/policy/load.ts';
import { makeCertificate } from '../support/certificate.ts';
import { eventually } from '../support/eventually.ts';
import { tempHome } from '../support/home.ts';
import { freePort } from '../support/port.ts';
import { run } from '../support/run.ts';
import { skipUnless } from '../support/tools.ts';
import { broker, get, LAUNCHER, serve } from './program.ts';

const ISSUER = 'https://jit.example.com';
const IDP = ['--idp-issuer', 'https://idp.example.com', '--client-id', 'jit'];
const PROXIED = ['--issuer', ISSUER, ...IDP, '--behind-proxy'];
const WRITTEN = ['broker.yaml', 'jit-broker.service', 'policies'];

test('behind a proxy: what init wrote is served as it is, by the host name of its issuer', async (t) => {
  const home = tempHome(t);
  const port = await freePort();
  const ended = await broker(home, 'init', 'jit', ...PROXIED, '--port', String(port));
  assert.equal(ended.status, 0, ended.stderr);
  assert.match(ended.stdout, /redirect URI http:\/\/127\.0\.0\.1\/callback/);
  assert.match(ended.stdout, /PKCE/);
  assert.match(ended.stdout, /jit login https:\/\/jit\.example\.com/);
  const folder = join(home.path, 'jit');
  const [, args = ''] = /jit-broker serve (--config .*)/.exec(ended.stdout) ?? [];
  assert.equal(args, `--config ${folder}/broker.yaml --state ${folder}/state`);
  await serve(t, home, args.split(' '));
  assert.equal(JSON.parse((await get(port, '/healthz', 'jit.example.com')).body).status, 'ok');
  const discovery = JSON.parse((await get(port, '/.well-known/openid-configuration', 'jit.example.com')).body);
  assert.equal(discovery.issuer, ISSUER);
  assert.equal(discovery.jwks_uri, `${ISSUER}/.well-known/jwks.json`);
  assert.equal(JSON.parse((await get(port, '/.well-known/jwks.json', 'jit.example.com')).body).keys.length, 1);
  const signIn = JSON.parse((await get(port, '/v1/sign-in', 'jit.example.com')).body);
  assert.equal(signIn.audience, ISSUER);
  assert.equal(signIn.providers.length, 1);
  assert.equal(signIn.providers[0].name, 'people');
  assert.equal(signIn.providers[0].issuer, 'https://idp.example.com');
  for (const host of ['evil.example', 'jit.example.com.evil.example', 'idp.example.com']) {
    assert.equal((await get(port, '/healthz', host)).status, 400, host);
  }
});

test(
  'with TLS: what init wrote is served with that certificate, and a rotation shows in the key set',
  {
    skip: skipUnless('openssl'),
  },
  async (t) => {
    const home = tempHome(t);
    const port = await freePort();
    const { cert, key } = await makeCertificate(home.path, 'broker', { days: 5 });
    const ca = readFileSync(cert);
    const issuer = `https://localhost:${port}`;
    const flags = ['--issuer', issuer, ...IDP, '--tls-cert', cert, '--tls-key', key, '--host', '127.0.0.1'];
    assert.equal((await broker(home, 'init', 'jit', ...flags)).status, 0);
    const args = ['--config', 'jit/broker.yaml', '--state', 'jit/state'];
    const { log } = await serve(t, home, args);
    assert.match(log(), /the TLS certificate ends in 4 days/);
    assert.equal((await get(port, '/healthz', `localhost:${port}`, ca)).status, 200);
    assert.equal((await get(port, '/healthz', `127.0.0.1:${port}`, ca)).status, 400);
    const discovery = await get(port, '/.well-known/openid-configuration', `localhost:${port}`, ca);
    assert.equal(JSON.parse(discovery.body).jwks_uri, `${issuer}/.well-known/jwks.json`);
    await assert.rejects(get(port, '/healthz', `localhost:${port}`));
    assert.equal((await broker(home, 'keys', 'rotate', ...args)).status, 0);
    await eventually(async () => {
      const { body } = await get(port, '/.well-known/jwks.json', `localhost:${port}`, ca);
      return JSON.parse(body).keys.length === 2;
    });
  },
);

test(
  'a certificate that does not fit stops the broker with the names of both files',
  {
    skip: skipUnless('openssl'),
  },
  async (t) => {
    const home = tempHome(t);
    const { cert } = await makeCertificate(home.path, 'one');
    const { key } = await makeCertificate(home.path, 'two');
    const flags = ['--issuer', ISSUER, ...IDP, '--tls-cert', cert, '--tls-key', key, '--host', '127.0.0.1'];
    const made = await broker(home, 'init', 'jit', ...flags, '--port', String(await freePort()));
    assert.match(made.stderr, /the broker will not start like this: .*two\.key/);
    const ended = await broker(home, 'serve', '--config', 'jit/broker.yaml', '--state', 'jit/state');
    assert.equal(ended.status, 2);
    assert.match(ended.stderr, /two\.key: this private key does not belong to the certificate .*one\.crt/);
  },
);

test('an address that is taken stops the broker, although it has opened everything else', async (t) => {
  const home = tempHome(t);
  const taken = createServer().listen(0, '127.0.0.1');
  t.after(() => taken.close());
  await once(taken, 'listening');
  const address = taken.address();
  assert.ok(address !== null && typeof address === 'object');
  const made = await broker(home, 'init', 'jit', ...PROXIED, '--port', String(address.port));
  assert.equal(made.status, 0);
  const ended = await broker(home, 'serve', '--config', 'jit/broker.yaml', '--state', 'jit/state');
  assert.equal(ended.status, 2);
  assert.match(ended.stderr, /cannot listen on 127\.0\.0\.1/);
});

test('files are for their owner alone', async (t) => {
  const home = tempHome(t);
  const script = `umask 0; exec "$0" "$1" init jit ${PROXIED.join(' ')}`;
  const ended = await run('sh', ['-c', script, process.execPath, LAUNCHER], { env: home.env, cwd: home.path });
  assert.equal(ended.status, 0, ended.stderr);
  const mode = (...path: string[]): number => statSync(join(home.path, 'jit', ...path)).mode & 0o777;
  assert.deepEqual([mode(), mode('policies')], [0o700, 0o700]);
  assert.deepEqual(
    [mode('broker.yaml'), mode('policies', 'start.cedar'), mode('jit-broker.service')],
    [0o600, 0o600, 0o600],
  );
});

test('without a terminal each missing flag is named, and nothing is written', async (t) => {
  const home = tempHome(t);
  const cases: readonly (readonly [args: readonly string[], hint: RegExp])[] = [
    [[], /add: --issuer \S+ --idp-issuer \S+ --client-id \S+ --behind-proxy/],
    [['--issuer', ISSUER, '--behind-proxy'], /add: --idp-issuer \S+ --client-id CLIENT$/m],
    [['--issuer', ISSUER, ...IDP], /add: --behind-proxy \(or --tls-cert FILE --tls-key FILE\)$/m],
    [['--issuer', ISSUER, ...IDP, '--tls-cert', 'x'], /add: --tls-key FILE$/m],
    [['--issuer', ISSUER, ...IDP, '--tls-key', 'x'], /add: --tls-cert FILE$/m],
  ];
  const before = readdirSync(home.path);
  for (const [args, hint] of cases) {
    const ended = await broker(home, 'init', 'jit', ...args);
    assert.equal(ended.status, 2);
    assert.match(ended.stderr, hint);
    assert.equal(ended.stdout, '');
  }
  const json = await broker(home, 'init', 'jit', '--json');
  assert.equal(json.status, 2);
  const { schema, code, exit } = JSON.parse(json.stdout);
  assert.deepEqual([schema, code, exit, json.stderr], ['jit.error/v1', 'ERR_MISSING_INPUT', 2, '']);
  assert.deepEqual(readdirSync(home.path), before);
});

test('values that a broker would refuse are refused before anything is written', async (t) => {
  const home = tempHome(t);
  const before = readdirSync(home.path);
  const cases: readonly (readonly [args: readonly string[], message: RegExp])[] = [
    [['--issuer', 'http://jit.example.com', ...IDP, '--behind-proxy'], /issuer: an https URL/],
    [['--issuer', 'https://jit.example.com/', ...IDP, '--behind-proxy'], /issuer: an https URL/],
    [['--issuer', ISSUER, '--idp-issuer', 'nonsense', '--client-id', 'x', '--behind-proxy'], /identity\.people/],
    [[...PROXIED, '--host', '0.0.0.0'], /listen\.host: only a loopback address/],
    [[...PROXIED, '--port', '70000'], /--port/],
    [[...PROXIED, '--tls-cert', 'x', '--tls-key', 'y'], /--behind-proxy and --tls-cert/],
    [['--issuer', 'https://a"\n: b', ...IDP, '--behind-proxy'], /issuer: an https URL/],
  ];
  for (const [args, message] of cases) {
    const ended = await broker(home, 'init', 'jit', ...args);
    assert.equal(ended.status, 2, ended.stdout);
    assert.match(ended.stderr, message);
  }
  assert.deepEqual(readdirSync(home.path), before);
});

test('what is there already is named and stays as it is, and nothing is added beside it', async (t) => {
  const home = tempHome(t);
  const folder = join(home.path, 'jit');
  mkdirSync(folder, { mode: 0o700 });
  for (const name of WRITTEN) {
    writeFileSync(join(folder, name), 'mine');
    const ended = await broker(home, 'init', 'jit', ...PROXIED);
    assert.equal(ended.status, 2);
    assert.ok(ended.stderr.includes(`${join(folder, name)} is there already`), ended.stderr);
    assert.deepEqual(readdirSync(folder), [name]);
    assert.equal(readFileSync(join(folder, name), 'utf8'), 'mine');
    rmSync(join(folder, name));
  }
  symlinkSync('/nowhere', join(folder, 'broker.yaml'));
  assert.equal((await broker(home, 'init', 'jit', ...PROXIED)).status, 2);
});

test('a folder with other files in it is used, one that others can write to is not', async (t) => {
  const home = tempHome(t);
  const folder = join(home.path, 'jit');
  mkdirSync(join(folder, 'tls'), { recursive: true });
  chmodSync(folder, 0o777);
  const open = await broker(home, 'init', 'jit', ...PROXIED);
  assert.equal(open.status, 11);
  assert.match(open.stderr, /others can write to it\nhint: close it with: chmod go-w/);
  assert.deepEqual(readdirSync(folder), ['tls']);
  chmodSync(folder, 0o755);
  assert.equal((await broker(home, 'init', 'jit', ...PROXIED)).status, 0);
  assert.deepEqual(readdirSync(folder), [...WRITTEN, 'tls']);
});

test(
  'where the disk is full at any write, nothing is left behind (real process, strace)',
  {
    skip: skipUnless('strace'),
  },
  async (t) => {
    const home = tempHome(t);
    // With one thread for files, their calls come in one order; and Node makes none of its own.
    const env = { ...home.env, UV_THREADPOOL_SIZE: '1', NODE_DISABLE_COMPILE_CACHE: '1' };
    const folder = join(home.path, 'jit');
    for (const present of ['absent', 'present'] as const) {
      if (present === 'present') mkdirSync(folder, { mode: 0o700 });
      for (const fault of ['fsync:error=ENOSPC:when=2', 'mkdir:error=ENOSPC:when=2', 'rename:error=EIO:when=1']) {
        const before = readdirSync(home.path);
        const trace = ['-f', '-o', '/dev/null', '-e', `trace=${fault.split(':')[0]}`, '-e', `inject=${fault}`];
        const command = [process.execPath, LAUNCHER, 'init', 'jit', ...PROXIED];
        const ended = await run('strace', [...trace, ...command], { env, cwd: home.path });
        assert.equal(ended.status, 11, `${fault}: ${ended.stderr}${ended.stdout}`);
        assert.deepEqual(readdirSync(home.path), before);
        if (present === 'present') assert.deepEqual(readdirSync(folder), []);
        else assert.ok(!existsSync(folder));
      }
    }
  },
);

test('every example in the configuration is right once its # is taken away', async (t) => {
  const home = tempHome(t);
  assert.equal((await broker(home, 'init', 'jit', ...PROXIED)).status, 0);
  const yaml = readFileSync(join(home.path, 'jit', 'broker.yaml'), 'utf8');
  const config = parseBrokerConfig(yaml.replaceAll(/^#(?=\w| {2})/gm, ''), 'broker.yaml');
  assert.deepEqual(
    [...config.identity.values()].map(({ type }) => type),
    ['oidc', 'github', 'gitlab', 'kubernetes', 'spiffe', 'aws', 'azure', 'google'],
  );
  assert.deepEqual(
    [...config.notify.values()].map(({ type }) => type),
    ['slack', 'teams', 'webhook', 'email'],
  );
  assert.deepEqual([...config.targets.keys()], ['staging']);
  assert.deepEqual([...config.operations.keys()], ['deploy-web']);
  const one = parseBrokerConfig(yaml, 'broker.yaml');
  assert.deepEqual([...one.identity.keys()], ['people']);
  assert.equal(one.notify.size, 0);
  assert.deepEqual(one.sessions, parseBrokerConfig('', 'empty').sessions, 'the times shown are the usual ones');
});

test('the first policy is right as it is, and with its example', async () => {
  await loadPolicies({ sources: [{ name: 'start.cedar', text: STARTER_POLICY }] });
  const example = STARTER_POLICY.replaceAll(/^\/\/ (?=@|permit|when)/gm, '');
  assert.match(example, /^@tier\("manual"\)/m);
  await loadPolicies({ sources: [{ name: 'start.cedar', text: example }] });
});

test('systemd accepts the unit, whatever the folder is called', { skip: skipUnless('systemd-analyze') }, async (t) => {
  const home = tempHome(t);
  for (const folder of ['jit', 'a b$c%d"e']) {
    assert.equal((await broker(home, 'init', folder, ...PROXIED)).status, 0);
    const unit = join(home.path, folder, 'jit-broker.service');
    const named = join(home.path, `${folder === 'jit' ? 'one' : 'two'}.service`);
    writeFileSync(named, readFileSync(unit, 'utf8').replace(/^User=.*/m, 'User=root'));
    const ended = await run('systemd-analyze', ['verify', '--man=no', named], { env: home.env });
    assert.ok(!ended.stderr.includes(named), ended.stderr);
    assert.equal(ended.status, 0, ended.stderr);
  }
});

test('the help of every command has examples', async (t) => {
  const home = tempHome(t);
  for (const command of [[], ['serve'], ['init'], ['init', 'aws'], ['keys'], ['keys', 'rotate'], ['openapi']]) {
    const ended = await broker(home, ...command, '--help');
    assert.equal(ended.status, 0);
    assert.match(ended.stdout, /examples:\n {2}jit-broker /);
  }
});
