/**
 * ID tokens of a real issuer over HTTP: who is let in, and every way not to be.
 * @module
 */
import assert from 'node:assert/strict';
import { createHmac, createPublicKey } from 'node:crypto';
import { test } from 'node:test';
import { type CryptoKey, exportSPKI, importJWK } from 'jose';
import { JitError } from '../../../src/core/errors.ts';
import type { Assertion } from '../../../src/identity/verify/verified.ts';
import {
  at,
  AUDIENCE,
  BINDING,
  type Claims,
  CLIENT,
  entry,
  idToken,
  jwt,
  NOW,
  REFUSAL,
  reasonOf,
  signed,
  startIssuer,
  testKey,
  verifierOf,
} from './issuer.ts';

const KEY = await testKey('ES256');
const RSA = await testKey('RS256');
const P384 = await testKey('ES384');
const STRANGER = await testKey('ES256');

const base = (issuer: string): Claims => ({
  iss: issuer,
  sub: 'u-1',
  aud: CLIENT,
  iat: at(-5),
  exp: at(300),
  nonce: 'thumbprint',
  name: 'Ada Lovelace',
  email: 'ada@example.com',
  groups: ['sre', 'sre-leads'],
});

test('a person with a good ID token is who the issuer says, by issuer and subject', async (t) => {
  const issuer = await startIssuer(t, [KEY.jwk, RSA.jwk]);
  const verifier = verifierOf({ corp: entry({ type: 'oidc', issuer: issuer.url, client_id: CLIENT }) });
  const verified = await verifier.verify(idToken(await signed(KEY, base(issuer.url))), BINDING);
  const { once, ...rest } = verified;
  assert.deepEqual(rest, {
    provider: 'corp',
    principal: {
      kind: 'user',
      issuer: issuer.url,
      subject: 'u-1',
      name: 'Ada Lovelace',
      groups: ['sre', 'sre-leads'],
    },
    issuedAt: NOW - 5_000,
    until: NOW + 300_000,
    nonce: 'thumbprint',
    renewal: 'on demand',
  });
  assert.match(once, /^[\w-]{43}$/);
  // Other shapes that mean the same.
  for (const [change, header] of [
    [{ aud: [CLIENT] }, {}],
    [{ azp: CLIENT }, {}],
    [{ typ: 'ID' }, { typ: 'application/jwt' }],
    [{ token_use: 'id' }, { typ: undefined }],
    [{ iat: at(50), nbf: at(59) }, {}],
    [{ exp: at(-59) }, {}],
    [{ nonce: undefined, name: undefined, groups: undefined }, {}],
  ] as const) {
    await verifier.verify(idToken(await signed(KEY, { ...base(issuer.url), ...change }, header)), BINDING);
  }
  await verifier.verify(idToken(await signed(RSA, base(issuer.url))), BINDING);
  assert.deepEqual(issuer.asked, ['/.well-known/openid-configuration', '/jwks'], 'keys are fetched once');
});

test('an e-mail address changes nothing: the same subject is the same person, another subject is another one', async (t) => {
  const issuer = await startIssuer(t, [KEY.jwk]);
  const verifier = verifierOf({ corp: entry({ type: 'oidc', issuer: issuer.url, client_id: CLIENT }) });
  const subjectOf = async (change: Claims): Promise<string> => {
    const token = await signed(KEY, { ...base(issuer.url), name: undefined, ...change });
    const { principal } = await verifier.verify(idToken(token), BINDING);
    assert.equal(principal.name, principal.subject);
    return principal.subject;
  };
  assert.equal(await subjectOf({ email: 'new@example.com', email_verified: false }), 'u-1');
  assert.equal(await subjectOf({ sub: 'u-2', email: 'ada@example.com' }), 'u-2');
  const strict = verifierOf({
    corp: entry({ type: 'oidc', issuer: issuer.url, client_id: CLIENT, require: { email: 'ada@example.com' } }),
  });
  const unverified = idToken(await signed(KEY, { ...base(issuer.url), email_verified: false }));
  await assert.rejects(strict.verify(unverified, BINDING), REFUSAL);
  await strict.verify(idToken(await signed(KEY, { ...base(issuer.url), email_verified: true })), BINDING);
});

/** Each is one fault in an otherwise good token: a change of claims, of the header, or of the whole. */
const FAULTS: Readonly<Record<string, readonly [reason: RegExp, claims: Claims, header?: Claims]>> = {
  'another issuer': [/no configured provider/, { iss: 'https://other.example.com' }],
  'an issuer that is a list': [/no configured provider/, { iss: ['https://other.example.com'] }],
  'no issuer': [/no configured provider/, { iss: undefined }],
  'no audience': [/audience/, { aud: undefined }],
  'another audience': [/audience/, { aud: 'other' }],
  'the audience of the broker, as workloads have it': [/audience/, { aud: AUDIENCE }],
  'an audience among others': [/audience/, { aud: [CLIENT, 'other'] }],
  'the audience twice': [/audience/, { aud: [CLIENT, CLIENT] }],
  'an empty audience': [/audience/, { aud: [] }],
  'an audience within a list': [/audience/, { aud: [[CLIENT]] }],
  'the audience in capitals': [/audience/, { aud: CLIENT.toUpperCase() }],
  'another client as the party': [/another client/, { azp: 'other' }],
  'a party that is no text': [/another client/, { azp: [CLIENT] }],
  'no end': [/when it ends/, { exp: undefined }],
  'no time of issue': [/when it was issued/, { iat: undefined }],
  'an end in the past': [/expired/, { exp: at(-60) }],
  'a time of issue in the future': [/in the future/, { iat: at(61), exp: at(600) }],
  'an age of more than ten minutes': [/too old/, { iat: at(-661) }],
  'not good yet': [/not good yet/, { nbf: at(61) }],
  'an end that is text': [/not a time/, { exp: String(at(300)) }],
  'a negative end': [/not a time/, { exp: -1 }],
  'an end without end': [/not a time/, { exp: 1e300 }],
  'an access token by its type': [/another type/, {}, { typ: 'at+jwt' }],
  'an access token by its full type': [/another type/, {}, { typ: 'application/AT+JWT' }],
  'a logout token by its type': [/another type/, {}, { typ: 'logout+jwt' }],
  'a logout token by its claim': [/event/, { events: { 'http://schemas.openid.net/event/backchannel-logout': {} } }],
  'a security event': [/another type/, {}, { typ: 'secevent+jwt' }],
  'a DPoP proof': [/another type/, {}, { typ: 'dpop+jwt' }],
  'a type that is no text': [/typ is not plain/, {}, { typ: 1 }],
  'an access token of Keycloak': [/not an ID token/, { typ: 'Bearer' }],
  'an access token of Cognito': [/not an ID token/, { token_use: 'access' }],
  'an access token of Entra': [/not an ID token/, { scp: 'openid' }],
  'no subject': [/no claim sub/, { sub: undefined }],
  'an empty subject': [/sub is not plain/, { sub: '' }],
  'a subject with a line break': [/sub is not plain/, { sub: 'u-1\nu-2' }],
  'a subject with a hidden character': [/sub is not plain/, { sub: 'u-\u202e1' }],
  'half a character as the subject': [/sub is not plain/, { sub: 'u-\ud800' }],
  'a subject that is a number': [/sub is not plain/, { sub: 1 }],
  'a subject of 3000 characters': [/sub is not plain/, { sub: 'u'.repeat(3_000) }],
  'a nonce that is a list': [/nonce/, { nonce: ['thumbprint'] }],
  'an id of the token that is a number': [/jti/, { jti: 7 }],
  'groups that are numbers': [/not a list of groups/, { groups: [1, 2] }],
  'groups that are an object': [/not a list of groups/, { groups: { sre: true } }],
  'groups that are null': [/not a list of groups/, { groups: null }],
  'an empty group': [/not a list of groups/, { groups: ['sre', ''] }],
  'a group with a line break': [/not a list of groups/, { groups: ['sre\n'] }],
  'a group of 257 characters': [/not a list of groups/, { groups: ['g'.repeat(257)] }],
  '201 groups': [/more than 200/, { groups: Array.from({ length: 201 }, (_, index) => `g${index}`) }],
  'groups that are kept elsewhere': [/too long/, { groups: undefined, _claim_names: { groups: 'src1' } }],
  'keys by URL in the header': [/header jku/, {}, { jku: 'https://attacker.example.com/jwks' }],
  'a certificate by URL in the header': [/header x5u/, {}, { x5u: 'https://attacker.example.com/cert' }],
  'a key in the header': [/header jwk/, {}, { jwk: STRANGER.jwk }],
  'a certificate in the header': [/header x5c/, {}, { x5c: ['MIIB'] }],
  'an unknown key': [/no such key/, {}, { kid: 'other' }],
  'a path as the key': [/no such key/, {}, { kid: '../../../../dev/null' }],
  'a query as the key': [/no such key/, {}, { kid: "' OR 1=1 --" }],
  'a URL as the key': [/no such key/, {}, { kid: 'https://attacker.example.com/key' }],
  'a key that is a list': [/kid is not plain/, {}, { kid: ['ES256-1'] }],
  'an actor that acts through another': [/another one/, { act: { sub: 'bot', act: { sub: 'other' } } }],
  'an actor of another issuer': [/another issuer/, { act: { sub: 'bot', iss: 'https://other.example.com' } }],
  'an actor without subject': [/no claim sub/, { act: { client_id: 'bot' } }],
  'an actor that is text': [/no object/, { act: 'bot' }],
  'an actor that is the person': [/itself/, { act: { sub: 'u-1' } }],
};

test('every fault of an ID token is refused in the same words, and the log says which it was', async (t) => {
  const issuer = await startIssuer(t, [KEY.jwk]);
  const verifier = verifierOf({ corp: entry({ type: 'oidc', issuer: issuer.url, client_id: CLIENT }) });
  for (const [fault, [reason, claims, header]] of Object.entries(FAULTS)) {
    await t.test(fault, async () => {
      const attempt = verifier.verify(idToken(await signed(KEY, { ...base(issuer.url), ...claims }, header)), BINDING);
      await assert.rejects(attempt, REFUSAL);
      assert.match(await reasonOf(attempt), reason);
    });
  }
  for (const other of [`${issuer.url}/`, issuer.url.toUpperCase(), issuer.url.replace('127.0.0.1', 'localhost')]) {
    const attempt = verifier.verify(idToken(await signed(KEY, { ...base(issuer.url), iss: other })), BINDING);
    await assert.rejects(attempt, REFUSAL, other);
  }
});

const json = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

test('signatures that no key of the issuer made are refused, whatever the header calls them', async (t) => {
  const { alg: _, ...bare } = RSA.jwk;
  const issuer = await startIssuer(t, [KEY.jwk, bare, P384.jwk, { kty: 'oct', k: 'c2VjcmV0', kid: 'oct' }]);
  const config = { type: 'oidc', issuer: issuer.url, client_id: CLIENT };
  const verifier = verifierOf({ corp: entry(config) });
  const claims = base(issuer.url);
  const body = json(claims);
  const good = await signed(KEY, claims);
  const [head = '', payload = '', signature = ''] = good.split('.');
  const hmac = (header: string, secret: string | Buffer): string =>
    `${header}.${body}.${createHmac('sha256', secret).update(`${header}.${body}`).digest('base64url')}`;
  // Safe: the key is asymmetric.
  const pem = await exportSPKI((await importJWK(RSA.jwk, 'RS256')) as CryptoKey);
  const der = createPublicKey(pem).export({ type: 'spki', format: 'der' });
  const tokens: Readonly<Record<string, string>> = {
    'alg none': `${json({ alg: 'none' })}.${body}.`,
    'alg None, with a signature': `${json({ alg: 'None', kid: KEY.kid })}.${payload}.${signature}`,
    'no alg': `${json({ kid: KEY.kid })}.${payload}.${signature}`,
    'HS256 with the public key as PEM': hmac(json({ alg: 'HS256', kid: RSA.kid }), pem),
    'HS256 with the public key as DER': hmac(json({ alg: 'HS256', kid: RSA.kid }), der),
    'HS256 with the empty key': hmac(json({ alg: 'HS256', kid: RSA.kid }), ''),
    'HS256 with a key of the set': hmac(json({ alg: 'HS256', kid: 'oct' }), 'secret'),
    'another algorithm of the same key': await signed(KEY, claims, { kid: RSA.kid }),
    'an algorithm that is not on the list': await signed(P384, claims),
    'the name of a good key, signed by a stranger': await signed({ ...STRANGER, kid: KEY.kid }, claims),
    'no name of a key, signed by a stranger': await signed(STRANGER, claims, { kid: undefined }),
    'the signature of another token': `${(await signed(KEY, { ...claims, sub: 'u-2' })).split('.').slice(0, 2).join('.')}.${signature}`,
    'a signature of zeros': `${head}.${payload}.${Buffer.alloc(64).toString('base64url')}`,
    'no signature': `${head}.${payload}.`,
    'two parts': `${head}.${payload}`,
    'four parts': `${good}.${signature}`,
    'five parts, as encrypted': `${head}.${payload}.${signature}.${payload}.${signature}`,
    'JSON serialization': JSON.stringify({ payload, signatures: [{ protected: head, signature }] }),
    padding: `${good}=`,
    'a space before it': ` ${good}`,
    'a line break after it': `${good}\n`,
    'base64 instead of base64url': good.replaceAll('_', '/').replaceAll('-', '+').replace('.', '.').concat('+'),
    'a list as the claims': await signedText('[]'),
    'null as the claims': await signedText('null'),
    'a claim twice': await signedText(`{"sub":"u-2",${JSON.stringify(claims).slice(1)}`),
    'a claim twice, escaped': await signedText(`{"\\u0073ub":"u-2",${JSON.stringify(claims).slice(1)}`),
    'claims nested 20 deep': await signed(KEY, { ...claims, x: JSON.parse(`${'['.repeat(20)}${']'.repeat(20)}`) }),
    'a byte order mark': await signedText(`\ufeff${JSON.stringify(claims)}`),
    'not UTF-8': await signedText(
      Buffer.concat([Buffer.from(JSON.stringify(claims).slice(0, -1)), Buffer.from(',"x":"\xff"}', 'latin1')]),
    ),
    empty: '',
    'a megabyte': 'a'.repeat(1_048_576),
    'more than 16 KiB': await signed(KEY, { ...claims, filler: 'x'.repeat(16_384) }),
    'crit that nobody understands': withHeader({ crit: ['exp'], exp: at(300) }),
    'an unencoded payload': withHeader({ b64: false, crit: ['b64'] }),
  };
  async function signedText(text: string | Buffer): Promise<string> {
    const input = `${head}.${Buffer.from(text).toString('base64url')}`;
    const bytes = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, KEY.privateKey, Buffer.from(input));
    return `${input}.${Buffer.from(bytes).toString('base64url')}`;
  }
  function withHeader(extra: Claims): string {
    return `${json({ alg: 'ES256', kid: KEY.kid, ...extra })}.${payload}.${signature}`;
  }
  await verifier.verify(idToken(good), BINDING);
  await verifier.verify(idToken(await signedText(JSON.stringify(claims))), BINDING);
  for (const [fault, token] of Object.entries(tokens)) {
    await t.test(fault, async () => {
      await assert.rejects(verifier.verify(idToken(token), BINDING), REFUSAL);
    });
  }
  // Refused for what they are, before any key is looked for.
  for (const header of [{ crit: ['exp'], exp: at(300) }, { b64: false }]) {
    assert.match(await reasonOf(verifier.verify(idToken(withHeader(header)), BINDING)), /header (?:crit|b64) is not/);
  }
  const wider = verifierOf({ corp: entry({ ...config, algorithms: ['ES256', 'ES384'] }) });
  await wider.verify(idToken(await signed(P384, claims)), BINDING);
});

test('a proof is of the type that it is handed in as', async (t) => {
  const issuer = await startIssuer(t, [KEY.jwk]);
  const verifier = verifierOf({
    corp: entry({ type: 'oidc', issuer: issuer.url, client_id: CLIENT }),
    jobs: entry({ type: 'jwt', issuer: issuer.url, require: { sub: 'job' } }),
  });
  const person = await signed(KEY, base(issuer.url));
  const job = await signed(KEY, { ...base(issuer.url), sub: 'job', aud: AUDIENCE });
  assert.equal((await verifier.verify(idToken(person), BINDING)).provider, 'corp');
  assert.equal((await verifier.verify(jwt(job), BINDING)).provider, 'jobs');
  const aws: Assertion = { ...jwt(job), type: 'urn:jit:token-type:aws-caller-identity' };
  for (const wrong of [jwt(person), idToken(job), aws]) await assert.rejects(verifier.verify(wrong, BINDING), REFUSAL);
});

test('required claims have one of their values, of the same type', async (t) => {
  const issuer = await startIssuer(t, [KEY.jwk]);
  const require = { org: ['a', 'b'], mfa: true, amr: 'hwk', level: 3 };
  const verifier = verifierOf({ corp: entry({ type: 'oidc', issuer: issuer.url, client_id: CLIENT, require }) });
  const good = { ...base(issuer.url), org: 'b', mfa: true, amr: ['pwd', 'hwk'], level: 3 };
  await verifier.verify(idToken(await signed(KEY, good)), BINDING);
  for (const change of [
    { org: 'c' },
    { org: undefined },
    { org: ['c'] },
    { org: { a: 'a' } },
    { org: null },
    { mfa: 'true' },
    { mfa: false },
    { mfa: 1 },
    { amr: 'pwd' },
    { amr: [] },
    { amr: ['hwk2'] },
    { level: '3' },
  ]) {
    const attempt = verifier.verify(idToken(await signed(KEY, { ...good, ...change })), BINDING);
    await assert.rejects(attempt, REFUSAL, JSON.stringify(change));
    assert.match(await reasonOf(attempt), /not as required/);
  }
});

test('groups and name come from the configured claims alone; a name that cannot be shown gives way to the subject', async (t) => {
  const issuer = await startIssuer(t, [KEY.jwk]);
  const claims = { groups: 'https://example.com/teams', name: 'handle' };
  const verifier = verifierOf({ corp: entry({ type: 'oidc', issuer: issuer.url, client_id: CLIENT, claims }) });
  const principalOf = async (change: Claims): Promise<readonly [string, readonly string[]]> => {
    const { principal } = await verifier.verify(
      idToken(await signed(KEY, { ...base(issuer.url), ...change })),
      BINDING,
    );
    return [principal.name, principal.groups];
  };
  assert.deepEqual(await principalOf({}), ['u-1', []]);
  assert.deepEqual(await principalOf({ handle: 'ada', [claims.groups]: 'sre' }), ['ada', ['sre']]);
  assert.deepEqual(await principalOf({ [claims.groups]: ['x', 'y', 'x'] }), ['u-1', ['x', 'y']]);
  for (const handle of ['a\u001b[2Jb', 'a\nb', 'a\u202eb', '', 'x'.repeat(257), 7, ['ada'], null]) {
    assert.deepEqual(await principalOf({ handle }), ['u-1', []]);
  }
  const [long] = await principalOf({ sub: 's'.repeat(2_000) });
  assert.equal(long.length, 256);
});

test('a token with an actor is that agent, acting for the person', async (t) => {
  const issuer = await startIssuer(t, [KEY.jwk]);
  const verifier = verifierOf({ corp: entry({ type: 'oidc', issuer: issuer.url, client_id: CLIENT }) });
  for (const act of [{ sub: 'bot' }, { sub: 'bot', iss: issuer.url, client_id: 'x' }]) {
    const { principal } = await verifier.verify(idToken(await signed(KEY, { ...base(issuer.url), act })), BINDING);
    assert.deepEqual(principal, {
      kind: 'agent',
      issuer: issuer.url,
      subject: 'bot',
      name: 'bot',
      groups: [],
      actsFor: {
        kind: 'user',
        issuer: issuer.url,
        subject: 'u-1',
        name: 'Ada Lovelace',
        groups: ['sre', 'sre-leads'],
      },
    });
  }
});

test('a proof has one name for single use, by its id or by what is signed, and never by its signature', async (t) => {
  const issuer = await startIssuer(t, [KEY.jwk]);
  const verifier = verifierOf({ corp: entry({ type: 'oidc', issuer: issuer.url, client_id: CLIENT }) });
  const onceOf = async (token: string): Promise<string> => (await verifier.verify(idToken(token), BINDING)).once;
  const [first, again] = [await signed(KEY, base(issuer.url)), await signed(KEY, base(issuer.url))];
  assert.notEqual(first, again, 'signatures by elliptic curves differ each time');
  assert.equal(await onceOf(first), await onceOf(again));
  assert.equal(await onceOf(first), await onceOf(mirrored(first)));
  const named = async (change: Claims): Promise<string> =>
    onceOf(await signed(KEY, { ...base(issuer.url), ...change }));
  assert.equal(await named({ jti: 'a' }), await named({ jti: 'a', sub: 'u-2' }));
  assert.notEqual(await named({ jti: 'a' }), await named({ jti: 'b' }));
});

/** The other valid signature of the same key for the same text: (r, n - s) beside (r, s). */
function mirrored(token: string): string {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const [header, payload, signature = ''] = token.split('.');
  const bytes = Buffer.from(signature, 'base64url');
  const s = order - BigInt(`0x${bytes.subarray(32).toString('hex')}`);
  const other = Buffer.concat([bytes.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')]);
  return `${header}.${payload}.${other.toString('base64url')}`;
}

test('nothing of a proof is in the error, nor in what is logged about it', async (t) => {
  const issuer = await startIssuer(t, [KEY.jwk]);
  const verifier = verifierOf({ corp: entry({ type: 'oidc', issuer: issuer.url, client_id: CLIENT }) });
  const token = await signed(KEY, { ...base(issuer.url), sub: 'CANARY-sub', name: 'CANARY-name', aud: 'CANARY-aud' });
  const thrown: unknown = await verifier.verify(idToken(token), BINDING).catch((error: unknown) => error);
  assert.ok(thrown instanceof JitError);
  const all = `${thrown.message} ${String(thrown.cause)} ${thrown.stack ?? ''}`;
  assert.doesNotMatch(all, /CANARY/);
  for (const part of token.split('.')) assert.ok(!all.includes(part));
});
