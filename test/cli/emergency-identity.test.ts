/**
 * Breaking glass from the command line while the identity provider is switched off: jit, jit-broker, oidc-provider and the aws
 * program are real, the cloud is the sandbox, and the incidents are in a file.
 * @module
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { processesOf, tempFolder } from '../support/home.ts';
import { eventually } from '../support/eventually.ts';
import { startOffice } from '../support/office.ts';
import { type Ended, run } from '../support/run.ts';
import { skipUnless } from '../support/tools.ts';
import { loggedIn, succeeded, user } from './shared.ts';

const OBJECT = 'arn:aws:s3:::sandbox-reports/hello.txt';
const TERMS = ['--for', '10m', '--reason', 'the site is down'];
const POLICY = `
@id("usual") @tier("auto") @max("1h")
permit (principal in Jit::Group::"eng", action == Jit::Action::"Request", resource);
@id("emergency") @max("1h")
permit (principal is Jit::User in Jit::Group::"eng", action == Jit::Action::"BreakGlass", resource)
when { context.incident.responder };
`;

test('with the provider off, breakglass alone works, and says on what', { skip: skipUnless('aws') }, async (t) => {
  const file = join(tempFolder(t), 'incidents.yaml');
  const incident = '{ id: INC-7, title: it burns, state: open, severity: 1, responders: [alice] }';
  writeFileSync(file, `incidents:\n  - ${incident}\n`, { mode: 0o600 });
  const { idp, broker, cloud } = await startOffice(t, {
    policy: POLICY,
    // An access token that has to be renewed meanwhile.
    sessions: 'word: 5s, token: 30s',
    emergencies: 'sessions: 1h, rate: { requests: 50, within: 1h }, reviews: 100',
    incidents: ({ issuer }) =>
      `  desk:\n    type: file\n    file: ${file}\n    people: [{ id: alice, issuer: '${issuer}', subject: alice }]\n`,
  });
  const at = { idp, url: broker.url, trust: {} };
  const alice = user(t, at);
  await loggedIn(at, alice, 'alice');
  const breakGlass = async (...more: readonly string[]): Promise<Ended> =>
    alice.jit('breakglass', 's3:GetObject', OBJECT, '--incident', 'INC-7', ...TERMS, '--yes', ...more);
  const request = async (): Promise<Ended> => alice.jit('request', 's3:GetObject', OBJECT, ...TERMS, '--yes');
  const read = async (profile: string): Promise<Ended> => {
    const place = ['--endpoint-url', cloud.url, '--region', 'us-east-1'];
    const args = ['--profile', profile, ...place, 's3', 'cp', 's3://sandbox-reports/hello.txt', '-'];
    return run('aws', args, { env: { ...alice.env, AWS_MAX_ATTEMPTS: '1' } });
  };
  const keeperGone = async (): Promise<void> => {
    const keepers = keepersOf(alice.home.path);
    assert.equal(keepers.length, 1);
    for (const pid of keepers) process.kill(pid, 'SIGKILL');
    await eventually(() => keepersOf(alice.home.path).length === 0, { deadlineMs: 20_000 });
  };
  assert.equal((await request()).status, 0);

  await idp.stop();
  const usual = await request();
  assert.equal(usual.status, 8, usual.stderr);
  assert.match(usual.stderr, /idp .*refuses connections; only emergency access goes on without a word of/);
  assert.match(usual.stderr, /^hint: .*jit breakglass/m);

  const first = await eventually(
    async () => {
      const ended = await breakGlass('--json');
      return ended.status === 0 ? ended : assert.fail(ended.stdout + ended.stderr);
    },
    { deadlineMs: 60_000 },
  );
  assert.match(
    first.stderr,
    /^jit: .*refuses connections: the broker found the same, so this was done without its word/m,
  );
  const { profile, grant } = JSON.parse(first.stdout);
  assert.match(succeeded(await read(profile.name)).stdout, /hello/i);
  const entries = broker.entries('session.unconfirmed');
  assert.ok(entries.some((each) => each.grant === null) && entries.some((each) => each.grant === grant.id));

  // Another process has to ask the broker anew, and has no word either.
  await keeperGone();
  assert.match(succeeded(await read(profile.name)).stdout, /hello/i);

  await idp.start();
  idp.disable('alice');
  await keeperGone();
  const refused = await read(profile.name);
  assert.notEqual(refused.status, 0, refused.stdout);
  assert.match(refused.stderr, /jit login/);
  const again = await breakGlass();
  assert.equal(again.status, 4, again.stderr);
  assert.match(again.stderr, /^hint: .*jit login/m);
});

/** The background processes of that home. */
function keepersOf(home: string): readonly number[] {
  return processesOf(home).filter((pid) => /keeper/.test(readFileSync(`/proc/${pid}/cmdline`, 'latin1')));
}
