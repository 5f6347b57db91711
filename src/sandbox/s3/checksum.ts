/**
 * The checksums that clients send with an upload.
 * Source: S3 user guide, "Checking object integrity". CRC-32C: RFC 3720 B.4. CRC-64/NVME: NVM Express specification.
 * @module
 */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

const CRC32C_POLYNOMIAL = 0x82f63b78;

const CRC32C_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit += 1) value = (value >>> 1) ^ ((value & 1) === 1 ? CRC32C_POLYNOMIAL : 0);
  return value >>> 0;
});

function crc32c(data: Buffer): number {
  let value = 0xffffffff;
  for (const byte of data) value = (value >>> 8) ^ (CRC32C_TABLE[(value ^ byte) & 0xff] ?? 0);
  return (value ^ 0xffffffff) >>> 0;
}

const CRC64_HIGH = 0x9a6c9329;
const CRC64_LOW = 0xac4bc9b5;

// Two halves of 32 bits, because BigInt arithmetic would make every upload wait.
const CRC64_TABLE = Array.from({ length: 256 }, (_, index) => {
  let high = 0;
  let low = index;
  for (let bit = 0; bit < 8; bit += 1) {
    const odd = (low & 1) === 1;
    low = ((low >>> 1) | (high << 31)) ^ (odd ? CRC64_LOW : 0);
    high = (high >>> 1) ^ (odd ? CRC64_HIGH : 0);
  }
  return [high >>> 0, low >>> 0] as const;
});
const CRC64_HIGHS = Uint32Array.from(CRC64_TABLE, ([high]) => high);
const CRC64_LOWS = Uint32Array.from(CRC64_TABLE, ([, low]) => low);

function crc64nvme(data: Buffer): Buffer {
  let high = 0xffffffff;
  let low = 0xffffffff;
  for (const byte of data) {
    const index = (low ^ byte) & 0xff;
    low = ((low >>> 8) | (high << 24)) ^ (CRC64_LOWS[index] ?? 0);
    high = (high >>> 8) ^ (CRC64_HIGHS[index] ?? 0);
  }
  return Buffer.concat([bigEndian((high ^ 0xffffffff) >>> 0), bigEndian((low ^ 0xffffffff) >>> 0)]);
}

function bigEndian(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function hashed(algorithm: string): (data: Buffer) => Buffer {
  return (data) => createHash(algorithm).update(data).digest();
}

const ALGORITHMS: ReadonlyMap<string, (data: Buffer) => Buffer> = new Map([
  ['x-amz-checksum-crc32', (data: Buffer) => bigEndian(crc32(data))],
  ['x-amz-checksum-crc32c', (data: Buffer) => bigEndian(crc32c(data))],
  ['x-amz-checksum-crc64nvme', crc64nvme],
  ['x-amz-checksum-sha1', hashed('sha1')],
  ['x-amz-checksum-sha256', hashed('sha256')],
  ['content-md5', hashed('md5')],
]);

/** The base64 checksum of the kind that a header names, or null for a kind that the sandbox does not know. */
export function checksumFor(header: string, data: Buffer): string | null {
  return ALGORITHMS.get(header)?.(data).toString('base64') ?? null;
}
