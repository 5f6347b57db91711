/**
 * Tokens for EKS: as a cluster judges them, as the aws program makes them, and as STS answers them.
 * @module
 */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { AwsKeys } from '../../../src/core/credential.ts';
import { Secret } from '../../../src/core/secret.ts';
import { eksToken, type EksTokenParts } from '../../../src/identity/aws/eks-token.ts';
import { awsProvider } from '../../../src/providers/aws/provider.ts';
import { startSandbox } from '../../../src/sandbox/start.ts';
import { REVOKER_ROLE_ARN, SANDBOX_ROLE_ARN } from '../../../src/sandbox/world.ts';
import { makeIssuer, markOf, never, orderOf, READ } from '../../providers/aws/support.ts';
import { tempFolder, tempHome } from '../../support/home.ts';
import { run } from '../../support/run.ts';
import { skipUnless } from '../../support/tools.ts';

const NOW = Date.UTC(2026, 10, 22, 12);
const KEYS = { accessKeyId: 'ASIAIOSFODNN7EXAMPLE', secretAccessKey: 's/e+c=r%', sessionToken: "IQoJ+/==é*'()!~" };

const tokenOf = async (parts: Partial<EksTokenParts> = {}): Promise<string> =>
  (await eksToken({ keys: new Secret(KEYS), region: 'eu-west-1', cluster: 'web-prod', now: NOW, ...parts })).expose();

/** The parameters of aws-iam-authenticator's verifier, and no others. */
const PARAMETERS = [
  'action',
  'version',
  'x-amz-algorithm',
  'x-amz-credential',
  'x-amz-date',
  'x-amz-expires',
  'x-amz-security-token',
  'x-amz-signature',
  'x-amz-signedheaders',
];

/**
 * What a cluster checks before it asks STS, in the order of aws-iam-authenticator's verifier.
 * @returns the address to ask, or what is wrong.
 */
function judge(token: string, hosts: readonly string[], now: number): URL | string {
  if (Buffer.byteLength(token) > 4_096) return 'too large';
  const [, encoded] = /^k8s-aws-v1\.([\w-]+)$/.exec(token) ?? [];
  if (encoded === undefined) return 'prefix or encoding';
  const text = Buffer.from(encoded, 'base64url').toString('utf8');
  const url = URL.parse(text);
  if (url === null || url.href !== text) return 'not an address';
  if (url.protocol !== 'https:') return 'scheme';
  if (!hosts.includes(url.host)) return 'host';
  if (url.pathname !== '/' || url.hash !== '') return 'path';
  const parameters = new Map<string, string>();
  for (const [name, value] of url.searchParams) {
    const lower = name.toLowerCase();
    if (!PARAMETERS.includes(lower)) return `parameter ${name}`;
    if (parameters.has(lower)) return `${name} twice`;
    parameters.set(lower, value);
  }
  if (parameters.get('action') !== 'GetCallerIdentity') return 'action';
  if (!(parameters.get('x-amz-signedheaders') ?? '').split(';').includes('x-k8s-aws-id')) return 'cluster not signed';
  const expires = Number(parameters.get('x-amz-expires') ?? 'none');
  if (!(Number.isInteger(expires) && expires >= 0 && expires <= 900)) return 'expires';
  const date = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/.exec(parameters.get('x-amz-date') ?? '');
  if (date === null) return 'date';
  const [year = 0, month = 0, day = 0, hour, minute, second] = date.slice(1).map(Number);
  return now > Date.UTC(year, month - 1, day, hour, minute, second) + 900_000 ? 'expired' : url;
}

const urlIn = (token: string): URL => new URL(Buffer.from(token.slice(11), 'base64url').toString('utf8'));
const sorted = (url: URL): readonly (readonly [string, string])[] =>
  [...url.searchParams].toSorted(([a], [b]) => (a < b ? -1 : 1));

test('a cluster finds nothing wrong with a token, for 15 minutes, in each partition', async () => {
  const hosts = {
    'eu-west-1': 'sts.eu-west-1.amazonaws.com',
    'cn-north-1': 'sts.cn-north-1.amazonaws.com.cn',
    'us-gov-west-1': 'sts.us-gov-west-1.amazonaws.com',
  };
  for (const [region, host] of Object.entries(hosts)) {
    const token = await tokenOf({ region });
    const url = judge(token, [host], NOW + 900_000);
    assert.ok(url instanceof URL, String(url));
    assert.equal(url.searchParams.get('X-Amz-Credential'), `${KEYS.accessKeyId}/20261122/${region}/sts/aws4_request`);
    assert.equal(judge(token, [host], NOW + 901_000), 'expired');
    assert.ok(!url.href.includes(encodeURIComponent(KEYS.secretAccessKey)));
  }
});

test(
  'the aws program makes the same token, signature and all (real aws eks get-token)',
  { skip: skipUnless('aws') },
  async (t) => {
    const { env } = tempHome(t);
    const variables = {
      AWS_ACCESS_KEY_ID: KEYS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey,
      AWS_SESSION_TOKEN: "IQoJ+/==*'()!~",
      AWS_STS_REGIONAL_ENDPOINTS: 'regional',
    };
    const args = ['--region', 'eu-west-1', '--output', 'json', 'eks', 'get-token', '--cluster-name', 'web-prod'];
    const ended = await run('aws', args, { env: { ...env, ...variables } });
    assert.equal(ended.status, 0, ended.stderr);
    const theirs = urlIn(JSON.parse(ended.stdout).status.token);
    const [, year, month, day, time = ''] =
      /^(\d{4})(\d{2})(\d{2})T(\d{6})Z$/.exec(theirs.searchParams.get('X-Amz-Date') ?? '') ?? [];
    const signedAt = Date.parse(`${year}-${month}-${day}T${time.replaceAll(/(..)(..)(..)/g, '$1:$2:$3')}Z`);
    const keys = new Secret({ ...KEYS, sessionToken: variables.AWS_SESSION_TOKEN });
    const ours = urlIn(await tokenOf({ keys, now: signedAt }));
    assert.deepEqual(sorted(ours), sorted(theirs));
    assert.equal(ours.host, theirs.host);
  },
);

/** Asks as a cluster of that name would: it says its name itself. */
async function ask(token: string, cluster: string): Promise<{ readonly status: number; readonly body: string }> {
  const reply = await fetch(urlIn(token), { headers: { 'x-k8s-aws-id': cluster }, redirect: 'error' });
  return { status: reply.status, body: await reply.text() };
}

async function sandboxRig(t: TestContext) {
  let now = Date.now();
  const { signer, jwks } = await makeIssuer(tempFolder(t), () => now);
  const issuers = [{ issuer: signer.issuer, audience: 'sts.amazonaws.com', jwks: jwks() }];
  const sandbox = await startSandbox({ port: 0, state: null, issuers, now: () => now });
  t.after(() => sandbox.close());
  const provider = awsProvider({ now: () => now, signer });
  const target = provider.parseTarget('sandbox', {
    provider: 'aws',
    role: SANDBOX_ROLE_ARN,
    revoker: REVOKER_ROLE_ARN,
    region: 'us-east-1',
    environment: 'sandbox',
    credentials: 'web-identity',
    endpoint: sandbox.url,
    sandbox: true,
    session_seconds: 900,
  });
  const permissions = [{ ...READ, resources: ['arn:aws:s3:::sandbox-reports/*'] }];
  const order = orderOf({ endsAt: now + 600_000, permissions });
  const { credential, notAfter } = await provider.issue(target, order, never());
  assert.ok(credential.kind === 'aws');
  const keys: Secret<AwsKeys> = credential.secret;
  const make = (cluster: string) => tokenOf({ keys, region: 'us-east-1', cluster, now, sts: new URL(sandbox.url) });
  return {
    make,
    order,
    wait: (ms: number) => (now += ms),
    revoke: async () => {
      const mark = markOf(provider, target, order, notAfter);
      return await provider.revoke(mark, async () => await Promise.resolve([mark]), never());
    },
  };
}

test('STS says whose session it is to the one cluster, and to no other (sandbox, which checks every signature)', async (t) => {
  const { make, order } = await sandboxRig(t);
  const token = await make('web-prod');
  const answer = await ask(token, 'web-prod');
  assert.equal(answer.status, 200, answer.body);
  assert.ok(answer.body.includes(`assumed-role/jit-sandbox/${order.grant}<`), answer.body);
  const other = await ask(token, 'web-test');
  assert.deepEqual([other.status, /SignatureDoesNotMatch/.test(other.body)], [403, true], other.body);
});

test('a token is dead 15 minutes after it was made, and none can be made that outlives the session', async (t) => {
  const first = await sandboxRig(t);
  const token = await first.make('web-prod');
  first.wait(899_000);
  assert.equal((await ask(token, 'web-prod')).status, 200);
  first.wait(2_000);
  assert.equal((await ask(token, 'web-prod')).status, 403);
  const late = await first.make('web-prod');
  const answer = await ask(late, 'web-prod');
  assert.deepEqual([answer.status, /ExpiredToken/.test(answer.body)], [403, true], answer.body);
});

test('what is documented: a revocation takes every permission, but STS goes on saying whose session it is', async (t) => {
  const { make, revoke } = await sandboxRig(t);
  const token = await make('web-prod');
  assert.equal((await revoke()).kind, 'gone');
  assert.equal((await ask(token, 'web-prod')).status, 200);
});

test('what is no name of a cluster makes no token, and neither does a region without STS or a session that is too long', async () => {
  const names = ['', '-a', '_a', 'a b', 'a\nx-evil: 1', 'a/b', 'a"', '${a}', 'é', 'a\u202e', 'x'.repeat(101), '../a'];
  for (const cluster of names)
    await assert.rejects(tokenOf({ cluster }), { code: 'ERR_USAGE' }, JSON.stringify(cluster));
  for (const region of ['', 'mars', 'us-iso-east-1', 'eu-west-1.evil.example', 'eu-west-1#']) {
    await assert.rejects(tokenOf({ region }), { code: 'ERR_TARGET' }, region);
  }
  const long = new Secret({ ...KEYS, sessionToken: 'x'.repeat(3_000) });
  await assert.rejects(tokenOf({ keys: long }), { code: 'ERR_TARGET', message: /too long/ });
});
