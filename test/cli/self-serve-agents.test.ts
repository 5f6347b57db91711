/**
 * Whose word counts on a self-serve request at a shared broker: a person's own, for their agent as well, and never that of a
 * machine. All of it real, as in approvals.test.ts.
 * @module
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { tempHome } from '../support/home.ts';
import { startOffice } from '../support/office.ts';
import { skipUnless } from '../support/tools.ts';
import { loggedIn, succeeded, user } from './shared.ts';

const ISSUER = 'https://agents.example.com';
const ON = ['arn:aws:s3:::sandbox-reports/*', '--for', '5m', '--reason', 'triage'];
const READ = ['request', 's3:GetObject', ...ON];

test('a person, a job, and an agent that acts for the person', { skip: skipUnless('openssl') }, async (t) => {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const keys = join(tempHome(t).path, 'jwks.json');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256', use: 'sig' };
  writeFileSync(keys, JSON.stringify({ keys: [jwk] }), { mode: 0o600 });
  const entry = (name: string, kind: string, subject: string): string => `  ${name}:
    type: jwt
    kind: ${kind}
    issuer: ${ISSUER}
    algorithms: [ES256]
    keys: { file: ${keys} }
    require: { sub: ${subject} }
    groups: [eng]
`;
  const identity = `${entry('bots', 'agent', 'triage-bot')}${entry('jobs', 'workload', 'nightly')}`;
  const office = await startOffice(t, { identity, tls: 'own certificate' });
  const at = { idp: office.idp, url: `${office.broker.url}/`, trust: office.broker.trust };
  const tokenOf = async (subject: string): Promise<string> =>
    new SignJWT({})
      .setProtectedHeader({ alg: 'ES256', kid: 'k' })
      .setIssuer(ISSUER)
      .setSubject(subject)
      .setAudience(office.broker.url)
      .setIssuedAt()
      .setExpirationTime('10m')
      .setJti(`${subject}-${Math.random()}`)
      .sign(privateKey);
  const [alice, bot, ed] = [user(t, at), user(t, at, { JIT_TOKEN: await tokenOf('triage-bot') }), user(t, at)];
  const job = user(t, at, {
    JIT_BROKER: at.url,
    JIT_TOKEN: await tokenOf('nightly'),
    JIT_SECRET_STORE: '',
    CI: 'true',
  });
  await Promise.all([
    loggedIn(at, alice, 'alice'),
    loggedIn(at, ed, 'ed'),
    loggedIn(at, bot, 'alice', [at.url, '--name', 'work', '--agent', 'token']),
  ]);

  await t.test('a person confirms their own', async () => {
    const { grant } = JSON.parse(succeeded(await alice.jit(...READ, '--yes', '--json')).stdout);
    assert.equal(grant.state, 'active');
  });

  await t.test('a job cannot confirm, with whatever flag', async () => {
    const refused = await job.jit(...READ, '--yes');
    assert.equal(refused.status, 5, refused.stderr);
    assert.match(refused.stderr, /needs a person's own confirmation .*, which a workload cannot give/);
  });

  await t.test("an agent's request waits for its person, who confirms it; the grant is the agent's alone", async () => {
    const asked = await bot.jit(...READ, '--yes', '--no-wait');
    assert.equal(asked.status, 6, asked.stderr);
    assert.match(asked.stderr, /^jit: work: not decided yet: it needs confirmation by alice\.liddell; /m);
    const [, id = ''] =
      /^hint: alice\.liddell confirms it, and you go on, both with: jit wait (\w+)$/m.exec(asked.stderr) ?? [];
    const [alone, stranger, approving] = await Promise.all([
      bot.jit('wait', id, '--yes', '--timeout', '1s'),
      ed.jit('wait', id, '--yes'),
      alice.jit('approve', id, '--yes'),
    ]);
    assert.equal(alone.status, 6, alone.stderr);
    assert.equal(stranger.status, 9, stranger.stderr);
    assert.equal(approving.status, 5);
    assert.match(approving.stderr, new RegExp(`^hint: confirm it with: jit wait ${id}$`, 'm'));
    const waiting = bot.jit('wait', id, '--json');
    const word = succeeded(await alice.jit('wait', id, '--yes'));
    assert.equal(word.stdout, '');
    assert.match(
      word.stderr,
      new RegExp(`^jit: work: ${id} is approved: confirmed\njit: work: triage-bot takes it up itself$`, 'm'),
    );
    const { request, grant, profile } = JSON.parse(succeeded(await waiting).stdout);
    assert.deepEqual([request.id, grant.state], [id, 'active']);
    assert.equal(profile.path, join(bot.home.path, '.aws', 'config'));
    const late = await alice.jit('wait', grant.id);
    assert.equal(late.status, 5, late.stderr);
    assert.match(late.stderr, /triage-bot has taken it up, and what it was given is its own/);
  });
});
