/**
 * An agent that acts for a person, with the real programs: the person signs in for it, and it proves itself.
 * @module
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { tempHome } from '../support/home.ts';
import { skipUnless } from '../support/tools.ts';
import { company, loggedIn, succeeded, user, walkThrough } from './shared.ts';

const skip = skipUnless('openssl');
const ACCOUNTS = { ada: { name: 'ada.lovelace', groups: ['engineers'] } };
const ISSUER = 'https://agents.example.com';

test('a person signs in for an agent: both are in the session, and the agent alone gets none', { skip }, async (t) => {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const keys = join(tempHome(t).path, 'jwks.json');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256', use: 'sig' };
  writeFileSync(keys, JSON.stringify({ keys: [jwk] }), { mode: 0o600 });
  const entry = (name: string, kind: string, subject: string): string[] => [
    `  ${name}:`,
    '    type: jwt',
    `    kind: ${kind}`,
    `    issuer: ${ISSUER}`,
    '    algorithms: [ES256]',
    `    keys: { file: ${keys} }`,
    `    require: { sub: ${subject} }`,
    '    groups: [bots]',
  ];
  const identity = [...entry('bots', 'agent', 'triage-bot'), ...entry('jobs', 'workload', 'nightly')];
  const at = await company(t, { accounts: ACCOUNTS, identity });
  const tokenOf = async (subject: string): Promise<string> =>
    new SignJWT({})
      .setProtectedHeader({ alg: 'ES256', kid: 'k' })
      .setIssuer(ISSUER)
      .setSubject(subject)
      .setAudience(at.url.replace(/\/$/, ''))
      .setIssuedAt()
      .setExpirationTime('10m')
      .setJti(`${subject}-${Math.random()}`)
      .sign(privateKey);

  const host = user(t, at, { JIT_TOKEN: await tokenOf('triage-bot') });
  await loggedIn(at, host, 'ada', [at.url, '--name', 'work', '--agent', 'token']);
  const who = JSON.parse(succeeded(await host.jit('whoami', '--json')).stdout);
  const { kind, subject, groups, actsFor } = who.principal;
  assert.deepEqual([kind, subject, groups], ['agent', 'triage-bot', ['bots']]);
  assert.deepEqual([actsFor.subject, actsFor.groups], ['ada', ['engineers']]);
  const shown = succeeded(await host.jit('whoami')).stdout;
  assert.match(shown, /^identity +triage-bot \(agent\)$/m);
  assert.match(shown, /^acts for +ada\.lovelace \(ada\)$/m);

  const job = user(t, at, { JIT_TOKEN: await tokenOf('nightly') });
  const refused = await job.login([at.url, '--name', 'work', '--agent', 'token'], async (address) => {
    await walkThrough(address, { name: 'ada', password: at.idp.password('ada') });
  });
  assert.equal(refused.status, 4, 'a job that is no agent acts for nobody');
  assert.match(refused.stderr, /does not take the identity/);

  const both = await job.jit('login', 'work', '--agent', 'token', '--as', 'token');
  assert.equal(both.status, 2);
});
