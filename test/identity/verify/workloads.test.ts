/**
 * Tokens of workloads, shaped as their platforms document them and signed by a test issuer: whom each kind identifies, and whom not.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProviderConfig } from '../../../src/identity/verify/config.ts';
import {
  at,
  AUDIENCE,
  BINDING,
  type Claims,
  entry,
  jwt,
  NOW,
  REFUSAL,
  reasonOf,
  signed,
  startIssuer,
  type TestIssuer,
  testKey,
  verifierOf,
} from './issuer.ts';

const KEY = await testKey('RS256');
const DAY = 86_400;

/** One kind of workload: an entry, a good token, whom it identifies, and changes that must each be refused. */
interface Kind {
  readonly entry: Claims;
  readonly claims: Claims;
  readonly header?: Claims;
  readonly identity: { readonly subject: string; readonly name: string };
  readonly renewal: 'on demand' | 'fixed';
  readonly same: readonly Claims[];
  readonly faults: readonly (readonly [RegExp, Claims])[];
}

/** https://docs.github.com/en/actions/reference/security/oidc */
const GITHUB: Kind = {
  entry: { type: 'github', repository_ids: [74, '75'], repository_owner_ids: 65, event_name: ['push', 'schedule'] },
  claims: {
    sub: 'repo:octo-org/octo-repo:ref:refs/heads/main',
    jti: 'example-id',
    repository: 'octo-org/octo-repo',
    repository_id: '74',
    repository_owner: 'octo-org',
    repository_owner_id: '65',
    ref: 'refs/heads/main',
    event_name: 'push',
    job_workflow_ref: 'octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/main',
  },
  header: { x5t: 'thumbprint' },
  identity: { subject: 'repository_id:74', name: 'octo-org/octo-repo refs/heads/main' },
  renewal: 'on demand',
  same: [
    // Renamed, and with the new form of the subject.
    { sub: 'repo:octo-org@65/octo-repo@74:ref:refs/heads/main' },
    { sub: undefined },
    { event_name: 'schedule' },
    { actor: 'somebody-else' },
  ],
  faults: [
    [/repository_id is not/, { repository_id: '76' }],
    [/repository_id is not plain/, { repository_id: 74 }],
    [/no claim repository_id/, { repository_id: undefined }],
    [/repository_owner_id is not/, { repository_owner_id: '66' }],
    [/no claim repository_owner_id/, { repository_owner_id: undefined }],
    [/event_name/, { event_name: 'pull_request' }],
    [/too old/, { iat: at(-661) }],
    [/acts for somebody/, { act: { sub: 'bot' } }],
  ],
};

/** https://docs.gitlab.com/ci/secrets/id_token_authentication/ */
const GITLAB: Kind = {
  entry: { type: 'gitlab', project_ids: 20, namespace_ids: ['72'], ref_protected: true },
  claims: {
    sub: 'project_path:my-group/my-project:ref_type:branch:ref:main',
    namespace_id: '72',
    namespace_path: 'my-group',
    project_id: '20',
    project_path: 'my-group/my-project',
    pipeline_source: 'push',
    ref: 'main',
    ref_type: 'branch',
    ref_protected: 'true',
    jti: '235b3a54-b797-45c7-ae9a-f72d7bc6ef5b',
  },
  identity: { subject: 'project_id:20', name: 'my-group/my-project main' },
  renewal: 'fixed',
  same: [{ ref_protected: true }, { iat: at(-3_600) }],
  faults: [
    [/project_id/, { project_id: '21' }],
    [/namespace_id/, { namespace_id: '73' }],
    [/ref_protected/, { ref_protected: 'false' }],
    [/ref_protected/, { ref_protected: false }],
    [/ref_protected/, { ref_protected: undefined }],
    [/too old/, { iat: at(-DAY - 61), exp: at(DAY) }],
    [/expired/, { exp: at(-60) }],
  ],
};

/** https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/, a bound token. */
const BOUND = {
  namespace: 'my-namespace',
  pod: { name: 'my-pod', uid: 'p-1' },
  serviceaccount: { name: 'deployer', uid: 's-1' },
};
const KUBERNETES: Kind = {
  entry: { type: 'kubernetes', service_accounts: 'my-namespace/deployer', namespaces: ['ci'] },
  claims: {
    sub: 'system:serviceaccount:my-namespace:deployer',
    aud: [AUDIENCE],
    jti: 'ed0d2f5b-7f0e-4b1a-9c0f-7d8f0a6c2b11',
    'kubernetes.io': BOUND,
  },
  header: { typ: undefined },
  identity: { subject: 'system:serviceaccount:my-namespace:deployer', name: 'my-namespace/deployer' },
  renewal: 'fixed',
  same: [{ nbf: at(-5) }, { 'kubernetes.io': { ...BOUND, pod: undefined, warnafter: at(3_000) } }],
  faults: [
    [/not the bound token/, { 'kubernetes.io': undefined }],
    [/not the bound token/, { 'kubernetes.io': 'text' }],
    [/not the bound token/, { 'kubernetes.io': { ...BOUND, namespace: 'other' } }],
    [/not the bound token/, { 'kubernetes.io': { ...BOUND, serviceaccount: { name: 'other' } } }],
    [/not the bound token/, { 'kubernetes.io': { namespace: 'my-namespace' } }],
    [/not the bound token/, { sub: 'system:serviceaccount:my-namespace:deployer:x' }],
    [/not the bound token/, { sub: 'system:node:deployer' }],
    [/not configured/, account('my-namespace', 'other')],
    [/not configured/, account('other', 'deployer')],
    [/audience/, { aud: ['https://kubernetes.default.svc', AUDIENCE] }],
    [/when it ends/, { exp: undefined }],
  ],
};

function account(namespace: string, name: string): Claims {
  return {
    sub: `system:serviceaccount:${namespace}:${name}`,
    'kubernetes.io': { namespace, serviceaccount: { name } },
  };
}

const TENANT = '8f7e6d5c-1111-4222-8333-0123456789ab';
const OBJECT = '0a1b2c3d-4444-4555-8666-0123456789ab';
/** https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference, of a managed identity. */
const AZURE: Kind = {
  entry: { type: 'azure', tenant_id: TENANT.toUpperCase(), object_ids: [OBJECT] },
  claims: { sub: OBJECT, oid: OBJECT, tid: TENANT, appid: 'c0ffee00-7777-4888-8999-0123456789ab', ver: '1.0' },
  header: { x5t: 'thumbprint' },
  identity: { subject: OBJECT, name: OBJECT },
  renewal: 'fixed',
  // Its metadata service repeats a token for most of a day.
  same: [{ iat: at(-20 * 3_600) }],
  faults: [
    [/tid/, { tid: OBJECT }],
    [/tid/, { tid: undefined }],
    [/oid/, { oid: TENANT }],
    [/oid/, { oid: undefined }],
    [/oid/, { oid: OBJECT.toUpperCase() }],
    [/user/, { scp: 'user_impersonation' }],
  ],
};

const ROBOT = '117000000000000000001';
/** https://docs.cloud.google.com/compute/docs/instances/verifying-instance-identity */
const GOOGLE: Kind = {
  entry: {
    type: 'google',
    service_account_ids: [ROBOT],
    service_account_emails: 'bot@acme.iam.gserviceaccount.com',
  },
  claims: { sub: ROBOT, azp: ROBOT, email: 'any@acme.iam.gserviceaccount.com', email_verified: true },
  identity: { subject: ROBOT, name: 'any@acme.iam.gserviceaccount.com' },
  renewal: 'fixed',
  same: [],
  faults: [
    [/not configured/, { sub: '118', email: 'other@acme.iam.gserviceaccount.com' }],
    [/not configured/, { sub: '118', email: undefined }],
    [/not verified/, { sub: '118', email: 'bot@acme.iam.gserviceaccount.com', email_verified: false }],
    [/not verified/, { sub: '118', email: 'bot@acme.iam.gserviceaccount.com', email_verified: undefined }],
  ],
};

/** sts:GetWebIdentityToken and everything else that signs JWTs. */
const JWT: Kind = {
  entry: { type: 'jwt', require: { sub: ['job-1', 'job-2'], team: 'web' }, claims: { name: 'title', groups: 'roles' } },
  claims: { sub: 'job-1', team: 'web', title: 'nightly build', roles: ['ci', 'builders'] },
  identity: { subject: 'job-1', name: 'nightly build' },
  renewal: 'fixed',
  same: [{}],
  faults: [
    [/sub is not as required/, { sub: 'job-3' }],
    [/team is not as required/, { team: undefined }],
    [/acts for somebody/, { act: { sub: 'bot' } }],
    [/not a list of groups/, { roles: [1] }],
    [/event/, { events: {} }],
  ],
};

const KINDS: Readonly<Record<string, Kind>> = { GITHUB, GITLAB, KUBERNETES, AZURE, GOOGLE, JWT };

const times = { iat: at(-5), exp: at(3_600) };
const configOf = (issuer: TestIssuer, kind: Kind, change: Claims = {}): ProviderConfig =>
  entry({ ...kind.entry, issuer: issuer.url, groups: ['ci', 'deployers'], ...change });
const tokenOf = async (issuer: TestIssuer, kind: Kind, change: Claims = {}): Promise<string> =>
  signed(KEY, { iss: issuer.url, aud: AUDIENCE, ...times, ...kind.claims, ...change }, kind.header);

for (const [name, kind] of Object.entries(KINDS)) {
  test(`${name.toLowerCase()}: the rules of the entry decide, and the groups are the operator's`, async (t) => {
    const issuer = await startIssuer(t, [KEY.jwk]);
    const verifier = verifierOf({ work: configOf(issuer, kind) });
    const verified = await verifier.verify(jwt(await tokenOf(issuer, kind)), BINDING);
    const groups = kind === JWT ? ['ci', 'deployers', 'builders'] : ['ci', 'deployers'];
    assert.deepEqual(verified.principal, { kind: 'workload', issuer: issuer.url, ...kind.identity, groups });
    assert.equal(verified.renewal, kind.renewal);
    assert.equal(verified.provider, 'work');
    for (const change of kind.same) {
      const { principal } = await verifier.verify(jwt(await tokenOf(issuer, kind, change)), BINDING);
      assert.equal(principal.subject, kind.identity.subject, JSON.stringify(change));
    }
    const always: readonly (readonly [RegExp, Claims])[] = [
      [/audience/, { aud: 'https://other.example.com' }],
      [/audience/, { aud: [AUDIENCE, 'https://other.example.com'] }],
      [/when it was issued/, { iat: undefined }],
      [/in the future/, { iat: at(61) }],
      [/expired/, { exp: at(-60) }],
    ];
    for (const [reason, change] of [...kind.faults, ...always]) {
      const attempt = verifier.verify(jwt(await tokenOf(issuer, kind, change)), BINDING);
      await assert.rejects(attempt, REFUSAL, JSON.stringify(change));
      assert.match(await reasonOf(attempt), reason);
    }
    for (const typ of ['logout+jwt', 'secevent+jwt', 'dpop+jwt', ...(kind === JWT ? [] : ['at+jwt'])]) {
      const token = await signed(KEY, { iss: issuer.url, aud: AUDIENCE, ...times, ...kind.claims }, { typ });
      await assert.rejects(verifier.verify(jwt(token), BINDING), REFUSAL, typ);
    }
    const agents = verifierOf({ work: configOf(issuer, kind, { kind: 'agent' }) });
    const { principal } = await agents.verify(jwt(await tokenOf(issuer, kind)), BINDING);
    assert.equal(principal.kind, 'agent');
    assert.equal(principal.actsFor, undefined);
  });
}

test('a job in an environment is somebody else than the same repository outside of it', async (t) => {
  const issuer = await startIssuer(t, [KEY.jwk]);
  const subjectOf = async (kind: Kind, change: Claims, rules: Claims = {}): Promise<string> => {
    const verifier = verifierOf({ work: configOf(issuer, kind, rules) });
    return (await verifier.verify(jwt(await tokenOf(issuer, kind, change)), BINDING)).principal.subject;
  };
  assert.equal(await subjectOf(GITHUB, { environment: 'prod' }), 'repository_id:74:environment:prod');
  assert.equal(await subjectOf(GITLAB, { environment: 'prod' }), 'project_id:20:environment:prod');
  const rules = { environment: ['prod', 'stage'], ref: 'refs/heads/main' };
  assert.equal(await subjectOf(GITHUB, { environment: 'stage' }, rules), 'repository_id:74:environment:stage');
  await assert.rejects(subjectOf(GITHUB, {}, rules), REFUSAL);
  await assert.rejects(subjectOf(GITHUB, { environment: 'dev' }, rules), REFUSAL);
  await assert.rejects(subjectOf(GITHUB, { environment: 'prod', ref: 'refs/heads/mai' }, rules), REFUSAL);
  await assert.rejects(subjectOf(GITHUB, { environment: 'a\nb' }), REFUSAL);
  const workflow = { job_workflow_ref: 'octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/main' };
  assert.equal(await subjectOf(GITHUB, {}, workflow), 'repository_id:74');
  await assert.rejects(subjectOf(GITHUB, { job_workflow_ref: `${workflow.job_workflow_ref}2` }, workflow), REFUSAL);
  const guarded = { environment: 'prod', environment_protected: true, ref: ['main'] };
  const job = { environment: 'prod', environment_protected: 'true' };
  assert.equal(await subjectOf(GITLAB, job, guarded), 'project_id:20:environment:prod');
  await assert.rejects(subjectOf(GITLAB, { ...job, environment_protected: 'false' }, guarded), REFUSAL);
  await assert.rejects(subjectOf(GITLAB, { ...job, ref: 'other' }, guarded), REFUSAL);
});

test('kubernetes: a whole namespace can be let in, and no neighbour with it', async (t) => {
  const issuer = await startIssuer(t, [KEY.jwk]);
  const verifier = verifierOf({ work: configOf(issuer, KUBERNETES) });
  const verify = async (change: Claims): Promise<string> =>
    (await verifier.verify(jwt(await tokenOf(issuer, KUBERNETES, change)), BINDING)).principal.name;
  assert.equal(await verify(account('ci', 'any')), 'ci/any');
  await assert.rejects(verify(account('ci-2', 'any')), REFUSAL);
});

test('azure: a token of version 2.0 is for the application that stands for the broker', async (t) => {
  const issuer = await startIssuer(t, [KEY.jwk]);
  const application = 'aaaaaaaa-7777-4888-8999-0123456789ab';
  const verifier = verifierOf({ work: configOf(issuer, AZURE, { application_id: application }) });
  const good = await tokenOf(issuer, AZURE, { aud: application, ver: '2.0' });
  assert.equal((await verifier.verify(jwt(good), BINDING)).principal.subject, OBJECT);
  await assert.rejects(verifier.verify(jwt(await tokenOf(issuer, AZURE)), BINDING), REFUSAL);
});

test('a proof that is handed out once ends a day after it was made, however long it says', async (t) => {
  const issuer = await startIssuer(t, [KEY.jwk]);
  const verifier = verifierOf({ work: configOf(issuer, KUBERNETES) });
  const verified = await verifier.verify(
    jwt(await tokenOf(issuer, KUBERNETES, { iat: at(-3_600), exp: at(365 * DAY) })),
    BINDING,
  );
  assert.equal(verified.until, NOW + 23 * 3_600 * 1_000);
});

test("an agent of its own issuer can say for whom it acts; groups of the claim are the person's, those of the entry its own", async (t) => {
  const issuer = await startIssuer(t, [KEY.jwk]);
  const verifier = verifierOf({ work: configOf(issuer, JWT, { kind: 'agent' }) });
  const { principal } = await verifier.verify(jwt(await tokenOf(issuer, JWT, { act: { sub: 'bot' } })), BINDING);
  assert.deepEqual(principal, {
    kind: 'agent',
    issuer: issuer.url,
    subject: 'bot',
    name: 'bot',
    groups: ['ci', 'deployers'],
    actsFor: {
      kind: 'user',
      issuer: issuer.url,
      subject: 'job-1',
      name: 'nightly build',
      groups: ['ci', 'builders'],
    },
  });
  for (const act of [{ sub: 'bot', act: { sub: 'x' } }, { sub: 'bot', iss: 'https://other.example.com' }, []]) {
    const attempt = verifier.verify(jwt(await tokenOf(issuer, JWT, { act })), BINDING);
    await assert.rejects(attempt, REFUSAL);
  }
});

test('of several entries about one issuer the first that fits vouches, and they fetch its keys once', async (t) => {
  const issuer = await startIssuer(t, [KEY.jwk]);
  const verifier = verifierOf({
    prod: configOf(issuer, GITHUB, { environment: 'prod', groups: ['prod'] }),
    any: configOf(issuer, GITHUB, { groups: ['any'] }),
    late: configOf(issuer, GITHUB, { groups: ['late'] }),
  });
  const providerOf = async (change: Claims): Promise<string> =>
    (await verifier.verify(jwt(await tokenOf(issuer, GITHUB, change)), BINDING)).provider;
  assert.equal(await providerOf({ environment: 'prod' }), 'prod');
  assert.equal(await providerOf({}), 'any');
  const attempt = verifier.verify(jwt(await tokenOf(issuer, GITHUB, { repository_id: '1' })), BINDING);
  assert.match(await reasonOf(attempt), /^prod: .*; any: .*; late: /);
  assert.equal(issuer.asked.length, 2);
});

test('a token that STS gives a caller of AWS can be had anew, and that of any other issuer of JWTs cannot', async (t) => {
  const issuer = await startIssuer(t, [KEY.jwk]);
  for (const [name, renewal] of [
    ['https://abc123-def456.tokens.sts.global.api.aws', 'on demand'],
    ['https://abc123.tokens.sts.global.api.aws.evil.example', 'fixed'],
    ['https://ci.example.com', 'fixed'],
  ] as const) {
    const keys = { keys: { url: `${issuer.url}/jwks` }, allow_private_addresses: true };
    const verifier = verifierOf({ work: entry({ type: 'jwt', issuer: name, require: { sub: 'x' }, ...keys }) });
    const life = { iat: at(0), exp: at(300) };
    const token = await signed(KEY, { iss: name, sub: 'x', aud: AUDIENCE, ...life });
    assert.equal((await verifier.verify(jwt(token), BINDING)).renewal, renewal, name);
  }
});
