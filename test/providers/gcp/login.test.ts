/**
 * How the broker signs in: tokens of a real issuer, exchanged by the real library at a server that verifies their signature.
 * @module
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { inspect } from 'node:util';
import { openIssuer } from '../../../src/broker/issuer/issuer.ts';
import type { Issuer } from '../../../src/broker/issuer/issuer.ts';
import type { Provider } from '../../../src/core/ports.ts';
import { gcpProvider } from '../../../src/providers/gcp/provider.ts';
import type { GcpTarget } from '../../../src/providers/gcp/provider.ts';
import { googleError, startGcp } from '../../fakes/gcp/gcp.ts';
import type { FakeGcp } from '../../fakes/gcp/gcp.ts';
import { failure } from '../../support/failure.ts';
import { ADMIN_ROLE, FOREIGN, OTHER, OWNER, PROJECT, config, furnish, never, orderOf } from './support.ts';

const POOL = '//iam.googleapis.com/projects/415104041262/locations/global/workloadIdentityPools/jit-pool';
const AUDIENCE = `${POOL}/providers/jit-broker`;
const ACCOUNT = 'jit@acme-ops.iam.gserviceaccount.com';
const clock = { now: Date.now };
let folder = '';
let issuer: Issuer;
let gcp: FakeGcp;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'jit-gcp-'));
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const random = (bytes: number): Uint8Array => randomBytes(bytes);
  issuer = await openIssuer({
    issuer: 'https://jit.example.com',
    file: join(folder, 'issuer.json'),
    now: Date.now,
    random,
    log,
  });
  gcp = await startGcp(Date.now);
  furnish(gcp);
  gcp.pools.push({ audience: AUDIENCE, issuer: issuer.signer.issuer, keys: issuer.jwks() });
});
after(async () => {
  await gcp.close();
  await rm(folder, { recursive: true });
});
afterEach(() => {
  gcp.trouble = () => null;
  gcp.world.makeProject(PROJECT, FOREIGN);
});

const providerOf = (): Provider<GcpTarget> =>
  gcpProvider({ now: Date.now, random: (bytes) => randomBytes(bytes), signer: issuer.signer, owner: OWNER });
const federated = (provider: Provider<GcpTarget>, changes: object = {}): GcpTarget =>
  provider.parseTarget('web', config({ endpoint: gcp.url, credentials: 'federation', audience: AUDIENCE, ...changes }));
const subject = (project: string): string => `principal:${POOL}/subject/jit:projects/${project}`;
const order = () => orderOf({ at: Date.now(), now: clock.now });
const permit = (member: string): void =>
  gcp.world.edit(PROJECT, (policy) => ({
    ...policy,
    bindings: [...policy.bindings, { role: ADMIN_ROLE, members: [member] }],
  }));

test('a token of the broker’s issuer for the one project is all that it needs', async () => {
  permit(subject(PROJECT));
  const provider = providerOf();
  const { credential } = await provider.issue(federated(provider), order(), never());
  assert.equal(credential.kind, 'own');
});

test('the token for one project opens no other', async () => {
  permit(subject(OTHER));
  const provider = providerOf();
  await failure(provider.issue(federated(provider), order(), never()), 'ERR_CLOUD');
});

test('the federated identity can act as a service account that trusts it', async () => {
  const provider = providerOf();
  const target = federated(provider, { impersonate: ACCOUNT });
  gcp.world.creators.set(ACCOUNT, new Set([subject(PROJECT)]));
  await provider.issue(target, order(), never());
  gcp.world.creators.delete(ACCOUNT);
  await failure(providerOf().issue(target, order(), never()), 'ERR_CLOUD');
});

test('an issuer that the pool does not trust gets nothing, and no token is shown', async () => {
  const provider = providerOf();
  const stranger = federated(provider, { audience: `${POOL}/providers/another` });
  const error = await failure(provider.issue(stranger, order(), never()), 'ERR_CLOUD');
  assert.match(error.hint ?? '', /trust the issuer/);
  assert.doesNotMatch(inspect(error, { depth: 12, showHidden: true }), /eyJ/);
});

test('a token service that is out of order has issued nothing, and is asked again', async () => {
  permit(subject(PROJECT));
  const provider = providerOf();
  const target = federated(provider);
  gcp.trouble = (call) => (call === 'POST /v1/token' ? googleError(503, 'UNAVAILABLE') : null);
  const error = await failure(provider.issue(target, order(), AbortSignal.timeout(3_000)), 'ERR_CLOUD_BUSY');
  assert.doesNotMatch(inspect(error, { depth: 12, showHidden: true }), /eyJ/);
  gcp.trouble = () => null;
  await provider.issue(target, order(), never());
});

test('tokens are kept between calls', async () => {
  permit(subject(PROJECT));
  const provider = providerOf();
  const target = federated(provider);
  await provider.issue(target, order(), never());
  const asked = gcp.calls.filter((call) => call === 'POST /v1/token').length;
  await provider.issue(target, order(), never());
  assert.equal(gcp.calls.filter((call) => call === 'POST /v1/token').length, asked);
});

test('application default credentials are what the environment names', async () => {
  permit(subject(PROJECT));
  const token = await issuer.signer.sign({ aud: AUDIENCE, sub: `jit:projects/${PROJECT}` }, 300);
  const [file, credentials] = [join(folder, 'token'), join(folder, 'adc.json')];
  await writeFile(file, token.expose());
  await writeFile(
    credentials,
    JSON.stringify({
      type: 'external_account',
      audience: AUDIENCE,
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      token_url: `${gcp.url}/v1/token`,
      credential_source: { file },
    }),
  );
  const earlier = process.env['GOOGLE_APPLICATION_CREDENTIALS'];
  process.env['GOOGLE_APPLICATION_CREDENTIALS'] = credentials;
  try {
    const provider = providerOf();
    const target = provider.parseTarget('web', config({ endpoint: gcp.url }));
    await provider.issue(target, order(), never());
    process.env['GOOGLE_APPLICATION_CREDENTIALS'] = join(folder, 'missing.json');
    await failure(providerOf().issue(target, order(), never()), 'ERR_CLOUD_BUSY');
  } finally {
    if (earlier === undefined) delete process.env['GOOGLE_APPLICATION_CREDENTIALS'];
    else process.env['GOOGLE_APPLICATION_CREDENTIALS'] = earlier;
  }
});
