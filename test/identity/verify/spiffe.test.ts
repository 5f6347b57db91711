/**
 * JWT-SVIDs as the standard has them, checked with bundles over HTTP and in files.
 * @module
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ProviderConfig } from '../../../src/identity/verify/config.ts';
import { workloadOf } from '../../../src/identity/verify/workloads.ts';
import { tempFolder } from '../../support/home.ts';
import {
  at,
  AUDIENCE,
  BINDING,
  type Claims,
  entry,
  jwt,
  REFUSAL,
  reasonOf,
  signed,
  startIssuer,
  testKey,
  verifierOf,
} from './issuer.ts';

const KEY = await testKey('RS256');
const times = { iat: at(-5), exp: at(3_600) };
const SVID = { iss: undefined, sub: 'spiffe://example.org/ns/prod/sa/web', aud: AUDIENCE };
const PATHS = { type: 'spiffe', trust_domain: 'example.org', paths: ['/ns/prod/*', '/db'] };

test('spiffe: a JWT-SVID of the trust domain, checked with its bundle', async (t) => {
  const issuer = await startIssuer(t, [
    { ...KEY.jwk, use: 'jwt-svid' },
    { ...KEY.jwk, use: 'x509-svid', kid: 'x509' },
    { ...KEY.jwk, use: 'sig', kid: 'plain' },
    { kty: 'XYZ', use: 'jwt-svid', kid: 'new' },
  ]);
  const keys = { url: `${issuer.url}/jwks` };
  const verifier = verifierOf({ work: entry({ ...PATHS, keys, groups: ['ci'] }) });
  const token = async (change: Claims = {}, header: Claims = {}): Promise<string> =>
    signed(KEY, { ...SVID, ...times, ...change }, header);
  const verified = await verifier.verify(jwt(await token()), BINDING);
  assert.deepEqual(verified.principal, {
    kind: 'workload',
    issuer: 'spiffe://example.org',
    subject: SVID.sub,
    name: SVID.sub,
    groups: ['ci'],
  });
  assert.equal(verified.renewal, 'fixed');
  for (const header of [{ typ: 'JOSE' }, { typ: undefined }, { kid: undefined }]) {
    await verifier.verify(jwt(await token({}, header)), BINDING);
  }
  await verifier.verify(jwt(await token({ iss: 'https://spire.example.org' })), BINDING);
  await verifier.verify(jwt(await token({ sub: 'spiffe://example.org/db' })), BINDING);
  const faults: readonly (readonly [RegExp, Claims, Claims?])[] = [
    [/no configured provider/, { sub: 'spiffe://other.org/ns/prod/sa/web' }],
    [/no configured provider/, { sub: 'spiffe://example.org.evil.org/ns/prod/sa/web' }],
    [/no configured provider/, { sub: 'spiffe://EXAMPLE.org/ns/prod/sa/web' }],
    [/no configured provider/, { sub: 'spiffe://example.org:443/ns/prod/sa/web' }],
    [/no configured provider/, { sub: 'spiffe://example.org/ns/prod/../prod/sa/web' }],
    [/no configured provider/, { sub: 'spiffe://example.org/ns/prod/sa/web?x' }],
    [/no configured provider/, { sub: undefined }],
    [/path/, { sub: 'spiffe://example.org/ns/stage/sa/web' }],
    [/path/, { sub: 'spiffe://example.org/ns/prod' }],
    [/path/, { sub: 'spiffe://example.org/ns/prod2/sa' }],
    [/path/, { sub: 'spiffe://example.org' }],
    [/audience/, { aud: undefined }],
    [/audience/, { aud: 'spiffe://example.org/other' }],
    [/when it ends/, { exp: undefined }],
    [/expired/, { exp: at(-61) }],
    [/type of a JWT-SVID/, {}, { typ: 'jwt' }],
    [/type of a JWT-SVID/, {}, { typ: 'at+jwt' }],
    [/has that header/, {}, { cty: 'JWT' }],
    [/no such key/, {}, { kid: 'x509' }],
    [/no such key/, {}, { kid: 'plain' }],
    [/acts for somebody/, { act: { sub: 'spiffe://example.org/bot' } }],
  ];
  for (const [reason, change, header] of faults) {
    const attempt = verifier.verify(jwt(await token(change, header)), BINDING);
    await assert.rejects(attempt, REFUSAL);
    assert.match(await reasonOf(attempt), reason, JSON.stringify([change, header]));
  }
  // The rules say no by themselves too, whatever chose the entry.
  const config = entry({ ...PATHS, keys });
  assert.ok(config.type === 'spiffe');
  const foreign = new Map([['sub', 'spiffe://other.org/db']]);
  assert.throws(() => workloadOf(config, foreign), REFUSAL);
  assert.throws(() => workloadOf(config, new Map([['sub', 'spiffe://example.org/']])), REFUSAL);
  const named = verifierOf({ work: entry({ ...PATHS, keys, issuer: 'https://spire.example.org' }) });
  await named.verify(jwt(await token({ iss: 'https://spire.example.org' })), BINDING);
  await assert.rejects(named.verify(jwt(await token()), BINDING), REFUSAL);
});

test('spiffe: the keys of one trust domain say nothing about another', async (t) => {
  const folder = tempFolder(t);
  const other = await testKey('RS256', 'other');
  for (const [name, key] of Object.entries({ 'example.org': KEY, 'other.org': other })) {
    const bundle = { spiffe_sequence: 1, spiffe_refresh_hint: 60, keys: [{ ...key.jwk, use: 'jwt-svid' }] };
    writeFileSync(join(folder, name), JSON.stringify(bundle));
  }
  const entryFor = (domain: string): ProviderConfig =>
    entry({ ...PATHS, trust_domain: domain, keys: { file: join(folder, domain) } });
  const verifier = verifierOf({ one: entryFor('example.org'), two: entryFor('other.org') });
  const svid = { ...SVID, ...times };
  assert.equal((await verifier.verify(jwt(await signed(KEY, svid)), BINDING)).provider, 'one');
  await assert.rejects(verifier.verify(jwt(await signed(other, svid)), BINDING), REFUSAL);
  const theirs = { ...svid, sub: 'spiffe://other.org/db' };
  assert.equal((await verifier.verify(jwt(await signed(other, theirs)), BINDING)).provider, 'two');
  await assert.rejects(verifier.verify(jwt(await signed(KEY, theirs)), BINDING), REFUSAL);
});
