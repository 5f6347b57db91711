/**
 * Lists: of buckets, and of the objects in one (both versions of the call).
 * Source: S3 API reference, ListBuckets, ListObjects, ListObjectsV2.
 * @module
 */
import { fault, isFault } from '../fault.ts';
import type { Fault } from '../fault.ts';
import { OPERATOR, refusal } from '../principal.ts';
import { utf8Of } from '../request.ts';
import { documentOf, element, field } from '../xml.ts';
import type { StoredObject } from './bucket.ts';
import { S3_NAMESPACE, bucketOf, s3Refusal, xmlAnswer } from './operation.ts';
import type { S3Answer, S3Call } from './operation.ts';

const MAX_KEYS = 1_000;

/** Every bucket of the account. */
export function listBuckets(call: S3Call): S3Answer | Fault {
  const wish = { action: 's3:ListAllMyBuckets', resource: '*', shown: null };
  const refused = refusal(call.cloud, call.caller.principal, wish);
  if (refused !== null) return refused;
  const buckets = [...call.cloud.world.buckets].map(([name, bucket]) =>
    element('Bucket', field('Name', name), field('CreationDate', new Date(bucket.createdAt).toISOString())),
  );
  const owner = element('Owner', field('ID', OPERATOR.userId), field('DisplayName', 'jit-sandbox'));
  return xmlAnswer(documentOf('ListAllMyBucketsResult', S3_NAMESPACE, owner, element('Buckets', ...buckets)));
}

interface ListQuery {
  readonly version: 'v1' | 'v2';
  readonly prefix: string;
  readonly delimiter: string;
  readonly maxKeys: number;
  /** Only names after this one are listed. */
  readonly after: string;
  readonly encode: (name: string) => string;
}

/** What one page shows: names in the order of their UTF-8 bytes, common prefixes rolled up. */
interface Page {
  readonly objects: readonly (readonly [key: string, object: StoredObject])[];
  readonly prefixes: readonly string[];
  /** The last name of the page where there are more, else null. */
  readonly next: string | null;
}

const TOKEN_PREFIX = 'after:';

function readQuery(call: S3Call): ListQuery | Fault {
  const decoded = new Map([...call.request.query].map(([name, value]) => [name, utf8Of(value)]));
  if ([...decoded.values()].includes(null)) return fault('InvalidArgument', 400, 'A parameter is not UTF-8.');
  const get = (name: string) => decoded.get(name) ?? '';
  const version = decoded.has('list-type') ? 'v2' : 'v1';
  if (version === 'v2' && get('list-type') !== '2') return fault('InvalidArgument', 400, 'list-type must be 2.');
  const asked = decoded.has('max-keys') ? get('max-keys') : String(MAX_KEYS);
  if (!/^\d{1,9}$/.test(asked)) return fault('InvalidArgument', 400, 'max-keys must be a whole number.');
  const encoding = get('encoding-type');
  if (encoding !== '' && encoding !== 'url')
    return fault('InvalidArgument', 400, 'Invalid Encoding Method specified in Request');
  const token = Buffer.from(get('continuation-token'), 'base64url').toString('utf8');
  if (decoded.has('continuation-token') && !token.startsWith(TOKEN_PREFIX)) {
    return fault('InvalidArgument', 400, 'The continuation token provided is incorrect');
  }
  const continued = token.slice(TOKEN_PREFIX.length);
  return {
    version,
    prefix: get('prefix'),
    delimiter: get('delimiter'),
    maxKeys: Math.min(Number(asked), MAX_KEYS),
    after: version === 'v1' ? get('marker') : continued || get('start-after'),
    encode: encoding === 'url' ? (name) => encodeURIComponent(name).replaceAll('%2F', '/') : (name) => name,
  };
}

function pageOf(objects: ReadonlyMap<string, StoredObject>, query: ListQuery): Page {
  const { prefix, delimiter, maxKeys, after } = query;
  const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'));
  const shown: (readonly [string, StoredObject])[] = [];
  const prefixes: string[] = [];
  let last: string | null = null;
  for (const key of [...objects.keys()].filter((name) => name.startsWith(prefix)).sort(byBytes)) {
    const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    const name = cut < 0 ? key : key.slice(0, cut + delimiter.length);
    const object = objects.get(key);
    if (object === undefined || byBytes(name, after) <= 0 || name === last) continue;
    if (shown.length + prefixes.length >= maxKeys) return { objects: shown, prefixes, next: last };
    last = name;
    if (cut < 0) shown.push([key, object]);
    else prefixes.push(name);
  }
  return { objects: shown, prefixes, next: null };
}

/** The objects of a bucket. */
export function listObjects(call: S3Call): S3Answer | Fault {
  const query = readQuery(call);
  if (isFault(query)) return query;
  const context = call.request.query.has('prefix') ? new Map([['s3:prefix', query.prefix]]) : undefined;
  const refused = s3Refusal(call, 's3:ListBucket', context);
  if (refused !== null) return refused;
  const bucket = bucketOf(call);
  if (isFault(bucket)) return bucket;
  const page = pageOf(bucket.objects, query);
  const { encode, version, delimiter } = query;
  const optional = (name: string, value: string) => field(name, value === '' ? null : encode(value));
  const contents = page.objects.map(([key, { body, etag, modified }]) =>
    element(
      'Contents',
      field('Key', encode(key)),
      field('LastModified', new Date(modified).toISOString()),
      field('ETag', etag),
      field('Size', body.length),
      field('StorageClass', 'STANDARD'),
    ),
  );
  const token = page.next === null ? null : Buffer.from(TOKEN_PREFIX + page.next, 'utf8').toString('base64url');
  const position =
    version === 'v2'
      ? [
          field('KeyCount', page.objects.length + page.prefixes.length),
          field('ContinuationToken', call.request.query.get('continuation-token') ?? null),
          field('NextContinuationToken', token),
          optional('StartAfter', call.request.query.has('start-after') ? query.after : ''),
        ]
      : [
          field('Marker', encode(query.after)),
          // Version 1 gives a marker only with a delimiter; without one, the last key is it.
          field('NextMarker', page.next === null || delimiter === '' ? null : encode(page.next)),
        ];
  return xmlAnswer(
    documentOf(
      'ListBucketResult',
      S3_NAMESPACE,
      field('Name', call.bucket),
      field('Prefix', encode(query.prefix)),
      ...position,
      field('MaxKeys', query.maxKeys),
      optional('Delimiter', delimiter),
      field('EncodingType', call.request.query.has('encoding-type') ? 'url' : null),
      field('IsTruncated', String(page.next !== null)),
      ...contents,
      ...page.prefixes.map((name) => element('CommonPrefixes', field('Prefix', encode(name)))),
    ),
  );
}
