/**
 * Objects in memory.
 * @module
 */
import { createHash } from 'node:crypto';

/** A checksum that the writer chose: header name and base64 value. */
export interface Checksum {
  readonly header: string;
  readonly value: string;
}

/** An object as it was last written. */
export interface StoredObject {
  readonly body: Buffer;
  /** With its quotes, as in the header. */
  readonly etag: string;
  /** Epoch milliseconds, whole seconds. */
  readonly modified: number;
  /** Content type and user metadata, by lower-case header name. */
  readonly headers: ReadonlyMap<string, string>;
  readonly checksum: Checksum | null;
}

/** A bucket; its objects by key. */
export interface Bucket {
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly objects: Map<string, StoredObject>;
}

/** @param now epoch milliseconds. */
export function emptyBucket(now: number): Bucket {
  return { createdAt: now, objects: new Map() };
}

/** What is written. `now` is epoch milliseconds. */
export interface NewObject {
  readonly body: Buffer;
  readonly headers: ReadonlyMap<string, string>;
  readonly checksum: Checksum | null;
  readonly now: number;
}

/** Writes an object, replacing one of that name. */
export function storeObject(bucket: Bucket, key: string, fresh: NewObject): StoredObject {
  const { body, headers, checksum, now } = fresh;
  // S3 defines the ETag of a plain upload as its MD5; it protects nothing here.
  const etag = `"${createHash('md5').update(body).digest('hex')}"`;
  const stored = { body, etag, modified: Math.floor(now / 1_000) * 1_000, headers, checksum };
  bucket.objects.set(key, stored);
  return stored;
}
