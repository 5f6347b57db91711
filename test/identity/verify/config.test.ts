/**
 * Entries of the configuration as operators write them, and as they must not.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { identityProviderSchema, issuerOf, providerView } from '../../../src/identity/verify/config.ts';
import type { Claims } from './issuer.ts';

const EXAMPLES: Readonly<Record<string, string>> = {
  corp: `
    type: oidc
    issuer: https://login.example.com
    client_id: jit-cli
    scopes: [openid, profile, offline_access, groups]
    device: false
    claims: { groups: groups, name: preferred_username }
    require: { email_verified: true, department: [platform, sre] }`,
  github: `
    type: github
    repository_ids: [123456789]
    repository_owner_ids: [987654]
    environment: [production]
    ref: [refs/heads/main]
    event_name: [push, workflow_dispatch]
    job_workflow_ref: example/deploy/.github/workflows/deploy.yml@refs/heads/main
    groups: [deployers]`,
  gitlab: `
    type: gitlab
    issuer: https://gitlab.example.com
    project_ids: [20]
    namespace_ids: [72]
    ref_protected: true
    environment: [production]
    environment_protected: true
    groups: [deployers]`,
  cluster: `
    type: kubernetes
    issuer: https://kubernetes.default.svc.cluster.local
    keys: { file: /etc/jit/cluster-jwks.json }
    service_accounts: [payments/deployer]
    namespaces: [ci]
    groups: [deployers]`,
  mesh: `
    type: spiffe
    trust_domain: example.org
    keys: { url: 'https://spire.example.org/bundle' }
    paths: [/ns/prod/sa/web, /ns/ci/*]
    groups: [services]`,
  azure: `
    type: azure
    issuer: https://sts.windows.net/8f7e6d5c-1111-4222-8333-0123456789ab/
    tenant_id: 8F7E6D5C-1111-4222-8333-0123456789AB
    object_ids: [0a1b2c3d-4444-4555-8666-0123456789ab]
    groups: [automation]`,
  google: `
    type: google
    service_account_ids: ['117000000000000000001']
    service_account_emails: [deploy@example.iam.gserviceaccount.com]
    groups: [automation]`,
  bots: `
    type: jwt
    issuer: https://agents.example.com
    keys: { url: 'https://agents.example.com/jwks.json' }
    algorithms: [EdDSA]
    kind: agent
    require: { sub: [release-bot, triage-bot] }
    claims: { name: display_name }
    groups: [bots]`,
};

test('the examples are read, with the safe values where nothing is said', () => {
  const views = Object.entries(EXAMPLES).map(([name, text]) => {
    const config = identityProviderSchema.parse(parse(text));
    assert.equal(config.allow_private_addresses, false);
    return providerView(name, config);
  });
  assert.deepEqual(
    views.map(({ name, issuer }) => [name, issuer]),
    [
      ['corp', 'https://login.example.com'],
      ['github', 'https://token.actions.githubusercontent.com'],
      ['gitlab', 'https://gitlab.example.com'],
      ['cluster', 'https://kubernetes.default.svc.cluster.local'],
      ['mesh', 'spiffe://example.org'],
      ['azure', 'https://sts.windows.net/8f7e6d5c-1111-4222-8333-0123456789ab/'],
      ['google', 'https://accounts.google.com'],
      ['bots', 'https://agents.example.com'],
    ],
  );
  assert.deepEqual(views[0]?.client, {
    id: 'jit-cli',
    scopes: ['openid', 'profile', 'offline_access', 'groups'],
    device: false,
  });
  assert.deepEqual(
    views.slice(1).map(({ client }) => client),
    views.slice(1).map(() => null),
  );
  const least = identityProviderSchema.parse({ type: 'oidc', issuer: 'https://a.example.com', client_id: 'x' });
  assert.deepEqual(least, {
    type: 'oidc',
    issuer: 'https://a.example.com',
    client_id: 'x',
    keys: 'discovery',
    algorithms: ['RS256', 'ES256'],
    allow_private_addresses: false,
    require: {},
    scopes: ['openid', 'profile', 'offline_access'],
    device: false,
    web: true,
    claims: { groups: 'groups', name: 'name' },
  });
  assert.equal(issuerOf(least), 'https://a.example.com');
});

const OIDC = { type: 'oidc', issuer: 'https://a.example.com', client_id: 'x' };
const JWT = { type: 'jwt', issuer: 'https://a.example.com', require: { sub: 'x' } };
const WRONG: readonly (readonly [path: string, Claims])[] = [
  ['type', { ...OIDC, type: 'saml' }],
  ['type', {}],
  ['issuer', { ...OIDC, issuer: undefined }],
  ['issuer', { ...OIDC, issuer: 'https://a.example.com|b' }],
  ['issuer', { ...OIDC, issuer: 'https://a example.com' }],
  ['issuer', { ...OIDC, issuer: 'os' }],
  ['issuer', { ...OIDC, issuer: 'http://a.example.com' }],
  ['issuer', { ...OIDC, issuer: 'http://127.0.0.1:8080' }],
  ['issuer', { ...OIDC, issuer: 'http://a.example.com', allow_private_addresses: true }],
  ['issuer', { ...OIDC, issuer: 'https://10.0.0.1' }],
  ['issuer', { ...OIDC, issuer: 'https://169.254.169.254', allow_private_addresses: true }],
  ['issuer', { ...OIDC, issuer: 'https://a.example.com?x=y' }],
  ['issuer', { ...OIDC, issuer: 'https://user@a.example.com' }],
  ['issuer', { ...JWT, issuer: 'cluster' }],
  ['client_id', { ...OIDC, client_id: '' }],
  ['client_id', { ...OIDC, client_id: 'a\nb' }],
  ['scopes', { ...OIDC, scopes: ['profile'] }],
  ['device', { ...OIDC, device: 'no' }],
  ['web', { ...OIDC, web: 'no' }],
  ['client_secret_file', { ...OIDC, client_secret_file: 'secret' }],
  ['', { ...OIDC, allowed_algorithms: ['HS256'] }],
  ['', { ...OIDC, audience: 'https://other.example.com' }],
  ['algorithms.0', { ...OIDC, algorithms: ['none'] }],
  ['algorithms.0', { ...OIDC, algorithms: ['HS256'] }],
  ['algorithms.1', { ...OIDC, algorithms: ['RS256', 'HS512'] }],
  ['algorithms', { ...OIDC, algorithms: [] }],
  ['keys', { ...OIDC, keys: { url: 'https://a.example.com/jwks', file: '/a' } }],
  ['keys', { ...OIDC, keys: 'none' }],
  ['keys.file', { ...OIDC, keys: { file: 'jwks.json' } }],
  ['keys.url', { ...OIDC, keys: { url: 'http://a.example.com/jwks' } }],
  ['keys.url', { ...OIDC, keys: { url: 'https://192.168.1.1/jwks' } }],
  ['keys.url', { ...OIDC, keys: { url: 'file:///etc/passwd' } }],
  ['require', { ...JWT, require: {} }],
  ['require', { type: 'jwt', issuer: 'https://a.example.com' }],
  ['require.sub', { ...JWT, require: { sub: [] } }],
  ['require.sub', { ...JWT, require: { sub: { not: 'x' } } }],
  ['groups.0', { ...JWT, groups: [''] }],
  ['groups.0', { ...JWT, groups: ['a\u202eb'] }],
  ['kind', { ...JWT, kind: 'user' }],
  ['repository_ids', { type: 'github', repository_owner_ids: 1 }],
  ['repository_owner_ids', { type: 'github', repository_ids: 1 }],
  ['repository_ids', { type: 'github', repository_ids: [], repository_owner_ids: 1 }],
  ['repository_ids', { type: 'github', repository_ids: 'octo-org/octo-repo', repository_owner_ids: 1 }],
  ['repository_ids', { type: 'github', repository_ids: 1.5, repository_owner_ids: 1 }],
  ['repository_ids', { type: 'github', repository_ids: 2 ** 60, repository_owner_ids: 1 }],
  ['', { type: 'gitlab' }],
  ['', { type: 'kubernetes', issuer: 'https://a.example.com' }],
  ['service_accounts', { type: 'kubernetes', issuer: 'https://a.example.com', service_accounts: 'ns/*' }],
  ['service_accounts', { type: 'kubernetes', issuer: 'https://a.example.com', service_accounts: 'a/b/c' }],
  ['namespaces', { type: 'kubernetes', issuer: 'https://a.example.com', namespaces: '*' }],
  ['keys', { type: 'spiffe', trust_domain: 'example.org', paths: '/*' }],
  ['keys', { type: 'spiffe', trust_domain: 'example.org', paths: '/*', keys: 'discovery' }],
  ['trust_domain', { type: 'spiffe', trust_domain: 'Example.org', paths: '/*', keys: { file: '/a' } }],
  ['trust_domain', { type: 'spiffe', trust_domain: 'spiffe://a', paths: '/*', keys: { file: '/a' } }],
  ['paths', { type: 'spiffe', trust_domain: 'example.org', paths: '*', keys: { file: '/a' } }],
  ['paths', { type: 'spiffe', trust_domain: 'example.org', paths: '/a*', keys: { file: '/a' } }],
  ['algorithms.0', { type: 'spiffe', trust_domain: 'a', paths: '/*', keys: { file: '/a' }, algorithms: ['EdDSA'] }],
  ['tenant_id', { type: 'azure', issuer: 'https://a.example.com', tenant_id: 'common', object_ids: [] }],
  ['', { type: 'google' }],
];

test('what is unsafe, unknown or too wide is refused, and the problem has its place', () => {
  for (const [path, config] of WRONG) {
    const read = identityProviderSchema.safeParse(config);
    const places = read.error?.issues.map((issue) => issue.path.join('.')) ?? [];
    assert.ok(
      places.some((place) => place.startsWith(path)),
      `${JSON.stringify(config)}: ${places.join()}`,
    );
  }
});

test('http to this host needs to be allowed in so many words', () => {
  const config = { ...OIDC, issuer: 'http://127.0.0.1:8080', allow_private_addresses: true };
  assert.equal(issuerOf(identityProviderSchema.parse(config)), config.issuer);
  const apart = { ...JWT, issuer: 'cluster', keys: { url: 'http://[::1]:8080/jwks' }, allow_private_addresses: true };
  assert.equal(issuerOf(identityProviderSchema.parse(apart)), 'cluster');
});
