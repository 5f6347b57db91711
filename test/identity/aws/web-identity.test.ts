/**
 * sts:GetWebIdentityToken with the real SDK, against answers in AWS's own form: no STS that can be run here serves it.
 * @module
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { getWebIdentityToken } from '../../../src/identity/aws/web-identity.ts';
import { serve } from '../../providers/aws/support.ts';
import type { Canned } from './support.ts';
import { AUDIENCE, KEYS, REGION, cannedSts, failed } from './support.ts';

const ISSUER = 'https://abc123-def456.tokens.sts.global.api.aws';
const claims = (iss: string): string => `e30.${Buffer.from(JSON.stringify({ iss })).toString('base64url')}.c2ln`;
const JWT = claims(ISSUER);
const NS = 'https://sts.amazonaws.com/doc/2011-06-15/';
const token = (jwt: string): Canned => ({
  body: `<GetWebIdentityTokenResponse xmlns="${NS}"><GetWebIdentityTokenResult><WebIdentityToken>${jwt}</WebIdentityToken><Expiration>2026-11-22T03:04:05Z</Expiration></GetWebIdentityTokenResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetWebIdentityTokenResponse>`,
});
const error = (code: string, status: number): Canned => ({
  status,
  body: `<ErrorResponse xmlns="${NS}"><Error><Type>Sender</Type><Code>${code}</Code><Message>not here</Message></Error><RequestId>r</RequestId></ErrorResponse>`,
});

const at = (endpoint: string) => ({
  audience: AUDIENCE,
  region: REGION,
  credentials: () => Promise.resolve(KEYS),
  issuers: ['https://idp.example.com', ISSUER],
  endpoint,
});

async function asked(t: TestContext, canned: Canned) {
  const sts = await cannedSts(t, () => canned);
  return { sts, answer: getWebIdentityToken(at(sts.url)) };
}

test('the token of AWS, for this broker only and for five minutes', async (t) => {
  const { sts, answer } = await asked(t, token(JWT));
  const got = await answer;
  assert.equal(String(got), '[secret]');
  assert.equal(got?.expose(), JWT);
  const fields = Object.fromEntries(new URLSearchParams(sts.seen[0]?.body));
  assert.deepEqual(fields, {
    Action: 'GetWebIdentityToken',
    Version: '2011-06-15',
    'Audience.member.1': AUDIENCE,
    DurationSeconds: '300',
    SigningAlgorithm: 'ES384',
  });
});

for (const [code, status] of [
  ['OutboundWebIdentityFederationDisabledException', 403],
  ['AccessDenied', 403],
  ['SessionDurationEscalationException', 403],
  ['InvalidAction', 400],
] as const) {
  test(`${code} means that the signed request is the way`, async (t) => {
    assert.equal(await (await asked(t, error(code, status))).answer, null);
  });
}

for (const [name, status, code] of [
  ['ExpiredToken', 403, 'ERR_NOT_SIGNED_IN'],
  ['InvalidClientTokenId', 403, 'ERR_NOT_SIGNED_IN'],
  ['SignatureDoesNotMatch', 403, 'ERR_NOT_SIGNED_IN'],
  ['InternalFailure', 500, 'ERR_IDENTITY_PROVIDER'],
  ['ServiceUnavailable', 503, 'ERR_IDENTITY_PROVIDER'],
] as const) {
  test(`${name} is an error, and no reason to try something else`, async (t) => {
    const { answer } = await asked(t, error(name, status));
    assert.equal((await failed(answer)).code, code);
  });
}

test('a token of an account that the broker does not know is not used, and none is asked for where it knows none', async (t) => {
  const other = 'https://zzz999.tokens.sts.global.api.aws';
  for (const jwt of [claims(other), claims(`${ISSUER}/`), 'a.b.c', 'e30.W10.c2ln']) {
    assert.equal(await (await asked(t, token(jwt))).answer, null);
  }
  const sts = await cannedSts(t, () => token(JWT));
  assert.equal(await getWebIdentityToken({ ...at(sts.url), issuers: [] }), null);
  assert.deepEqual(sts.seen, []);
});

test('an answer without a token, one that is no XML, and an STS that is not there', async (t) => {
  assert.equal((await failed((await asked(t, token(''))).answer)).code, 'ERR_IDENTITY_PROVIDER');
  const html = { body: '<!doctype html><title>proxy</title>', headers: { 'content-type': 'text/html' } };
  assert.equal((await failed((await asked(t, html)).answer)).code, 'ERR_IDENTITY_PROVIDER');
  const gone = await serve(() => undefined);
  await gone.close();
  assert.equal((await failed(getWebIdentityToken(at(gone.url)))).code, 'ERR_IDENTITY_PROVIDER');
});

test('without credentials nothing is asked', async (t) => {
  const sts = await cannedSts(t, () => token(JWT));
  const credentials = (): Promise<never> => Promise.reject(new RangeError('none'));
  assert.equal((await failed(getWebIdentityToken({ ...at(sts.url), credentials }))).code, 'ERR_NOT_SIGNED_IN');
  assert.deepEqual(sts.seen, []);
});
