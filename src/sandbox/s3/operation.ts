/**
 * What every S3 operation is given, and what it answers with.
 * @module
 */
import type { Cloud } from '../cloud.ts';
import type { Fault } from '../fault.ts';
import { fault } from '../fault.ts';
import { refusal } from '../principal.ts';
import type { CloudRequest } from '../request.ts';
import type { Caller } from '../sigv4/authenticate.ts';
import type { Bucket } from './bucket.ts';

/** The namespace of S3's XML. */
export const S3_NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';

/** One signed request for a bucket or an object. `bucket` and `key` may be empty. */
export interface S3Call {
  readonly cloud: Cloud;
  readonly request: CloudRequest;
  readonly caller: Caller;
  /** What the client declared about its payload: a hash, or one of S3's markers. */
  readonly payload: string;
  readonly bucket: string;
  readonly key: string;
}

/** An answer of an operation. Headers are added to those that every answer has. */
export interface S3Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | string;
}

/** An answer with an XML document. */
export function xmlAnswer(body: string): S3Answer {
  return { status: 200, headers: { 'content-type': 'application/xml' }, body };
}

/** Asks whether the caller may do something to a bucket or object; null where they may. */
export function s3Refusal(call: S3Call, action: string, context?: ReadonlyMap<string, string>): Fault | null {
  const onObject = action.endsWith('Object');
  const resource = `arn:aws:s3:::${call.bucket}${onObject ? `/${call.key}` : ''}`;
  const wish = { action, resource, shown: `"${resource}"` };
  return refusal(call.cloud, call.caller.principal, context === undefined ? wish : { ...wish, context });
}

/** The bucket that a call names. Callers are judged first, so that strangers cannot probe for names. */
export function bucketOf(call: S3Call): Bucket | Fault {
  const found = call.cloud.world.buckets.get(call.bucket);
  return found ?? fault('NoSuchBucket', 404, 'The specified bucket does not exist');
}
