/** S3 through the real SDK client. @module */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import {
  CreateMultipartUploadCommand,
  CopyObjectCommand,
  DeleteObjectCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import type { ChecksumAlgorithm, ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import { refusalOf, start } from './fixture.ts';

const Bucket = 'sandbox-reports';

function policy(...statements: readonly object[]): string {
  return JSON.stringify({ Version: '2012-10-17', Statement: statements });
}

test('buckets, their region and their existence', async (t) => {
  const { s3, assume } = await start(t);
  const client = s3(await assume());
  const { Buckets } = await client.send(new ListBucketsCommand({}));
  assert.deepEqual(
    Buckets?.map((one) => one.Name),
    ['sandbox-reports', 'sandbox-secrets'],
  );
  assert.equal((await client.send(new GetBucketLocationCommand({ Bucket }))).LocationConstraint, undefined);
  assert.equal((await client.send(new HeadBucketCommand({ Bucket }))).BucketRegion, 'us-east-1');
});

test('an object that is put can be read whole, in part and by its facts, and deleted', async (t) => {
  const { s3, assume } = await start(t);
  const client = s3(await assume());
  const Key = 'dir/ä b+c%&=?#~!*\'()/"<x>.txt';
  await client.send(
    new PutObjectCommand({ Bucket, Key, Body: 'hello world', ContentType: 'text/x', Metadata: { who: 'me' } }),
  );
  const whole = await client.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }));
  assert.equal(await whole.Body?.transformToString(), 'hello world');
  assert.equal(whole.ContentType, 'text/x');
  assert.deepEqual(whole.Metadata, { who: 'me' });
  assert.ok(whole.ChecksumCRC32, 'the client checked it');
  for (const [Range, text] of [
    ['bytes=0-4', 'hello'],
    ['bytes=6-', 'world'],
    ['bytes=-3', 'rld'],
    ['bytes=6-999', 'world'],
  ] as const) {
    const part = await client.send(new GetObjectCommand({ Bucket, Key, Range }));
    assert.equal(await part.Body?.transformToString(), text);
    assert.equal(part.$metadata.httpStatusCode, 206);
  }
  const beyond = await refusalOf(client.send(new GetObjectCommand({ Bucket, Key, Range: 'bytes=11-' })));
  assert.equal(beyond.code, 'InvalidRange');
  const facts = await client.send(new HeadObjectCommand({ Bucket, Key }));
  assert.equal(facts.ContentLength, 11);
  const same = await refusalOf(client.send(new GetObjectCommand({ Bucket, Key, IfNoneMatch: facts.ETag ?? '' })));
  assert.equal(same.status, 304);
  const changed = await refusalOf(client.send(new GetObjectCommand({ Bucket, Key, IfMatch: '"x"' })));
  assert.equal(changed.code, 'PreconditionFailed');
  const listed = await client.send(new ListObjectsV2Command({ Bucket, Prefix: 'dir/ä' }));
  assert.equal(listed.Contents?.[0]?.Key, Key);
  await client.send(new DeleteObjectCommand({ Bucket, Key }));
  assert.equal((await refusalOf(client.send(new GetObjectCommand({ Bucket, Key })))).code, 'NoSuchKey');
});

test('every checksum that the client can send is verified', async (t) => {
  const { s3, assume } = await start(t);
  const client = s3(await assume());
  const algorithms: readonly ChecksumAlgorithm[] = ['CRC32', 'CRC32C', 'SHA1', 'SHA256'];
  for (const ChecksumAlgorithm of algorithms) {
    const put = new PutObjectCommand({
      Bucket,
      Key: ChecksumAlgorithm,
      Body: Buffer.alloc(100_000, 7),
      ChecksumAlgorithm,
    });
    assert.equal((await client.send(put)).$metadata.httpStatusCode, 200, ChecksumAlgorithm);
  }
  const wrong = new PutObjectCommand({
    Bucket,
    Key: 'x',
    Body: 'x',
    ChecksumSHA256: Buffer.alloc(32).toString('base64'),
  });
  assert.equal((await refusalOf(client.send(wrong))).code, 'BadDigest');
  const md5 = new PutObjectCommand({ Bucket, Key: 'x', Body: 'x', ContentMD5: Buffer.alloc(16).toString('base64') });
  assert.equal((await refusalOf(client.send(md5))).code, 'BadDigest');
});

test('a stream goes up in chunks with a trailing checksum', async (t) => {
  const { s3, assume } = await start(t);
  const client = s3(await assume());
  const Body = Readable.from([Buffer.alloc(70_000, 'a'), Buffer.alloc(70_000, 'b')]);
  await client.send(new PutObjectCommand({ Bucket, Key: 'stream', Body, ContentLength: 140_000 }));
  const back = await client.send(new GetObjectCommand({ Bucket, Key: 'stream' }));
  const bytes = await back.Body?.transformToByteArray();
  assert.equal(
    Buffer.from(bytes ?? []).equals(Buffer.concat([Buffer.alloc(70_000, 'a'), Buffer.alloc(70_000, 'b')])),
    true,
  );
});

test('lists fold at the delimiter and continue where they stopped, in both versions', async (t) => {
  const { s3, assume } = await start(t);
  const client = s3(await assume());
  for (const Key of ['list/a/1', 'list/a/2', 'list/b', 'list/c/1', 'list/d', 'list/é', 'list/z/1']) {
    await client.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
  }
  const names: string[] = [];
  let ContinuationToken: string | undefined;
  do {
    const page: ListObjectsV2CommandOutput = await client.send(
      new ListObjectsV2Command({ Bucket, Prefix: 'list/', Delimiter: '/', MaxKeys: 2, ContinuationToken }),
    );
    names.push(
      ...(page.Contents ?? []).map((one) => one.Key ?? ''),
      ...(page.CommonPrefixes ?? []).map((one) => one.Prefix ?? ''),
    );
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken !== undefined);
  assert.deepEqual(names.sort(), ['list/a/', 'list/b', 'list/c/', 'list/d', 'list/z/', 'list/é']);
  const first = await client.send(new ListObjectsCommand({ Bucket, Prefix: 'list/', MaxKeys: 3 }));
  assert.equal(first.IsTruncated, true);
  const Marker = first.Contents?.at(-1)?.Key ?? '';
  const rest = await client.send(new ListObjectsCommand({ Bucket, Prefix: 'list/', Marker }));
  assert.deepEqual(
    rest.Contents?.map((one) => one.Key),
    ['list/c/1', 'list/d', 'list/z/1', 'list/é'],
  );
  const started = await client.send(new ListObjectsV2Command({ Bucket, Prefix: 'list/', StartAfter: 'list/d' }));
  assert.deepEqual(
    started.Contents?.map((one) => one.Key),
    ['list/z/1', 'list/é'],
  );
});

test('a session policy narrows to one bucket and prefix, in the words of AWS', async (t) => {
  const { s3, assume } = await start(t);
  const Policy = policy(
    { Effect: 'Allow', Action: 's3:GetObject', Resource: `arn:aws:s3:::${Bucket}/2026/*` },
    {
      Effect: 'Allow',
      Action: 's3:ListBucket',
      Resource: `arn:aws:s3:::${Bucket}`,
      Condition: { StringLike: { 's3:prefix': '2026/*' } },
    },
  );
  const client = s3(await assume({ Policy }));
  await client.send(new GetObjectCommand({ Bucket, Key: '2026/q1.csv' }));
  await client.send(new ListObjectsV2Command({ Bucket, Prefix: '2026/' }));
  const refused = [
    [new GetObjectCommand({ Bucket, Key: 'hello.txt' }), 's3:GetObject', `"arn:aws:s3:::${Bucket}/hello.txt"`],
    [
      new GetObjectCommand({ Bucket: 'sandbox-secrets', Key: 'launch-codes.txt' }),
      's3:GetObject',
      '"arn:aws:s3:::sandbox-secrets/launch-codes.txt"',
    ],
    [
      new PutObjectCommand({ Bucket, Key: '2026/q1.csv', Body: '' }),
      's3:PutObject',
      `"arn:aws:s3:::${Bucket}/2026/q1.csv"`,
    ],
    [
      new DeleteObjectCommand({ Bucket, Key: '2026/q1.csv' }),
      's3:DeleteObject',
      `"arn:aws:s3:::${Bucket}/2026/q1.csv"`,
    ],
    [new ListObjectsV2Command({ Bucket }), 's3:ListBucket', `"arn:aws:s3:::${Bucket}"`],
    [new ListObjectsV2Command({ Bucket, Prefix: 'drafts/' }), 's3:ListBucket', `"arn:aws:s3:::${Bucket}"`],
    // Who may not list does not learn that there is no such object.
    [new GetObjectCommand({ Bucket, Key: '2026/none' }), 's3:ListBucket', `"arn:aws:s3:::${Bucket}"`],
  ] as const;
  for (const [command, action, resource] of refused) {
    // The union of commands has no common overload of `send`.
    const refusal = await refusalOf(client.send(command as GetObjectCommand));
    assert.equal(refusal.status, 403);
    const words = `is not authorized to perform: ${action} on resource: ${resource} because no session policy allows the ${action} action`;
    assert.ok(refusal.message.includes(words), refusal.message);
  }
  const buckets = await refusalOf(client.send(new ListBucketsCommand({})));
  assert.match(
    buckets.message,
    /perform: s3:ListAllMyBuckets because no session policy allows the s3:ListAllMyBuckets action/,
  );
});

test('a policy that ends by the clock ends before the session does', async (t) => {
  const { s3, assume } = await start(t);
  const bounded = (at: number) =>
    policy({
      Effect: 'Allow',
      Action: 's3:*',
      Resource: '*',
      Condition: { DateLessThan: { 'aws:CurrentTime': new Date(at).toISOString() } },
    });
  const command = new GetObjectCommand({ Bucket, Key: 'hello.txt' });
  await s3(await assume({ Policy: bounded(Date.now() + 60_000) })).send(command);
  const late = s3(await assume({ Policy: bounded(Date.now() - 1) }));
  assert.equal((await refusalOf(late.send(command))).code, 'AccessDenied');
});

test('what the sandbox does not have is said, not guessed', async (t) => {
  const { s3, assume } = await start(t);
  const client = s3(await assume());
  const body = { Bucket, Key: 'x', Body: 'x' };
  const calls = [
    () => client.send(new CreateMultipartUploadCommand({ Bucket, Key: 'x' })),
    () => client.send(new CopyObjectCommand({ Bucket, Key: 'x', CopySource: `${Bucket}/hello.txt` })),
    () => client.send(new PutObjectCommand({ ...body, ACL: 'public-read' })),
    () => client.send(new PutObjectCommand({ ...body, Tagging: 'a=b' })),
    () => client.send(new PutObjectCommand({ ...body, IfNoneMatch: '*' })),
    () => client.send(new GetObjectCommand({ Bucket, Key: 'x', VersionId: '1' })),
  ];
  for (const call of calls) {
    const refusal = await refusalOf(call());
    assert.equal(refusal.code, 'NotImplemented', refusal.message);
    assert.equal(refusal.status, 501);
  }
  const big = new PutObjectCommand({ ...body, Body: Buffer.alloc(8 * 1024 * 1024 + 1) });
  assert.equal((await refusalOf(client.send(big))).code, 'EntityTooLarge');
  assert.equal((await refusalOf(client.send(new HeadBucketCommand({ Bucket: 'no-such-bucket' })))).status, 403);
});

test('credentials of a session that has no token, a wrong one, or one that was altered are told apart', async (t) => {
  const { s3, assume, operator } = await start(t);
  const keys = await assume();
  const list = new ListBucketsCommand({});
  const { accessKeyId, secretAccessKey } = keys;
  assert.equal((await refusalOf(s3({ accessKeyId, secretAccessKey }).send(list))).code, 'InvalidAccessKeyId');
  const altered = await refusalOf(s3({ ...keys, sessionToken: `A${(keys.sessionToken ?? '').slice(1)}A` }).send(list));
  assert.equal(altered.code, 'InvalidToken');
  assert.equal(altered.status, 400);
  const wrong = await refusalOf(s3({ ...keys, secretAccessKey: operator.secretAccessKey }).send(list));
  assert.equal(wrong.code, 'SignatureDoesNotMatch');
});
