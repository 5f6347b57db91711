/** The published check values of each checksum: those of "123456789", and RFC 1321 for MD5. @module */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checksumFor } from '../../../src/sandbox/s3/checksum.ts';

const CHECKS = [
  ['x-amz-checksum-crc32', 'cbf43926'],
  ['x-amz-checksum-crc32c', 'e3069283'],
  ['x-amz-checksum-crc64nvme', 'ae8b14860a799888'],
  ['x-amz-checksum-sha1', 'f7c3bc1d808e04732adf679965ccc34ca7ae3441'],
  ['x-amz-checksum-sha256', '15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225'],
  ['content-md5', '25f9e794323b453885f5181f1b624d0b'],
] as const;

for (const [header, hex] of CHECKS) {
  test(`${header} gives its published check value`, () => {
    assert.equal(checksumFor(header, Buffer.from('123456789')), Buffer.from(hex, 'hex').toString('base64'));
  });
}

test('a checksum that is not known is said to be so', () => {
  assert.equal(checksumFor('x-amz-checksum-xxhash64', Buffer.alloc(0)), null);
});
