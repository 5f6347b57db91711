/**
 * Writing and deleting objects.
 * Source: S3 API reference, PutObject, DeleteObject.
 * @module
 */
import { fault, isFault, notImplemented } from '../fault.ts';
import type { Fault } from '../fault.ts';
import { isStream, unchunk } from '../sigv4/chunked.ts';
import { STREAMS } from '../sigv4/chunked.ts';
import type { World } from '../world.ts';
import { storeObject } from './bucket.ts';
import type { Checksum } from './bucket.ts';
import { checksumFor } from './checksum.ts';
import { bucketOf, s3Refusal } from './operation.ts';
import type { S3Answer, S3Call } from './operation.ts';

/** Bytes of one object. */
export const MAX_OBJECT_BYTES = 8 * 1024 * 1024;
const MAX_TOTAL_BYTES = 128 * 1024 * 1024;
const MAX_OBJECTS = 10_000;
const MAX_METADATA_BYTES = 2_048;

/** The data and the checksums that came with it, by header name. */
interface Upload {
  readonly data: Buffer;
  readonly checksums: ReadonlyMap<string, string>;
}

const CHECKSUM = /^(?:content-md5|x-amz-checksum-(?!type$|mode$|algorithm$).+)$/;

function readUpload(call: S3Call): Upload | Fault {
  const { headers, body } = call.request;
  const sent = new Map([...headers].filter(([name]) => CHECKSUM.test(name)));
  const { payload } = call;
  if (!isStream(payload)) return { data: body, checksums: sent };
  const unchunked = unchunk(body, payload, call.caller.chain);
  if (isFault(unchunked)) return unchunked;
  const { data, trailers } = unchunked;
  const announced = headers.get('x-amz-trailer')?.toLowerCase();
  const names = [...trailers.keys()];
  if (STREAMS[payload].trailer && (names.length !== 1 || names[0] !== announced)) {
    return fault('MalformedTrailerError', 400, 'The request contained trailing data that was not well-formed.');
  }
  if (headers.get('x-amz-decoded-content-length') !== String(data.length)) {
    return fault('IncompleteBody', 400, 'The decoded length does not match x-amz-decoded-content-length.');
  }
  return { data, checksums: new Map([...sent, ...trailers]) };
}

/** Checks every checksum; the object keeps the one that is not Content-MD5. */
function checkUpload(upload: Upload): Checksum | null | Fault {
  let kept: Checksum | null = null;
  for (const [header, value] of upload.checksums) {
    const actual = checksumFor(header, upload.data);
    if (actual === null) return notImplemented(`The checksum ${header}`);
    if (actual !== value)
      return fault('BadDigest', 400, `The ${header} you specified did not match the calculated checksum.`);
    if (header !== 'content-md5') kept = { header, value };
  }
  return kept;
}

const KEPT = /^(?:content-type|content-disposition|content-language|cache-control|x-amz-meta-[\x21-\x7e]+)$/;
const HARMLESS: ReadonlySet<string> = new Set([
  'x-amz-content-sha256',
  'x-amz-date',
  'x-amz-security-token',
  'x-amz-decoded-content-length',
  'x-amz-trailer',
  'x-amz-sdk-checksum-algorithm',
  'x-amz-user-agent',
]);

/** Headers that ask for something else than to store these bytes are refused, not ignored. */
function strayHeader(call: S3Call): string | null {
  for (const [name, value] of call.request.headers) {
    const known = HARMLESS.has(name) || KEPT.test(name) || CHECKSUM.test(name);
    const standard = name === 'x-amz-storage-class' && value === 'STANDARD';
    if (name.startsWith('x-amz-') && !known && !standard) return name;
    if (name.startsWith('if-')) return name;
  }
  return null;
}

function keptHeaders(call: S3Call): ReadonlyMap<string, string> | Fault {
  const kept = new Map([...call.request.headers].filter(([name]) => KEPT.test(name)));
  const encoding = (call.request.headers.get('content-encoding') ?? '')
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '' && one !== 'aws-chunked');
  if (encoding.length > 0) kept.set('content-encoding', encoding.join(','));
  const metadata = [...kept]
    .filter(([name]) => name.startsWith('x-amz-meta-'))
    .flat()
    .join('');
  if (metadata.length > MAX_METADATA_BYTES) {
    return fault('MetadataTooLarge', 400, 'Your metadata headers exceed the maximum allowed metadata size');
  }
  return kept;
}

function roomFault(world: World, more: number): Fault | null {
  const objects = [...world.buckets.values()].flatMap((bucket) => [...bucket.objects.values()]);
  const bytes = objects.reduce((sum, object) => sum + object.body.length, more);
  const full = objects.length >= MAX_OBJECTS || bytes > MAX_TOTAL_BYTES;
  return full ? fault('InvalidRequest', 400, 'The sandbox keeps objects in memory and has no room for more.') : null;
}

/** PutObject. The object lives in memory and ends with the sandbox. */
export function putObject(call: S3Call): S3Answer | Fault {
  const refused = s3Refusal(call, 's3:PutObject');
  if (refused !== null) return refused;
  const bucket = bucketOf(call);
  if (isFault(bucket)) return bucket;
  const stray = strayHeader(call);
  if (stray !== null) return notImplemented(`The header ${stray}`);
  const upload = readUpload(call);
  if (isFault(upload)) return upload;
  if (upload.data.length > MAX_OBJECT_BYTES) {
    return fault('EntityTooLarge', 400, 'Your proposed upload exceeds the maximum allowed object size.');
  }
  const checksum = checkUpload(upload);
  if (isFault(checksum)) return checksum;
  const headers = keptHeaders(call);
  if (isFault(headers)) return headers;
  const full = roomFault(call.cloud.world, upload.data.length);
  if (full !== null) return full;
  // A copy: the data may be a view into a larger buffer of the network's.
  const body = Buffer.from(upload.data);
  const stored = storeObject(bucket, call.key, { body, headers, checksum, now: call.cloud.now() });
  const extra = checksum === null ? {} : { [checksum.header]: checksum.value, 'x-amz-checksum-type': 'FULL_OBJECT' };
  return { status: 200, headers: { etag: stored.etag, ...extra }, body: '' };
}

/** DeleteObject. Deleting what is not there succeeds, as it does in S3. */
export function deleteObject(call: S3Call): S3Answer | Fault {
  const refused = s3Refusal(call, 's3:DeleteObject');
  if (refused !== null) return refused;
  const bucket = bucketOf(call);
  if (isFault(bucket)) return bucket;
  bucket.objects.delete(call.key);
  return { status: 204, headers: {}, body: '' };
}
