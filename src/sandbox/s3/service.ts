/**
 * The Simple Storage Service, path style: which request is which operation.
 * Source: S3 API reference.
 * @module
 */
import type { Cloud } from '../cloud.ts';
import { fault, isFault, notImplemented } from '../fault.ts';
import type { Fault } from '../fault.ts';
import { utf8Of } from '../request.ts';
import type { CloudRequest } from '../request.ts';
import { authenticate } from '../sigv4/authenticate.ts';
import { isStream } from '../sigv4/chunked.ts';
import { sha256Hex } from '../sigv4/signature.ts';
import { documentOf } from '../xml.ts';
import { listBuckets, listObjects } from './list.ts';
import { S3_NAMESPACE, bucketOf, s3Refusal, xmlAnswer } from './operation.ts';
import type { S3Answer, S3Call } from './operation.ts';
import { readObject } from './read.ts';
import { deleteObject, putObject } from './write.ts';

// Judged by `readClaim`; parameters of version 2 are refused there.
const SIGNING = /^(?:X-Amz-.+|AWSAccessKeyId|Signature|Expires)$/i;
const UNSIGNED = 'UNSIGNED-PAYLOAD';
const MAX_KEY_BYTES = 1_024;

interface Operation {
  readonly name: string;
  /** The parameters that it knows; `x-id` and those of a presigned URL always are. */
  readonly query: RegExp;
  readonly run: (call: S3Call) => S3Answer | Fault;
}

const NO_QUERY = /^(?!)$/;
const LIST_QUERY =
  /^(?:list-type|prefix|delimiter|max-keys|marker|continuation-token|start-after|encoding-type|fetch-owner)$/;

function getBucketLocation(call: S3Call): S3Answer | Fault {
  const refused = s3Refusal(call, 's3:GetBucketLocation');
  if (refused !== null) return refused;
  const bucket = bucketOf(call);
  // An empty constraint is us-east-1.
  return isFault(bucket) ? bucket : xmlAnswer(documentOf('LocationConstraint', S3_NAMESPACE));
}

function headBucket(call: S3Call): S3Answer | Fault {
  const refused = s3Refusal(call, 's3:ListBucket');
  if (refused !== null) return refused;
  const bucket = bucketOf(call);
  return isFault(bucket) ? bucket : { status: 200, headers: { 'x-amz-bucket-region': 'us-east-1' }, body: '' };
}

const READ = { query: NO_QUERY, run: readObject };

/** By method and by how deep the path goes. */
const OPERATIONS: ReadonlyMap<string, Operation> = new Map([
  ['GET account', { name: 'ListBuckets', query: NO_QUERY, run: listBuckets }],
  ['GET bucket', { name: 'ListObjects', query: LIST_QUERY, run: listObjects }],
  ['HEAD bucket', { name: 'HeadBucket', query: NO_QUERY, run: headBucket }],
  ['GET object', { name: 'GetObject', ...READ }],
  ['HEAD object', { name: 'HeadObject', ...READ }],
  ['PUT object', { name: 'PutObject', query: NO_QUERY, run: putObject }],
  ['DELETE object', { name: 'DeleteObject', query: NO_QUERY, run: deleteObject }],
]);

const LOCATION: Operation = { name: 'GetBucketLocation', query: /^location$/, run: getBucketLocation };

interface Place {
  readonly bucket: string;
  readonly key: string;
}

function placeOf(request: CloudRequest): Place | Fault {
  const slash = request.path.indexOf('/', 1);
  const bucket = request.path.slice(1, slash < 0 ? undefined : slash);
  const key = slash < 0 ? '' : request.path.slice(slash + 1);
  const decoded = utf8Of(key);
  if (decoded === null) return fault('InvalidURI', 400, "Couldn't parse the specified URI.");
  if (key.length > MAX_KEY_BYTES) return fault('KeyTooLongError', 400, 'Your key is too long');
  if (bucket !== '' && !/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) {
    return fault('InvalidBucketName', 400, 'The specified bucket is not valid.');
  }
  return { bucket, key: decoded };
}

/** The operation that a request asks for; what the sandbox does not have is refused, never guessed. */
function operationOf(request: CloudRequest, place: Place): Operation | Fault {
  const depth = place.bucket === '' ? 'account' : place.key === '' ? 'bucket' : 'object';
  const located = request.method === 'GET' && depth === 'bucket' && request.query.has('location');
  const operation = located ? LOCATION : OPERATIONS.get(`${request.method} ${depth}`);
  if (operation === undefined) return notImplemented(`${request.method} of this resource (multipart uploads included)`);
  for (const name of request.query.keys()) {
    if (name !== 'x-id' && !SIGNING.test(name) && !operation.query.test(name)) {
      return notImplemented(`${operation.name} with the parameter ${JSON.stringify(name.slice(0, 64))}`);
    }
  }
  return operation;
}

/** What the client says about its payload, and whether that is true. */
function payloadOf(request: CloudRequest): string | Fault {
  const declared = request.headers.get('x-amz-content-sha256');
  if (declared === undefined) {
    // Presigned URLs leave the payload out of the signature.
    if (!request.headers.has('authorization')) return UNSIGNED;
    return fault('MissingSecurityHeader', 400, 'Your request was missing a required header: x-amz-content-sha256');
  }
  if (declared === UNSIGNED || isStream(declared)) return declared;
  if (declared.startsWith('STREAMING-')) return notImplemented(`The payload kind ${declared}`);
  if (declared === sha256Hex(request.body)) return declared;
  return fault(
    'XAmzContentSHA256Mismatch',
    400,
    "The provided 'x-amz-content-sha256' header does not match what was computed.",
  );
}

/** The answer, with what may be logged about it: the operation's name and, once known, the caller's ARN. */
export interface S3Outcome {
  readonly operation: string;
  readonly caller: string | null;
  readonly answer: S3Answer | Fault;
}

/** Answers one request. */
export function handleS3(cloud: Cloud, request: CloudRequest): S3Outcome {
  const unknown = { operation: 'Unknown', caller: null };
  const place = placeOf(request);
  if (isFault(place)) return { ...unknown, answer: place };
  const operation = operationOf(request, place);
  const named = { ...unknown, operation: isFault(operation) ? 'Unknown' : operation.name };
  const payload = payloadOf(request);
  if (isFault(payload)) return { ...named, answer: payload };
  const caller = authenticate(cloud, request, { flavour: 's3', service: 's3', payload });
  if (isFault(caller)) return { ...named, answer: caller };
  const known = { ...named, caller: caller.principal.arn };
  // Strangers do not learn what is implemented.
  if (isFault(operation)) return { ...known, answer: operation };
  return { ...known, answer: operation.run({ cloud, request, caller, payload, ...place }) };
}
