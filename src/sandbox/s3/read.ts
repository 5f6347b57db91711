/**
 * Reading objects: whole, in part, or their facts only.
 * Source: S3 API reference, GetObject, HeadObject; RFC 9110 sections 13 and 14.
 * @module
 */
import { fault, isFault } from '../fault.ts';
import type { Fault } from '../fault.ts';
import type { StoredObject } from './bucket.ts';
import { bucketOf, s3Refusal } from './operation.ts';
import type { S3Answer, S3Call } from './operation.ts';

interface Span {
  readonly first: number;
  /** Inclusive. */
  readonly last: number;
}

/** Reads `bytes=a-b`, `bytes=a-` or `bytes=-n`. Null for no range, and for several at once, which S3 does not do. */
function readRange(header: string | undefined, size: number): Span | null | Fault {
  const [, from, to] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '') ?? [];
  if (from === undefined || to === undefined || (from === '' && to === '')) return null;
  const first = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const last = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (from !== '' && to !== '' && Number(to) < Number(from)) return null;
  return first > last ? fault('InvalidRange', 416, 'The requested range is not satisfiable') : { first, last };
}

function headersOf(call: S3Call, object: StoredObject, span: Span | null): Record<string, string> {
  const { body, etag, modified, headers, checksum } = object;
  const answer: Record<string, string> = {
    'content-type': 'binary/octet-stream',
    ...Object.fromEntries(headers),
    'accept-ranges': 'bytes',
    etag,
    'last-modified': new Date(modified).toUTCString(),
    'content-length': String(span === null ? body.length : span.last - span.first + 1),
  };
  if (span !== null) answer['content-range'] = `bytes ${span.first}-${span.last}/${body.length}`;
  const wanted = call.request.headers.get('x-amz-checksum-mode')?.toUpperCase() === 'ENABLED';
  if (wanted && checksum !== null && span === null) {
    answer[checksum.header] = checksum.value;
    answer['x-amz-checksum-type'] = 'FULL_OBJECT';
  }
  return answer;
}

function listsTag(header: string, etag: string): boolean {
  return header.split(',').some((one) => [etag, '*', etag.slice(1, -1)].includes(one.trim()));
}

/** GetObject and HeadObject. A caller who may not list the bucket does not learn whether an object is missing. */
export function readObject(call: S3Call): S3Answer | Fault {
  const refused = s3Refusal(call, 's3:GetObject');
  if (refused !== null) return refused;
  const bucket = bucketOf(call);
  if (isFault(bucket)) return bucket;
  const object = bucket.objects.get(call.key);
  if (object === undefined) {
    return s3Refusal(call, 's3:ListBucket') ?? fault('NoSuchKey', 404, 'The specified key does not exist.');
  }
  const mustMatch = call.request.headers.get('if-match');
  if (mustMatch !== undefined && !listsTag(mustMatch, object.etag)) {
    return fault('PreconditionFailed', 412, 'At least one of the pre-conditions you specified did not hold');
  }
  const mustDiffer = call.request.headers.get('if-none-match');
  if (mustDiffer !== undefined && listsTag(mustDiffer, object.etag)) {
    return { status: 304, headers: { etag: object.etag }, body: '' };
  }
  const span = readRange(call.request.headers.get('range'), object.body.length);
  if (isFault(span)) return span;
  const headers = headersOf(call, object, span);
  const body = span === null ? object.body : object.body.subarray(span.first, span.last + 1);
  return { status: span === null ? 200 : 206, headers, body };
}
