/**
 * What a request claims about its own signature, from the Authorization header or from the query string.
 * Source: IAM user guide, "AWS Signature Version 4 for API requests"; S3 API reference, "Authenticating Requests".
 * @module
 */
import { fault } from '../fault.ts';
import type { Fault } from '../fault.ts';
import type { CloudRequest } from '../request.ts';

/** A claim that is complete and well-formed, and not yet believed. */
export interface Claim {
  readonly via: 'header' | 'query';
  readonly accessKeyId: string;
  /** `YYYYMMDD`. */
  readonly date: string;
  readonly region: string;
  readonly service: string;
  /** In lower case, sorted, without repetition. */
  readonly signedHeaders: readonly string[];
  /** 64 lower-case hexadecimal digits. */
  readonly signature: string;
  /** `YYYYMMDDThhmmssZ`. */
  readonly timestamp: string;
  /** Epoch milliseconds of `timestamp`. */
  readonly signedAt: number;
  /** Seconds, for a presigned URL; null for a header. */
  readonly lifetime: number | null;
  readonly token: string | null;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';
const CREDENTIAL = /^([A-Z0-9]{16,128})\/(\d{8})\/([a-z0-9-]{1,40})\/([a-z0-9-]{1,40})\/aws4_request$/;
const HEADER_LIST = /^[a-z0-9-]+(?:;[a-z0-9-]+)*$/;
const SIGNATURE = /^[0-9a-f]{64}$/;
const TIMESTAMP = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;
const LONGEST_PRESIGNED = 604_800;
const LONGEST_TOKEN = 16_384;

function incomplete(what: string): Fault {
  return fault('IncompleteSignature', 400, `The request signature is incomplete or malformed: ${what}.`);
}

/** Epoch milliseconds of `YYYYMMDDThhmmssZ`, or null where that is no instant. */
function instantOf(timestamp: string): number | null {
  const match = TIMESTAMP.exec(timestamp);
  if (match === null) return null;
  const [, year, month, day, hour, minute, second] = match;
  const instant = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(instant) ? null : instant;
}

interface RawClaim {
  readonly via: Claim['via'];
  readonly credential: string | undefined;
  readonly signedHeaders: string | undefined;
  readonly signature: string | undefined;
  readonly timestamp: string | undefined;
  readonly token: string | undefined;
  readonly lifetime: number | null;
}

function check(raw: RawClaim): Claim | Fault {
  const [, accessKeyId, date, region, service] = CREDENTIAL.exec(raw.credential ?? '') ?? [];
  if (accessKeyId === undefined || date === undefined || region === undefined || service === undefined) {
    return incomplete('the credential must have the form KEY/DATE/REGION/SERVICE/aws4_request');
  }
  if (raw.signedHeaders === undefined || !HEADER_LIST.test(raw.signedHeaders)) return incomplete('signed headers');
  if (raw.signature === undefined || !SIGNATURE.test(raw.signature)) return incomplete('signature');
  const signedHeaders = raw.signedHeaders.split(';');
  if (signedHeaders.some((name, index) => index > 0 && name <= (signedHeaders[index - 1] ?? ''))) {
    return incomplete('signed headers are not sorted');
  }
  const signedAt = instantOf(raw.timestamp ?? '');
  if (raw.timestamp === undefined || signedAt === null) return incomplete('an x-amz-date of the form 20260102T030405Z');
  if (raw.timestamp.slice(0, 8) !== date) return incomplete('the credential and x-amz-date name different days');
  const needed = raw.via === 'header' ? ['host', 'x-amz-date'] : ['host'];
  if (!needed.every((name) => signedHeaders.includes(name))) {
    return incomplete(`${needed.join(' and ')} must be signed`);
  }
  if (raw.token !== undefined && raw.token.length > LONGEST_TOKEN) return incomplete('the session token is too long');
  const { via, signature, timestamp, lifetime, token = null } = raw;
  return { via, accessKeyId, date, region, service, signedHeaders, signature, timestamp, signedAt, lifetime, token };
}

function fromHeader(request: CloudRequest, authorization: string): Claim | Fault {
  const space = authorization.indexOf(' ');
  if (authorization.slice(0, space) !== ALGORITHM) return incomplete(`the algorithm must be ${ALGORITHM}`);
  const parts = new Map<string, string>();
  for (const piece of authorization.slice(space + 1).split(',')) {
    const equals = piece.indexOf('=');
    const name = piece.slice(0, equals).trim();
    if (equals < 0 || parts.has(name)) return incomplete('the Authorization header');
    parts.set(name, piece.slice(equals + 1).trim());
  }
  if (parts.size !== 3) return incomplete('the Authorization header');
  return check({
    via: 'header',
    credential: parts.get('Credential'),
    signedHeaders: parts.get('SignedHeaders'),
    signature: parts.get('Signature'),
    timestamp: request.headers.get('x-amz-date'),
    token: request.headers.get('x-amz-security-token'),
    lifetime: null,
  });
}

function fromQuery(request: CloudRequest): Claim | Fault {
  const { query } = request;
  if (query.get('X-Amz-Algorithm') !== ALGORITHM) return incomplete(`the algorithm must be ${ALGORITHM}`);
  const seconds = query.get('X-Amz-Expires') ?? '';
  const lifetime = /^\d{1,6}$/.test(seconds) ? Number(seconds) : 0;
  if (lifetime < 1 || lifetime > LONGEST_PRESIGNED) {
    return fault(
      'AuthorizationQueryParametersError',
      400,
      `X-Amz-Expires must be a number of seconds from 1 to ${LONGEST_PRESIGNED}.`,
    );
  }
  return check({
    via: 'query',
    credential: query.get('X-Amz-Credential'),
    signedHeaders: query.get('X-Amz-SignedHeaders'),
    signature: query.get('X-Amz-Signature'),
    timestamp: query.get('X-Amz-Date'),
    token: query.get('X-Amz-Security-Token'),
    lifetime,
  });
}

/** Finds the claim; null where the request makes none. */
export function readClaim(request: CloudRequest): Claim | null | Fault {
  const authorization = request.headers.get('authorization');
  const presigned = [...request.query.keys()].some((name) => /^x-amz-(?:signature|credential|algorithm)$/i.test(name));
  if (authorization !== undefined && presigned) {
    return fault('InvalidArgument', 400, 'Only one auth mechanism allowed.');
  }
  if (authorization !== undefined) return fromHeader(request, authorization);
  // Some clients still presign with Signature Version 2 where nothing tells them not to.
  if (request.query.has('AWSAccessKeyId') && request.query.has('Signature')) {
    const message = 'The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.';
    return fault('InvalidRequest', 400, message);
  }
  return presigned ? fromQuery(request) : null;
}
