/**
 * What is refused without asking STS at all. The STS here believes everybody, so that nothing else could refuse.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Canonical, canonicalJson } from '../../../src/core/canonical.ts';
import type { Secret } from '../../../src/core/secret.ts';
import type { Opened, Signing } from './support.ts';
import {
  AUDIENCE,
  BINDING,
  CHALLENGE,
  altered,
  broker,
  cannedSts,
  close,
  entryText,
  forged,
  identityXml,
  open,
  prove,
  refusal,
  sealed,
  withHeaders,
} from './support.ts';

type Case = readonly [what: string, make: () => Promise<Secret<string>>, reason: RegExp];

const header = (name: string, value: string | ((before: string) => string)): (() => Promise<Secret<string>>) => {
  return () =>
    altered((proof) => {
      const before = proof.headers[name] ?? '';
      return withHeaders(proof, { [name]: typeof value === 'string' ? value : value(before) });
    });
};
const member = (name: string, value: Canonical) => () => altered((proof) => ({ ...proof, [name]: value }));
const text = (change: (json: string) => string) => async () => {
  const { v, region, headers } = open(await prove());
  return sealed(change(canonicalJson({ v, region, headers })));
};
const raw = (change: (token: string) => string) => async () => {
  const { Secret: Holder } = await import('../../../src/core/secret.ts');
  return new Holder(change((await prove()).expose()));
};
const signed = (parts: Signing) => () => forged(parts);
const at = (offset: number) => () => prove({ now: () => Date.now() + offset });
const authorization = (change: (before: string) => string) => header('authorization', change);
const renamed = (from: string, to: string) => () =>
  altered(({ v, region, headers: { [from]: value = '', ...rest } }: Opened) => ({
    v,
    region,
    headers: { ...rest, [to]: value },
  }));

const SHAPE = /^not of the shape of a proof$/;
const SIGNATURE = /^no signature of the one form that is taken$/;
const COVER = /^the signature covers other headers than it must$/;
const MADE = /^made for another broker, nonce, key or body$/;
const JSON_FORM = /^not (?:canonical JSON|JSON in UTF-8)$/;

const TOKEN: readonly Case[] = [
  ['nothing', raw(() => ''), JSON_FORM],
  ['more than 8 KiB', raw((token) => token.padEnd(8_193, 'A')), /^too long$/],
  ['padding', raw((token) => `${token}=`), /^not base64url$/],
  ['a line break after it', raw((token) => `${token}\n`), /^not base64url$/],
  ['letters of plain base64', raw((token) => `${token.slice(0, 8)}+/${token.slice(10)}`), /^not base64url$/],
  ['the prefix of another tool', raw((token) => `k8s-aws-v1.${token}`), /^not base64url$/],
  ['a list', () => Promise.resolve(close([])), SHAPE],
  ['null', () => Promise.resolve(close(null)), SHAPE],
  ['text that is not JSON', text((json) => json.slice(1)), JSON_FORM],
  ['spaces in the JSON', text((json) => json.replace(':', ': ')), JSON_FORM],
  ['a byte order mark', text((json) => `\ufeff${json}`), JSON_FORM],
  ['members in another order', text((json) => json.replace(/^\{(.*),"v":1\}$/, '{"v":1,$1}')), JSON_FORM],
  ['a member named __proto__', text((json) => json.replace('{', '{"__proto__":{},')), /^not/],
  ['another version', member('v', 2), SHAPE],
];

const MEMBERS: readonly Case[] = ['method', 'url', 'host', 'path', 'query', 'body', 'endpoint'].map((name) => [
  `a member of its own for the ${name}`,
  member(name, 'https://sts.evil.example/'),
  SHAPE,
]);

const HEADERS: readonly Case[] = [
  ...[
    'accept',
    'host',
    'content-type',
    'transfer-encoding',
    'x-amz-content-sha256',
    'x-amz-target',
    'x-forwarded-host',
  ].map((name): Case => [`the header ${name}`, header(name, 'application/json'), SHAPE]),
  ['the challenge in other letters', renamed('x-jit-challenge', 'X-Jit-Challenge'), SHAPE],
  ['the challenge twice, once in other letters', header('X-Jit-Challenge', CHALLENGE), SHAPE],
  ['the signature twice, once in other letters', header('Authorization', 'AWS4-HMAC-SHA256 x'), SHAPE],
  ['the date twice, once in other letters', header('X-Amz-Date', '20260102T030405Z'), SHAPE],
  [
    'the challenge twice, in the same letters',
    text((json) => json.replace('"x-jit-challenge":', `"x-jit-challenge":"${CHALLENGE}","x-jit-challenge":`)),
    JSON_FORM,
  ],
  [
    'the challenge twice, once escaped',
    text((json) =>
      json.replace('"x-jit-challenge":', String.raw`"x-jit-challeng\u0065":"${CHALLENGE}","x-jit-challenge":`),
    ),
    JSON_FORM,
  ],
  [
    'a list of values',
    () => altered(({ v, region, headers }) => ({ v, region, headers: { ...headers, 'x-jit-challenge': [CHALLENGE] } })),
    SHAPE,
  ],
  ['a line break in the challenge', header('x-jit-challenge', (value) => `${value}\r\nhost: evil.example`), MADE],
  ['a line break in the session token', header('x-amz-security-token', 'abcd\r\nx-amz-target: y'), SHAPE],
  ['a line break in the date', header('x-amz-date', (value) => `${value}\r\n`), SHAPE],
  ['a line break in the signature', authorization((value) => `${value}\r\nhost: evil.example`), SIGNATURE],
];

const PLACES: readonly Case[] = [
  [
    'a region that is not configured',
    () => prove({ region: 'us-east-1' }),
    /^signed for a region that is not configured$/,
  ],
  [
    'a region of another partition',
    () => prove({ region: 'cn-north-1' }),
    /^signed for a region that is not configured$/,
  ],
  ...[
    '',
    'EU-WEST-1',
    'aws-global',
    'us-iso-east-1',
    'eu-west-1\n',
    'eu-west-1.evil.ex',
    'eu-west-1@evil.ex',
    'evil.ex/?',
    '127.0.0.1',
    '../eu-west-1',
  ].map((region): Case => [`the region ${JSON.stringify(region)}`, member('region', region), /^not a region$/]),
  ['a region other than that of the signature', member('region', 'eu-central-1'), /^signed for another region$/],
  [
    'a signature for another region',
    () => forged({ region: 'eu-central-1' }).then(inIreland),
    /^signed for another region$/,
  ],
  ['a signature for another service', signed({ service: 'iam' }), /^signed for another service$/],
];

async function inIreland(token: Secret<string>): Promise<Secret<string>> {
  const { v, headers } = await Promise.resolve(open(token));
  return close({ v, region: 'eu-west-1', headers });
}

const SIGNATURES: readonly Case[] = [
  ['a challenge that the signature does not cover', signed({ unsigned: ['x-jit-challenge'] }), COVER],
  ['a host that the signature does not cover', signed({ unsigned: ['host'] }), COVER],
  ['a date that the signature does not cover', signed({ unsigned: ['x-amz-date'] }), COVER],
  ['a content type that the signature does not cover', signed({ unsigned: ['content-type'] }), COVER],
  ['a session token that the signature does not cover', signed({ unsigned: ['x-amz-security-token'] }), COVER],
  ['one more signed header', signed({ request: { headers: { accept: 'application/json' } } }), COVER],
  [
    'a body left out of the signature',
    signed({ request: { headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } } }),
    COVER,
  ],
  [
    'signed headers in another order',
    authorization((value) => value.replace('content-type;host', 'host;content-type')),
    COVER,
  ],
  ['signed headers in capitals', authorization((value) => value.replace('host', 'Host')), SIGNATURE],
  [
    'a second credential',
    authorization((value) => value.replace(' Cred', ' Credential=AKIAVICTIM0000000000/x, Cred')),
    SIGNATURE,
  ],
  [
    'a second credential in other letters',
    authorization((value) => `${value}, credential=AKIAVICTIM0000000000`),
    SIGNATURE,
  ],
  ['a second signature', authorization((value) => `${value}, Signature=${'0'.repeat(64)}`), SIGNATURE],
  ['a signature in capitals', authorization((value) => value.slice(0, -64) + 'A'.repeat(64)), SIGNATURE],
  ['a short signature', authorization((value) => value.slice(0, -1)), SIGNATURE],
  ['no spaces', authorization((value) => value.replaceAll(', ', ',')), SIGNATURE],
  [
    'another algorithm',
    authorization((value) => value.replace('AWS4-HMAC-SHA256', 'AWS4-ECDSA-P256-SHA256')),
    SIGNATURE,
  ],
  [
    'a signature of version 2',
    header('authorization', 'AWS AKIAIOSFODNN7EXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg='),
    SIGNATURE,
  ],
  ['a bearer token', header('authorization', 'Bearer abc'), SIGNATURE],
  ['two schemes', authorization((value) => `Bearer abc, ${value}`), SIGNATURE],
];

const DATES: readonly Case[] = [
  ['six minutes old', at(-360_000), /^signed too long ago/],
  ['six minutes in the future', at(360_000), /^signed too long ago, or in the future$/],
  ['as old as STS itself would take', at(-14 * 60_000), /^signed too long ago/],
  ['of another day than its key', header('x-amz-date', '20260101T000000Z'), /^signed with a key of another day$/],
  ['no instant', header('x-amz-date', '20260230T000000Z'), /^not a date$/],
  ['in another form', header('x-amz-date', '2026-11-22'), /^not a date$/],
  ['empty', header('x-amz-date', ''), /^not a date$/],
];

const BOUND = `${AUDIENCE};${BINDING.nonce};${BINDING.keyThumbprint};${BINDING.body}`;
const SALT = 's'.repeat(22);
const CHALLENGES: readonly Case[] = [
  ['the audience of another broker', () => prove({ audience: 'https://other.example.com' }), MADE],
  ['the audience in capitals', () => prove({ audience: 'https://JIT.example.com' }), MADE],
  ['the audience with a slash', () => prove({ audience: `${AUDIENCE}/` }), MADE],
  ['an audience that begins alike', () => prove({ audience: `${AUDIENCE}.evil.example` }), MADE],
  ['another nonce', () => prove({ binding: { ...BINDING, nonce: 't0.other' } }), MADE],
  ['another key', () => prove({ binding: { ...BINDING, keyThumbprint: 'x'.repeat(43) } }), MADE],
  ['another body', () => prove({ binding: { ...BINDING, body: 'x'.repeat(43) } }), MADE],
  ['no body', header('x-jit-challenge', `${BOUND.slice(0, -44)};${SALT}`), MADE],
  ['nothing', header('x-jit-challenge', ''), MADE],
  ['no salt', header('x-jit-challenge', BOUND), MADE],
  ['a short salt', header('x-jit-challenge', `${BOUND};abc`), MADE],
  ['one part more', header('x-jit-challenge', `${BOUND};${SALT};x`), MADE],
  ['one part before', header('x-jit-challenge', `x;${BOUND};${SALT}`), MADE],
  ['spaces that signing folds', header('x-jit-challenge', `  ${BOUND};${SALT}`), MADE],
];

const TABLES = [
  ['a token that is or has', TOKEN],
  ['a proof that brings its own request (CVE-2020-16250), with', MEMBERS],
  ['a proof with headers that are not its own (CVE-2020-16250, CVE-2022-2385), with', HEADERS],
  ['a proof that would be sent elsewhere, with', PLACES],
  ['a proof whose signature is not over everything or not alone (CVE-2022-2385), with', SIGNATURES],
  ['a proof with a date that is', DATES],
  ['a proof that was made for something else, with a challenge that has', CHALLENGES],
] as const;

for (const [table, cases] of TABLES) {
  for (const [what, make, reason] of cases) {
    test(`STS is not even asked about ${table} ${what}`, async (t) => {
      const sts = await cannedSts(t, () => ({ body: identityXml() }));
      const verify = broker({ entries: [entryText({ endpoint: sts.url })] });
      assert.match(await refusal(verify(await make(), BINDING)), reason);
      assert.deepEqual(sts.seen, []);
    });
  }
}

test('an honest proof passes the same STS, so that the tables above show what they say', async (t) => {
  const sts = await cannedSts(t, () => ({ body: identityXml() }));
  const verify = broker({ entries: [entryText({ endpoint: sts.url })] });
  for (const make of [prove, () => forged({}), at(-290_000), at(290_000)]) {
    assert.equal((await verify(await make(), BINDING)).principal.subject, 'AROAEXAMPLEEXAMPLE123');
  }
  assert.equal(sts.seen.length, 4);
});

test('a stolen proof is refused with any other nonce, any other key and any other body', async (t) => {
  const sts = await cannedSts(t, () => ({ body: identityXml() }));
  const verify = broker({ entries: [entryText({ endpoint: sts.url })] });
  const stolen = await prove();
  assert.match(await refusal(verify(stolen, { ...BINDING, nonce: 't1.next' })), MADE);
  assert.match(await refusal(verify(stolen, { ...BINDING, keyThumbprint: 'x'.repeat(43) })), MADE);
  assert.match(await refusal(verify(stolen, { ...BINDING, body: 'x'.repeat(43) })), MADE);
  assert.deepEqual(sts.seen, []);
});
