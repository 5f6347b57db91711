/** Requests that the real SDK signed and somebody changed on the way. @module */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import type { STSClient } from '@aws-sdk/client-sts';
import { refusalOf, start } from './fixture.ts';

/** The parts of a signed request that a thief on the way could change. */
interface Sent {
  method: string;
  path: string;
  query: Record<string, string | string[] | null>;
  headers: Record<string, string>;
  body?: unknown;
}

type Change = (request: Sent) => void;

/** Changes requests after they have been signed. */
function tampered<T extends S3Client | STSClient>(client: T, change: Change): T {
  const stack: Pick<S3Client['middlewareStack'], 'add'> = client.middlewareStack;
  stack.add(
    (next) => (args) => {
      // The finalize step always holds an HTTP request of this shape.
      change(args.request as Sent);
      return next(args);
    },
    { step: 'finalizeRequest', priority: 'low', name: 'tamper' },
  );
  return client;
}

const get = new GetObjectCommand({ Bucket: 'sandbox-reports', Key: 'hello.txt', Range: 'bytes=0-4' });

function withAuthorization(edit: (value: string) => string): Change {
  return (request) => {
    const { authorization = '' } = request.headers;
    request.headers['authorization'] = edit(authorization);
  };
}

const CHANGES: readonly (readonly [name: string, change: Change, code: string])[] = [
  ['the path', (r) => void (r.path = '/sandbox-secrets/launch-codes.txt'), 'SignatureDoesNotMatch'],
  ['the method', (r) => void (r.method = 'DELETE'), 'SignatureDoesNotMatch'],
  ['the query', (r) => void (r.query['x-id'] = 'Other'), 'SignatureDoesNotMatch'],
  ['a signed header', (r) => void (r.headers['range'] = 'bytes=0-9'), 'SignatureDoesNotMatch'],
  ['a signed header, taken away', (r) => void delete r.headers['range'], 'SignatureDoesNotMatch'],
  ['an x-amz- header, added', (r) => void (r.headers['x-amz-meta-x'] = 'y'), 'AccessDenied'],
  ['the time', (r) => void (r.headers['x-amz-date'] = '20260101T000000Z'), 'IncompleteSignature'],
  ['the payload hash', (r) => void (r.headers['x-amz-content-sha256'] = '0'.repeat(64)), 'XAmzContentSHA256Mismatch'],
  [
    'the payload, to unsigned',
    (r) => void (r.headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD'),
    'SignatureDoesNotMatch',
  ],
  ['the payload hash, taken away', (r) => void delete r.headers['x-amz-content-sha256'], 'MissingSecurityHeader'],
  ['the signature', withAuthorization((a) => a.replace(/.$/, (c) => (c === '0' ? '1' : '0'))), 'SignatureDoesNotMatch'],
  [
    'the signature, in capitals',
    withAuthorization((a) => a.replace(/[0-9a-f]{64}$/, (s) => s.toUpperCase())),
    'IncompleteSignature',
  ],
  ['the signature, cut', withAuthorization((a) => a.slice(0, -1)), 'IncompleteSignature'],
  ['the region', withAuthorization((a) => a.replace('us-east-1', 'eu-west-1')), 'SignatureDoesNotMatch'],
  ['the service', withAuthorization((a) => a.replace('/s3/', '/sts/')), 'AuthorizationHeaderMalformed'],
  ['the signed headers, without host', withAuthorization((a) => a.replace('host;', '')), 'IncompleteSignature'],
  [
    'the signed headers, without the token',
    withAuthorization((a) => a.replace('x-amz-security-token;', '').replace(';x-amz-security-token', '')),
    'AccessDenied',
  ],
  [
    'the algorithm',
    withAuthorization((a) => a.replace('AWS4-HMAC-SHA256', 'AWS4-ECDSA-P256-SHA256')),
    'IncompleteSignature',
  ],
  [
    'a second credential',
    withAuthorization((a) => a.replace('Credential=', 'Credential=AKIA/x,Credential=')),
    'IncompleteSignature',
  ],
  ['a second way to sign', (r) => void (r.query['X-Amz-Signature'] = '0'.repeat(64)), 'InvalidArgument'],
  ['no signature at all', (r) => void delete r.headers['authorization'], 'AccessDenied'],
];

test('S3 refuses a request of which any signed part was changed', async (t) => {
  const { s3, assume } = await start(t);
  const keys = await assume();
  await s3(keys).send(get);
  for (const [name, change, code] of CHANGES) {
    const refusal = await refusalOf(tampered(s3(keys), change).send(get));
    assert.equal(refusal.code, code, `${name}: ${refusal.message}`);
  }
});

test('a changed body is refused, signed whole or by its checksum', async (t) => {
  const { s3, assume } = await start(t);
  const keys = await assume();
  const swap: Change = (request) => {
    request.body = Buffer.from('jello');
  };
  const put = new PutObjectCommand({ Bucket: 'sandbox-reports', Key: 'x', Body: 'hello' });
  assert.equal((await refusalOf(tampered(s3(keys), swap).send(put))).code, 'XAmzContentSHA256Mismatch');
  const unsigned: Change = (request) => {
    request.headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD';
    swap(request);
  };
  assert.equal((await refusalOf(tampered(s3(keys), unsigned).send(put))).code, 'SignatureDoesNotMatch');
});

test('a request that was signed for one service is no good for another, nor is a changed form', async (t) => {
  const { sts, assume } = await start(t);
  const keys = await assume();
  const command = new GetCallerIdentityCommand({});
  const cases: readonly (readonly [Change, string])[] = [
    [withAuthorization((a) => a.replace('/sts/', '/iam/')), 'SignatureDoesNotMatch'],
    [(r) => void (r.body = String(r.body).replace('Action=', '%41ction=')), 'SignatureDoesNotMatch'],
    [(r) => void delete r.headers['authorization'], 'MissingAuthenticationToken'],
    [(r) => void (r.headers['x-amz-content-sha256'] = '0'.repeat(64)), 'SignatureDoesNotMatch'],
  ];
  for (const [change, code] of cases) {
    // The length of the form is stated before it is changed.
    const whole: Change = (request) => {
      change(request);
      request.headers['content-length'] = String(String(request.body).length);
    };
    const refusal = await refusalOf(tampered(sts(keys), whole).send(command));
    assert.equal(refusal.code, code, refusal.message);
    assert.equal(refusal.status, 403);
  }
});

test('parameters cannot be smuggled in twice, in whatever case', async (t) => {
  const { s3, assume } = await start(t);
  const list = new ListObjectsV2Command({ Bucket: 'sandbox-reports', Prefix: 'a' });
  const twice: Change = (request) => {
    request.query['Prefix'] = 'b';
  };
  assert.equal((await refusalOf(tampered(s3(await assume()), twice).send(list))).code, 'MalformedQueryString');
});
