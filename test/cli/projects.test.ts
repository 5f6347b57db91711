/**
 * A project of Google Cloud from the command line: the launcher, the keeper, the broker and gcloud are the real ones; the cloud is a
 * server that enforces policies, conditions, tokens and their boundaries.
 * @module
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test, type TestContext } from 'node:test';
import { openIssuer } from '../../src/broker/issuer/issuer.ts';
import { type FakeGcp, startGcp } from '../fakes/gcp/gcp.ts';
import { ADMIN_ROLE, ANN, FOREIGN, PROJECT, READER, canRead, furnish, object } from '../providers/gcp/support.ts';
import { eventually } from '../support/eventually.ts';
import { type Home, tempFolder, tempHome } from '../support/home.ts';
import { type Ended, run } from '../support/run.ts';
import { skipUnless } from '../support/tools.ts';
import { succeeded } from './shared.ts';

const JIT = resolve('bin/jit');
const skip = skipUnless('gcloud');
const POOL = '//iam.googleapis.com/projects/415104041262/locations/global/workloadIdentityPools/jit-pool';
const AUDIENCE = `${POOL}/providers/jit-broker`;
const BROKER = `principal:${POOL}/subject/broker`;
const TERMS = ['--for', '15m', '--reason', 'numbers of the quarter'];
const READ = ['storage.objects.get', object('2026/q1.csv'), ...TERMS];
const DESCRIBE = ['storage', 'objects', 'describe', 'gs://acme-reports/2026/q1.csv', '--format=value(name)'];

/** A home whose owner has put a project into the configuration twice: for their own identity, and for tokens. */
async function ownBroker(t: TestContext): Promise<{ readonly home: Home; readonly gcp: FakeGcp }> {
  const gcp = await startGcp(Date.now);
  t.after(gcp.close);
  furnish(gcp);
  gcp.world.edit(PROJECT, (policy) => ({
    ...policy,
    bindings: [...policy.bindings, { role: ADMIN_ROLE, members: [BROKER] }],
  }));
  gcp.world.creators.set(READER, new Set([BROKER]));
  const home = tempHome(t);
  await signIn(gcp, home, tempFolder(t));
  const folder = join(home.path, '.config', 'jit');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const both = { provider: 'gcp', project: PROJECT, environment: 'dev', credentials: 'ambient', endpoint: gcp.url };
  const roles = ['roles/storage.legacyObjectReader', 'roles/storage.objectViewer'];
  const targets = {
    web: { ...both, roles, people: { [`os ${process.getuid?.() ?? 0}`]: ANN } },
    reports: { ...both, roles, access: 'storage', service_account: READER },
  };
  // JSON is YAML too.
  writeFileSync(join(folder, 'broker.yaml'), JSON.stringify({ targets }), { mode: 0o600 });
  const env = { ...home.env, CLOUDSDK_CORE_DISABLE_PROMPTS: '1' };
  return { home: { ...home, env }, gcp };
}

/** Application default credentials where the libraries look for them, of somebody whom the pool trusts. */
async function signIn(gcp: FakeGcp, { path }: Home, folder: string): Promise<void> {
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const random = (bytes: number): Uint8Array => randomBytes(bytes);
  const file = join(folder, 'issuer.json');
  const issuer = await openIssuer({ issuer: 'https://ops.example.com', file, now: Date.now, random, log });
  gcp.pools.push({ audience: AUDIENCE, issuer: issuer.signer.issuer, keys: issuer.jwks() });
  const token = await issuer.signer.sign({ aud: AUDIENCE, sub: 'broker' }, 600);
  const tokenFile = join(folder, 'token');
  writeFileSync(tokenFile, token.expose(), { mode: 0o600 });
  const adc = {
    type: 'external_account',
    audience: AUDIENCE,
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: `${gcp.url}/v1/token`,
    credential_source: { file: tokenFile },
  };
  const gcloudFolder = join(path, '.config', 'gcloud');
  mkdirSync(gcloudFolder, { recursive: true, mode: 0o700 });
  writeFileSync(join(gcloudFolder, 'application_default_credentials.json'), JSON.stringify(adc), { mode: 0o600 });
}

const jit = async ({ env }: Home, ...args: readonly string[]): Promise<Ended> =>
  run(process.execPath, [JIT, ...args], { env });
/** It goes on waiting for Google to be sure, which takes minutes, and ends with the test's home. */
const revoking = async (home: Home, grant: string): Promise<unknown> =>
  await jit(home, 'revoke', grant).catch((thrown: unknown) => thrown);
const gcloud = async ({ env }: Home, ...args: readonly string[]): Promise<Ended> => run('gcloud', args, { env });

test('access for one’s own identity: nothing wider is given, nothing handed out, and the binding goes when it is revoked', async (t) => {
  const { home, gcp } = await ownBroker(t);
  const before = gcp.world.policyOf(PROJECT);
  for (const [operation = '', resource = ''] of [
    ['storage.objects.delete', object('2026/q1.csv')],
    ['storage.objects.get', '//storage.googleapis.com/projects/_/buckets/*'],
    ['storage.objects.get', '//cloudresourcemanager.googleapis.com/projects/acme-payments'],
  ]) {
    const refused = await jit(home, 'request', operation, resource, ...TERMS, '--target', 'web');
    assert.equal(refused.status, 2, refused.stderr);
    assert.match(refused.stderr, /hint: /);
  }
  assert.deepEqual(gcp.world.policyOf(PROJECT), before);
  const ann = gcp.world.tokenFor(ANN, 3_600);
  assert.equal(await canRead(gcp, ann, '2026/q1.csv'), false);
  const { grant, profiles } = JSON.parse(
    succeeded(await jit(home, 'request', ...READ, '--target', 'web', '--json')).stdout,
  );
  assert.deepEqual(profiles, []);
  assert.equal(await canRead(gcp, ann, '2026/q1.csv'), true);
  assert.equal(await canRead(gcp, ann, 'secret/plan.txt'), false);
  const titles = (): readonly unknown[] =>
    gcp.world
      .policyOf(PROJECT)
      .bindings.flatMap(({ condition }) => (condition?.title?.startsWith('jit-') === true ? [condition.title] : []));
  assert.deepEqual(titles(), [String(grant.id).replace('gr_', 'jit-')]);
  void revoking(home, grant.id);
  await eventually(() => titles().length === 0);
  assert.equal(await canRead(gcp, ann, '2026/q1.csv'), false);
  assert.deepEqual(gcp.world.policyOf(PROJECT).bindings.slice(0, FOREIGN.bindings.length), FOREIGN.bindings);
});

test(
  'a configuration for one object: gcloud reads that object and no other, until the grant is revoked',
  { skip },
  async (t) => {
    const { home } = await ownBroker(t);
    const asked = succeeded(await jit(home, 'request', ...READ, '--target', 'reports', '--json'));
    const { grant, profile } = JSON.parse(asked.stdout);
    assert.equal(profile.tool, 'gcp');
    const seen = await gcloud(home, '--configuration', profile.name, ...DESCRIBE);
    assert.equal(succeeded(seen).stdout.trim(), '2026/q1.csv');
    const secret = ['storage', 'objects', 'describe', 'gs://acme-reports/secret/plan.txt'];
    assert.match(
      (await gcloud(home, '--configuration', profile.name, ...secret)).stderr,
      /does not have storage\.objects\.get/,
    );
    void revoking(home, grant.id);
    await eventually(() => !existsSync(profile.path));
    const secrets = (): readonly string[] =>
      readdirSync(join(home.path, 'run', 'jit')).filter((name) => name.startsWith('secret-'));
    await eventually(() => secrets().length === 0);
  },
);

test(
  'a command has the token of the grant in gcloud, and in Google’s library for Python that comes with it',
  { skip },
  async (t) => {
    const { home } = await ownBroker(t);
    const python =
      'test "$(gcloud auth application-default print-access-token)" = "$(cat "$CLOUDSDK_AUTH_ACCESS_TOKEN_FILE")"';
    const describe = DESCRIBE.join(' ').replace(/(--format=\S+)/, "'$1'");
    const script = `gcloud ${describe} && ${python} && echo "$GOOGLE_CLOUD_PROJECT"`;
    const ran = await jit(home, 'exec', ...READ, '--target', 'reports', '--', 'sh', '-c', script);
    assert.equal(succeeded(ran).stdout, '2026/q1.csv\nacme-web-prod\n');
  },
);

/** Asks for objects with Google's library, signed in by the variables alone, and copies what these name. */
const LIBRARY = `
  import { copyFileSync } from 'node:fs';
  import { GoogleAuth } from 'google-auth-library';
  const [, cloud, copy, ...objects] = process.argv;
  const auth = new GoogleAuth({ scopes: ['https://www.googleapis.com/auth/cloud-platform'] });
  for (const object of objects) {
    const url = cloud + '/storage/v1/b/acme-reports/o/' + encodeURIComponent(object);
    const said = await auth.request({ url }).then(({ data }) => data.name, ({ message }) => message);
    console.log(said);
  }
  if (copy !== '') copyFileSync(process.env.GOOGLE_APPLICATION_CREDENTIALS, copy);
`;

test('Google’s own library in a command reads what was granted and nothing else, and after the command nothing', async (t) => {
  const { home, gcp } = await ownBroker(t);
  const copy = join(tempFolder(t), 'copy.json');
  const library = [process.execPath, '--input-type=module', '-e', LIBRARY, gcp.url];
  const objects = ['2026/q1.csv', 'secret/plan.txt'];
  const ran = await jit(home, 'exec', ...READ, '--target', 'reports', '--', ...library, copy, ...objects);
  assert.match(succeeded(ran).stdout, /^2026\/q1\.csv\n.*does not have storage\.objects\.get.*\n$/);
  const after = await run(process.execPath, [...library.slice(1), '', '2026/q1.csv'], {
    env: { ...home.env, GOOGLE_APPLICATION_CREDENTIALS: copy },
  });
  assert.match(after.stdout, /^Error code invalid_grant: /);
});

test(
  'Terraform’s own backend in a command goes to Cloud Storage as the grant',
  { skip: skipUnless('terraform') },
  async (t) => {
    const { home, gcp } = await ownBroker(t);
    const folder = tempFolder(t);
    const backend = `bucket = "acme-reports"\n    storage_custom_endpoint = "${gcp.url}/storage/v1/"`;
    writeFileSync(join(folder, 'main.tf'), `terraform {\n  backend "gcs" {\n    ${backend}\n  }\n}\n`);
    const init = ['terraform', `-chdir=${folder}`, 'init', '-input=false', '-no-color'];
    const ran = await jit(home, 'exec', ...READ, '--target', 'reports', '--', ...init);
    // It lists the bucket, which was not granted: the cloud says so to the identity of the grant.
    assert.match(ran.stderr.replaceAll(/\s+/g, ' '), new RegExp(`${READER} does not have storage\\.objects\\.list`));
  },
);
