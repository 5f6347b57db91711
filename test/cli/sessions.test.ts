/**
 * Sessions of real users and jobs at a real shared broker, each command a process of its own.
 * @module
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { processesOf, tempHome } from '../support/home.ts';
import { skipUnless } from '../support/tools.ts';
import { company, loggedIn, succeeded, user } from './shared.ts';

const skip = skipUnless('openssl');
const ACCOUNTS = { ada: { name: 'ada.lovelace', groups: ['engineers'] }, grace: { name: 'grace.hopper' } };
/** A request that is looked at only with a word of the identity provider; there is no such target, which is status 2. */
const ISSUE = ['request', 's3:GetObject', 'arn:aws:s3:::x/*', '--for', '1m', '--reason', 'x', '--target', 'none'];

test('two users of one broker, and one user of two brokers: nobody gets in the way of anybody', { skip }, async (t) => {
  const [work, lab] = [await company(t, { accounts: ACCOUNTS }), await company(t, { accounts: ACCOUNTS })];
  const [ada, grace] = [user(t, work), user(t, work)];
  const both = `${readFileSync(work.trust['NODE_EXTRA_CA_CERTS'] ?? '', 'utf8')}${readFileSync(lab.trust['NODE_EXTRA_CA_CERTS'] ?? '', 'utf8')}`;
  writeFileSync(ada.env['NODE_EXTRA_CA_CERTS'] ?? '', both);
  await Promise.all([loggedIn(work, ada, 'ada'), loggedIn(work, grace, 'grace')]);
  await loggedIn(lab, ada, 'grace', [lab.url, '--name', 'lab']);
  const who = async (them: typeof ada, broker: string): Promise<string> =>
    JSON.parse(succeeded(await them.jit('whoami', broker, '--json')).stdout).principal.name;
  assert.deepEqual(
    [await who(ada, 'work'), await who(ada, 'lab'), await who(grace, 'work')],
    ['ada.lovelace', 'grace.hopper', 'grace.hopper'],
  );
  const out = succeeded(await ada.jit('logout', '--all'));
  assert.equal(out.stdout, 'signed out of work (ada.lovelace)\nsigned out of lab (grace.hopper)\n');
  assert.equal((await ada.jit('whoami', 'lab')).status, 4);
  assert.equal(await who(grace, 'work'), 'grace.hopper');
});

test('a dropped group and a disabled person count from the very next issuance on', { skip }, async (t) => {
  const at = await company(t, { accounts: ACCOUNTS });
  const ada = user(t, at);
  await loggedIn(at, ada, 'ada');
  const groups = async (): Promise<unknown> => JSON.parse((await ada.jit('whoami', '--json')).stdout).principal.groups;
  assert.equal((await ada.jit(...ISSUE)).status, 2);
  at.idp.setGroups('ada', ['oncall']);
  assert.deepEqual(await groups(), ['engineers']);
  assert.equal((await ada.jit(...ISSUE)).status, 2);
  assert.deepEqual(await groups(), ['oncall']);
  at.idp.disable('ada');
  const refused = await ada.jit(...ISSUE);
  assert.equal(refused.status, 4, refused.stderr);
  assert.match(refused.stderr, /^hint: jit login work$/m);
});

test(
  'eight commands at once, each with a word of the identity provider of its own: all are served, round after round',
  { skip },
  async (t) => {
    const at = await company(t, {
      accounts: ACCOUNTS,
      sessions: ['  token: 30s'],
      idTokens: 'alike within a second',
    });
    const ada = user(t, at);
    await loggedIn(at, ada, 'ada');
    const asked = (): number => at.idp.calls.filter((call) => call === 'POST /token').length;
    for (let round = 0; round < 2; round++) {
      const before = asked();
      const ended = await Promise.all(Array.from({ length: 8 }, () => ada.jit(...ISSUE)));
      assert.deepEqual(
        ended.filter(({ status }) => status !== 2).map(({ stderr }) => stderr),
        [],
      );
      assert.ok(asked() - before >= 8, 'one each, and another where two of one second were alike');
    }
  },
);

test('no token and no key of a session is in any file, argument or environment', { skip }, async (t) => {
  const at = await company(t, { accounts: ACCOUNTS });
  const ada = user(t, at);
  await loggedIn(at, ada, 'ada');
  succeeded(await ada.jit('list'));
  const files = readdirSync(ada.home.path, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
  assert.ok(files.length > 2);
  const secret = /jit_(?:[ar]t|cf)_|eyJ[\w-]{10}|"d":"/;
  for (const { parentPath, name } of files) {
    assert.doesNotMatch(readFileSync(join(parentPath, name), 'latin1'), secret, name);
  }
  for (const pid of processesOf(ada.home.path)) {
    assert.doesNotMatch(readFileSync(`/proc/${pid}/cmdline`, 'latin1'), secret);
    assert.doesNotMatch(readFileSync(`/proc/${pid}/environ`, 'latin1'), secret);
  }
});

test(
  'a broker that is away: its name in the message, status 8, and signing out works all the same',
  { skip },
  async (t) => {
    const at = await company(t, { accounts: ACCOUNTS });
    const ada = user(t, at);
    await loggedIn(at, ada, 'ada');
    await at.stop();
    const away = await ada.jit('whoami');
    assert.equal(away.status, 8);
    assert.match(away.stderr, /^jit: work: cannot reach the broker: /);
    const out = await ada.jit('logout', 'work');
    assert.equal(out.status, 8);
    assert.match(out.stdout, /^signed out of work \(ada\.lovelace\) on this machine$/m);
    assert.match(out.stderr, /^jit: work: could not be told that the session is over: cannot reach the broker/m);
    assert.match((await ada.jit('logout', 'work')).stdout, /^nobody is signed in to work$/m);
  },
);

test('a broker that comes back after a restart takes the session as before', { skip }, async (t) => {
  const at = await company(t, { accounts: ACCOUNTS });
  const ada = user(t, at);
  await loggedIn(at, ada, 'ada');
  await at.stop();
  await at.start();
  succeeded(await ada.jit('whoami'));
});

test('off a terminal: what is missing is said with the exact command', { skip }, async (t) => {
  const at = await company(t, { accounts: ACCOUNTS });
  const job = user(t, at, { JIT_BROKER: at.url });
  const nobody = await job.jit('list');
  assert.equal(nobody.status, 4);
  assert.match(
    nobody.stderr,
    new RegExp(`^jit: localhost:\\d+: you are not signed in\nhint: sign in with: jit login ${at.url}\n$`),
  );
  const nowhere = await user(t, at, { JIT_BROKER: at.url, JIT_SECRET_STORE: '' }).jit('list');
  assert.equal(nowhere.status, 4, 'where nothing can be kept nobody is signed in');
  assert.match(nowhere.stderr, /^jit: localhost:\d+: nobody is signed in: this machine has no keychain/m);
  assert.match(nowhere.stderr, /^hint: .*JIT_SECRET_STORE=file.*; then sign in with: jit login https:/m);
  const unnamed = await job.jit('login', at.url);
  assert.equal(unnamed.status, 2);
  assert.match(unnamed.stderr, /^hint: add: --name \w+$/m);
  const plain = await job.jit('login', 'http://jit.example.com');
  assert.equal(plain.status, 2);
  assert.match(plain.stderr, /plain http is only for a broker on this machine/);
  const embedded = await job.jit('login', 'embedded');
  assert.equal(embedded.status, 2);
  assert.match(embedded.stderr, /there is nothing to sign in to/);
  const unknown = await job.jit('login', 'wrok');
  assert.equal(unknown.status, 2);
  const pipeline = await user(t, at, { JIT_BROKER: at.url, CI: 'true' }).jit('list', '--json');
  const error = JSON.parse(pipeline.stdout);
  assert.deepEqual([error.code, error.exit], ['ERR_NOT_SIGNED_IN', 4]);
  assert.match(
    error.message,
    /no identity of a workload was found; looked for: JIT_TOKEN_FILE or JIT_TOKEN; GitHub Actions/,
  );
});

test('a job with a token of its own signs in by itself, once, and nothing of it is in a file', { skip }, async (t) => {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const keys = join(tempHome(t).path, 'jwks.json');
  writeFileSync(
    keys,
    JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256', use: 'sig' }] }),
    { mode: 0o600 },
  );
  const identity = [
    '  ci:',
    '    type: jwt',
    '    issuer: https://ci.example.com',
    '    algorithms: [ES256]',
    `    keys: { file: ${keys} }`,
    '    require: { project: web }',
  ];
  const at = await company(t, { accounts: ACCOUNTS, identity });
  const token = await new SignJWT({ project: 'web' })
    .setProtectedHeader({ alg: 'ES256', kid: 'k' })
    .setIssuer('https://ci.example.com')
    .setSubject('job:7')
    .setAudience(at.url.replace(/\/$/, ''))
    .setIssuedAt()
    .setExpirationTime('10m')
    .setJti('job-7')
    .sign(privateKey);
  const job = user(t, at, { JIT_BROKER: at.url, JIT_TOKEN: token, JIT_SECRET_STORE: '', CI: 'true' });
  const first = await job.jit('login', '--as', 'token', '--json');
  const second = await job.jit('whoami', '--json');
  const [one, two] = [JSON.parse(succeeded(first).stdout), JSON.parse(succeeded(second).stdout)];
  assert.deepEqual([one.principal.kind, one.principal.subject, one.source], ['workload', 'job:7', 'token']);
  assert.equal(one.id, two.id);
  const named = await job.jit('login', '--as', 'token');
  assert.match(succeeded(named).stderr, /already signed in/);
  const wrong = await job.jit('login', '--as', 'gihtub');
  assert.deepEqual([wrong.status, /github/.test(wrong.stderr)], [2, true]);
  const out = succeeded(await job.jit('logout'));
  assert.match(out.stdout, /^signed out of localhost:\d+ \(job:7\)$/m);
  const spent = await job.jit('whoami');
  assert.equal(spent.status, 4);
  assert.match(spent.stderr, /does not take the identity that the token in JIT_TOKEN_FILE or JIT_TOKEN vouches for/);
});
