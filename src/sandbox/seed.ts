/**
 * The objects that a new sandbox starts with.
 * @module
 */
import { storeObject } from './s3/bucket.ts';
import type { Bucket } from './s3/bucket.ts';

const SEEDS = [
  {
    bucket: 'sandbox-reports',
    key: 'hello.txt',
    type: 'text/plain',
    content: 'Hello! You are reading this with credentials that will soon be gone. This is a sandbox, not AWS.\n',
  },
  {
    bucket: 'sandbox-reports',
    key: '2026/q1.csv',
    type: 'text/csv',
    content: 'month,requests,denied\njanuary,812,31\nfebruary,774,28\nmarch,903,40\n',
  },
  {
    bucket: 'sandbox-reports',
    key: '2026/q2.csv',
    type: 'text/csv',
    content: 'month,requests,denied\napril,866,35\nmay,921,22\njune,888,19\n',
  },
  {
    bucket: 'sandbox-reports',
    key: 'drafts/plan.md',
    type: 'text/markdown',
    content: '# Plan\n\nGive everybody exactly what the task needs.\n',
  },
  {
    bucket: 'sandbox-secrets',
    key: 'launch-codes.txt',
    type: 'text/plain',
    content: 'If you can read this, you were granted more than the reports. (These codes launch nothing.)\n',
  },
] as const;

/** Puts the objects into their buckets. `now` is epoch milliseconds. */
export function seedBuckets(buckets: ReadonlyMap<string, Bucket>, now: number): void {
  for (const { bucket, key, type, content } of SEEDS) {
    const into = buckets.get(bucket);
    const headers = new Map([['content-type', type]]);
    if (into !== undefined)
      storeObject(into, key, { body: Buffer.from(content, 'utf8'), headers, checksum: null, now });
  }
}
