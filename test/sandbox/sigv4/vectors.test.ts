/** The examples that AWS publishes: S3 API reference, "Authenticating Requests", with the example keys. @module */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CloudRequest } from '../../../src/sandbox/request.ts';
import { readRequest } from '../../../src/sandbox/request.ts';
import { readClaim } from '../../../src/sandbox/sigv4/claim.ts';
import { unchunk } from '../../../src/sandbox/sigv4/chunked.ts';
import type { StreamKind } from '../../../src/sandbox/sigv4/chunked.ts';
import {
  canonicalRequest,
  requestSignature,
  scopeOf,
  sha256Hex,
  signingKey,
} from '../../../src/sandbox/sigv4/signature.ts';

const SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const EMPTY = sha256Hex(Buffer.alloc(0));
const CREDENTIAL = 'AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request';

function request(method: string, target: string, headers: Readonly<Record<string, string>>): CloudRequest {
  const outcome = readRequest({ method, target, headers: Object.entries(headers), body: Buffer.alloc(0) });
  assert.ok('path' in outcome);
  return outcome;
}

function signed(from: CloudRequest, payload: string) {
  const claim = readClaim(from);
  assert.ok(claim !== null && 'signature' in claim, JSON.stringify(claim));
  const key = signingKey(SECRET, claim);
  return { claim, key, signature: requestSignature(key, claim, canonicalRequest(from, claim, payload)) };
}

function authorization(signedHeaders: string, signature: string): string {
  return `AWS4-HMAC-SHA256 Credential=${CREDENTIAL},SignedHeaders=${signedHeaders},Signature=${signature}`;
}

const HOST = 'examplebucket.s3.amazonaws.com';
const DATE = '20130524T000000Z';

const HEADER_EXAMPLES = [
  {
    name: 'GET object with a range',
    target: '/test.txt',
    headers: { range: 'bytes=0-9' },
    names: 'host;range;x-amz-content-sha256;x-amz-date',
    signature: 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  },
  {
    name: 'GET bucket lifecycle',
    target: '/?lifecycle',
    headers: {},
    names: 'host;x-amz-content-sha256;x-amz-date',
    signature: 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
  },
  {
    name: 'GET bucket (list objects)',
    target: '/?max-keys=2&prefix=J',
    headers: {},
    names: 'host;x-amz-content-sha256;x-amz-date',
    signature: '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
  },
] as const;

for (const { name, target, headers, names, signature } of HEADER_EXAMPLES) {
  test(`signs as AWS's example does: ${name}`, () => {
    const from = request('GET', target, {
      host: HOST,
      'x-amz-content-sha256': EMPTY,
      'x-amz-date': DATE,
      ...headers,
      authorization: authorization(names, signature),
    });
    assert.equal(signed(from, EMPTY).signature, signature);
  });
}

test("signs as AWS's example does: presigned GET object", () => {
  const signature = 'aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404';
  const target = `/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${encodeURIComponent(CREDENTIAL)}&X-Amz-Date=${DATE}&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=${signature}`;
  assert.equal(signed(request('GET', target, { host: HOST }), 'UNSIGNED-PAYLOAD').signature, signature);
});

const CHUNKED = [
  {
    kind: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
    extra: { 'content-length': '66824' },
    names:
      'content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class',
    seed: '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
    chunks: [
      'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648',
      '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497',
      'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9',
    ],
    trailer: '\r\n',
  },
  {
    kind: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
    extra: { 'x-amz-trailer': 'x-amz-checksum-crc32c' },
    names:
      'content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer',
    seed: '106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e',
    chunks: [
      'b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2',
      '1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7',
      '2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992',
    ],
    trailer:
      'x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n',
  },
] as const satisfies readonly { kind: StreamKind; [name: string]: unknown }[];

for (const { kind, extra, names, seed, chunks, trailer } of CHUNKED) {
  const body = Buffer.concat([
    Buffer.from(`10000;chunk-signature=${chunks[0]}\r\n`),
    Buffer.alloc(65_536, 'a'),
    Buffer.from(`\r\n400;chunk-signature=${chunks[1]}\r\n`),
    Buffer.alloc(1_024, 'a'),
    Buffer.from(`\r\n0;chunk-signature=${chunks[2]}\r\n${trailer}`),
  ]);
  const from = request('PUT', '/examplebucket/chunkObject.txt', {
    host: 's3.amazonaws.com',
    'x-amz-date': DATE,
    'x-amz-storage-class': 'REDUCED_REDUNDANCY',
    'x-amz-content-sha256': kind,
    'content-encoding': 'aws-chunked',
    'x-amz-decoded-content-length': '66560',
    ...extra,
    authorization: authorization(names, seed),
  });

  test(`verifies the head, the chunks and the trailer of AWS's example: ${kind}`, () => {
    const { claim, key, signature } = signed(from, kind);
    assert.equal(signature, seed);
    const chain = { key, timestamp: claim.timestamp, scope: scopeOf(claim), seed };
    const whole = unchunk(body, kind, chain);
    assert.ok('data' in whole, JSON.stringify(whole));
    assert.ok(whole.data.equals(Buffer.alloc(66_560, 'a')));
    for (const at of [100, 65_560, 65_700, body.length - 40, body.length - 100]) {
      const altered = Buffer.from(body);
      altered[at] = (altered[at] ?? 0) ^ 1;
      assert.ok('fault' in unchunk(altered, kind, chain), `altered at ${at}`);
    }
    for (const end of [0, 10, 70_000, 65_540, 66_700]) {
      assert.ok('fault' in unchunk(body.subarray(0, Math.min(end, body.length - 120)), kind, chain), `cut at ${end}`);
    }
  });
}
